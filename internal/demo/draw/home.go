package draw

import "fmt"

// lamp is a table lamp: foot, stem, shade.
func lamp(c *canvas, a Article) {
	c.shadow(400, 680, 190)
	wide, high := 130+10*(a.Model%4), 190+12*(a.Model%5)
	if a.Model%3 == 0 {
		c.ellipse(400, 668, 120, 18, c.across("#c9a26a", "#8a6636"))
		c.rect(391, 330, 18, 340, 9, c.across("#e0bd86", "#8a6636"))
	} else {
		c.path("M330 680 C300 600 360 560 372 500 L392 380 H408 L428 500 C440 560 500 600 470 680 Z", c.across(c.light, c.deep))
	}
	c.ellipse(400, 380, 250, 150, c.round(400, 380, 250, "#fff3c4aa", "#fff3c400"))
	top := 380 - high
	switch a.Model % 3 {
	case 0:
		c.path(fmt.Sprintf("M%d 380 C%d %d %d %d 400 %d C%d %d %d %d %d 380 Z", 400-wide-40, 400-wide-40, top+60, 400-wide, top, top, 400+wide, top, 400+wide+40, top+60, 400+wide+40), c.across(c.light, c.dark))
	case 1:
		c.path(fmt.Sprintf("M%d 380 L%d %d H%d L%d 380 Z", 400-wide-50, 400-wide+40, top, 400+wide-40, 400+wide+50), c.across(c.light, c.dark))
	default:
		c.rect(float64(400-wide), float64(top), float64(2*wide), float64(high), 26, c.across(c.light, c.dark))
	}
	c.ellipse(400, 380, float64(wide)*0.9, 12, "#fff1bd")
}

func vase(c *canvas, a Article) { box(c, a) }

func cushion(c *canvas, a Article) { box(c, a) }

func clock(c *canvas, a Article) { box(c, a) }

func armchair(c *canvas, a Article) { box(c, a) }

func planter(c *canvas, a Article) { box(c, a) }
