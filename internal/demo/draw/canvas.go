package draw

import (
	"bytes"
	"fmt"
	"html"
	"strconv"
)

// canvas collects the elements of one picture, and the gradients that they use.
type canvas struct {
	shades
	body, defs bytes.Buffer
	gradients  map[string]string // ids of gradients, by their definition
}

func newCanvas(s shades) *canvas { return &canvas{shades: s, gradients: map[string]string{}} }

func (c *canvas) end() []byte {
	var b bytes.Buffer
	b.WriteString(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 800 800" width="800" height="800">`)
	if c.defs.Len() > 0 {
		fmt.Fprintf(&b, "<defs>%s</defs>", c.defs.Bytes())
	}
	b.Write(c.body.Bytes())
	b.WriteString("</svg>\n")
	return b.Bytes()
}

// attr is an attribute of an element, such as stroke or opacity.
type attr string

func stroke(colour string, width float64) attr {
	return attr(fmt.Sprintf(` stroke="%s" stroke-width="%s" stroke-linecap="round" stroke-linejoin="round"`, colour, num(width)))
}

func opacity(o float64) attr { return attr(fmt.Sprintf(` opacity="%s"`, num(o))) }

// path draws the outline d, in the syntax of SVG. fill is a colour, a gradient or "none".
func (c *canvas) path(d, fill string, more ...attr) {
	fmt.Fprintf(&c.body, `<path d="%s" fill="%s"%s/>`, d, fill, join(more))
}

func (c *canvas) rect(x, y, w, h, r float64, fill string, more ...attr) {
	fmt.Fprintf(&c.body, `<rect x="%s" y="%s" width="%s" height="%s" rx="%s" fill="%s"%s/>`, num(x), num(y), num(w), num(h), num(r), fill, join(more))
}

func (c *canvas) ellipse(x, y, rx, ry float64, fill string, more ...attr) {
	fmt.Fprintf(&c.body, `<ellipse cx="%s" cy="%s" rx="%s" ry="%s" fill="%s"%s/>`, num(x), num(y), num(rx), num(ry), fill, join(more))
}

func (c *canvas) circle(x, y, r float64, fill string, more ...attr) {
	c.ellipse(x, y, r, r, fill, more...)
}

// text writes one line of text, centred at x.
func (c *canvas) text(x, y, size float64, fill, s string, more ...attr) {
	fmt.Fprintf(&c.body, `<text x="%s" y="%s" font-size="%s" fill="%s" text-anchor="middle" font-family="Georgia,'Noto Serif SC',serif" font-weight="700"%s>%s</text>`,
		num(x), num(y), num(size), fill, join(more), html.EscapeString(s))
}

// group draws what f draws, with an SVG transform applied.
func (c *canvas) group(transform string, f func(), more ...attr) {
	fmt.Fprintf(&c.body, `<g transform="%s"%s>`, transform, join(more))
	f()
	c.body.WriteString("</g>")
}

// shadow draws a shadow on the ground under an article; it extends r to each side.
func (c *canvas) shadow(x, y, r float64) {
	c.ellipse(x, y, r, r*0.13, c.round(0.5, 0.5, 0.5, "#1b1d2266", "#1b1d2200"))
}

// down returns a gradient from the top to the bottom of the filled element.
func (c *canvas) down(from, to string) string {
	return c.gradient(`<linearGradient id="%s" x1="0" y1="0" x2="0" y2="1">` + stop(0, from) + stop(1, to) + `</linearGradient>`)
}

// across returns a gradient from left to right that makes a body look round: it is lightest a little inside the left edge.
func (c *canvas) across(from, to string) string {
	return c.gradient(`<linearGradient id="%s" x1="0" y1="0" x2="1" y2="0">` + stop(0, mix(from, to, 0.35)) + stop(0.28, from) + stop(1, to) + `</linearGradient>`)
}

// round returns a gradient from a centre outwards. Numbers up to 1 are fractions of the filled element, greater ones are units.
func (c *canvas) round(x, y, r float64, from, to string) string {
	units := ""
	if r > 1 {
		units = ` gradientUnits="userSpaceOnUse"`
	}
	return c.gradient(fmt.Sprintf(`<radialGradient id="%%s" cx="%s" cy="%s" r="%s"%s>`, num(x), num(y), num(r), units) + stop(0, from) + stop(1, to) + `</radialGradient>`)
}

func (c *canvas) gradient(format string) string {
	id, ok := c.gradients[format]
	if !ok {
		id = "g" + strconv.Itoa(len(c.gradients))
		c.gradients[format] = id
		fmt.Fprintf(&c.defs, format, id)
	}
	return "url(#" + id + ")"
}

func stop(at float64, colour string) string {
	return fmt.Sprintf(`<stop offset="%s" stop-color="%s"/>`, num(at), colour)
}

func num(f float64) string { return strconv.FormatFloat(float64(int(f*100))/100, 'f', -1, 64) }

func join(attrs []attr) (all string) {
	for _, a := range attrs {
		all += string(a)
	}
	return all
}
