package draw

// Logo returns a brand's logo as an SVG document: the first letter of its name, in one of a few shapes and colours. n, which is not
// negative, selects these.
func Logo(name string, n int) []byte {
	inks := []string{"#b5533c", "#3c6e8f", "#4f6b45", "#a87a1f", "#3a404c", "#7a4a6b"}
	c := newCanvas(shadesOf(inks[n%len(inks)]))
	switch n % 3 {
	case 0:
		c.circle(400, 400, 380, c.down(c.mid, c.dark))
	case 1:
		c.rect(40, 40, 720, 720, 170, c.down(c.mid, c.dark))
	default:
		c.path("M400 20 L760 400 L400 780 L40 400 Z", c.down(c.mid, c.dark), stroke(c.dark, 30))
	}
	c.text(400, 530, 380, "#ffffff", string([]rune(name)[:min(1, len([]rune(name)))]))
	return c.end()
}
