// Package draw draws the demo shop's pictures: flat illustrations in SVG, 800 by 800 units. The same article gives the same bytes every
// time.
package draw

import (
	"fmt"
	"maps"
	"slices"
)

// Article describes what Draw draws.
type Article struct {
	Kind   string // one of Kinds
	Model  int    // 0 to 12: models of a kind differ in shape, not only in colour
	Colour string // "#rrggbb", the article's main colour
	Label  string // text on the article itself: a book's title, a card's amount
}

// View is how an article is shown.
type View int

// The views of an article, in the order of a gallery.
const (
	Front    View = iota // alone, on a plain ground
	Scene                // in a room
	Detail               // enlarged
	Measures             // with rulers along two sides
	Views    = 4
)

// kinds holds, for each kind, the function that draws an article into the middle of the canvas: between 100 and 700 in both directions. An
// article that stands does so on the line y = 680.
var kinds = map[string]func(*canvas, Article){
	"armchair":   armchair,
	"backpack":   backpack,
	"book":       book,
	"bottle":     bottle,
	"camera":     camera,
	"clock":      clock,
	"cushion":    cushion,
	"giftcard":   giftcard,
	"headphones": headphones,
	"knife":      knife,
	"lamp":       lamp,
	"laptop":     laptop,
	"mug":        mug,
	"pan":        pan,
	"phone":      phone,
	"planter":    planter,
	"robot":      robot,
	"sneaker":    sneaker,
	"speaker":    speaker,
	"sunglasses": sunglasses,
	"teapot":     teapot,
	"tent":       tent,
	"tshirt":     tshirt,
	"vase":       vase,
	"watch":      watch,
}

// Kinds returns the names of all kinds, sorted.
func Kinds() []string { return slices.Sorted(maps.Keys(kinds)) }

// Draw returns a picture of the article as an SVG document. An article of an unknown kind is drawn as a plain box.
func Draw(a Article, v View) []byte {
	c := newCanvas(shadesOf(a.Colour))
	draw := kinds[a.Kind]
	if draw == nil {
		draw = box
	}
	if v == Scene {
		room(c, a)
	} else {
		plain(c)
	}
	switch v {
	case Detail:
		c.group("translate(400 400) rotate(-6) scale(1.9) translate(-400 -330)", func() { draw(c, a) })
	case Scene:
		c.group("translate(400 690) scale(0.78) translate(-400 -690)", func() { draw(c, a) })
	case Measures:
		c.group("translate(400 400) scale(0.8) translate(-400 -400)", func() { draw(c, a) })
		measures(c)
	default:
		draw(c, a)
	}
	return c.end()
}

func box(c *canvas, _ Article) { c.rect(250, 330, 300, 350, 24, c.down(c.mid, c.dark)) }

// plain draws a plain background: nearly white, with a tint of the article's colour.
func plain(c *canvas) {
	c.rect(0, 0, 800, 800, 0, c.round(400, 360, 560, mix("#ffffff", c.mid, 0.02), mix("#e9ebee", c.mid, 0.06)))
}

// room draws a wall, a shelf and some light as the background.
func room(c *canvas, a Article) {
	wall := mix("#efe6d8", c.mid, 0.18)
	if a.Model%2 == 1 {
		wall = mix("#d9e2e4", c.mid, 0.18)
	}
	c.rect(0, 0, 800, 800, 0, c.down(mix(wall, "#ffffff", 0.25), wall))
	c.path("M0 0 H330 L90 690 H0 Z", "#ffffff55")
	c.path("M420 0 H560 L320 690 H190 Z", "#ffffff33")
	c.rect(0, 690, 800, 110, 0, c.down("#c79a6b", "#a87a4d"))
	c.rect(0, 690, 800, 8, 0, "#e0b98c")
	c.group("translate(655 690)", func() {
		c.path("M-46 0 L-58 -92 H58 L46 0 Z", c.across("#f6f2ea", "#d9d0c0"))
		for _, leaf := range []string{"-58", "-24", "8", "38", "66"} {
			c.group("translate(0 -90) rotate("+leaf+")", func() { c.path("M0 0 C-38 -60 -26 -130 0 -170 C26 -130 38 -60 0 0 Z", c.down("#5f8f63", "#2f5d43")) })
		}
	})
}

// measures draws rulers along two sides.
func measures(c *canvas) {
	const ink = "#6b7480"
	c.path("M110 110 V690 M95 110 H125 M95 690 H125", "none", stroke(ink, 3))
	c.path("M140 735 H660 M140 720 V750 M660 720 V750", "none", stroke(ink, 3))
	for i := 1; i < 10; i++ {
		y, x := 110+58*i, 140+52*i
		c.path(fmt.Sprintf("M102 %d H118 M%d 727 V743", y, x), "none", stroke(ink, 2))
	}
}
