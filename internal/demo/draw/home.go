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

// vase is a thrown body with a neck; its belly, neck and rim differ by model.
func vase(c *canvas, a Article) {
	belly, neck, top := 120+14*(a.Model%4), 44+9*(a.Model%3), 230-12*(a.Model%5)
	c.shadow(400, 680, float64(belly)+20)
	for i, stem := range []int{-26, 4, 30}[:1+a.Model%3] {
		x := 400 + stem*3
		c.path(fmt.Sprintf("M400 %d C%d %d %d %d %d %d", top+30, 400+stem/2, top-20, x, top-60, x, 110+20*i), "none", stroke("#5d7a52", 6))
		c.circle(float64(x), float64(110+20*i), 30, c.down("#f3d6a0", "#d98f5a"))
		c.circle(float64(x-8), float64(102+20*i), 10, "#fff3d6aa")
	}
	body := fmt.Sprintf("M%d %d C%d %d %d 400 %d 500 C%d 620 %d 680 %d 680 H%d C%d 680 %d 620 %d 500 C%d 400 %d %d %d %d Z",
		400-neck, top, 400-neck+8, top+110, 400-belly, 400-belly, 400-belly, 400-belly/2-30, 400-belly/2, 400+belly/2,
		400+belly/2+30, 400+belly, 400+belly, 400+belly, 400+neck-8, top+110, 400+neck, top)
	c.path(body, c.across(c.light, c.dark))
	if a.Model%2 == 0 {
		c.path(fmt.Sprintf("M%d 470 C%d 490 %d 490 %d 470 L%d 500 C%d 520 %d 520 %d 500 Z", 400-belly+6, 400-belly/2, 400+belly/2, 400+belly-6, 400+belly-1, 400+belly/2, 400-belly/2, 400-belly+1), c.deep, opacity(0.35))
	}
	c.path(fmt.Sprintf("M%d 430 C%d 500 %d 560 %d 610", 400-belly+34, 400-belly+14, 400-belly+24, 400-belly+50), "none", stroke("#ffffff", 12), opacity(0.35))
	c.ellipse(400, float64(top), float64(neck), 13, c.deep)
	c.ellipse(400, float64(top)-3, float64(neck), 12, "none", stroke(c.light, 5))
}

// cushion is a square of cloth with piping; its pattern differs by model.
func cushion(c *canvas, a Article) {
	c.shadow(400, 672, 250)
	bulge := 20 + 6*(a.Model%4)
	c.path(fmt.Sprintf("M160 190 C300 %d 500 %d 640 190 C%d 320 %d 520 640 660 C500 %d 300 %d 160 660 C%d 520 %d 320 160 190 Z",
		190+bulge, 190+bulge, 640-bulge, 640-bulge, 660-bulge, 660-bulge, 160+bulge, 160+bulge), c.round(0.38, 0.32, 0.8, c.light, c.dark), stroke(c.deep, 5))
	switch a.Model % 5 {
	case 0:
		for i := range 7 {
			c.path(fmt.Sprintf("M%d %d V%d", 220+60*i, 222+bulge/2, 632-bulge/2), "none", stroke(c.light, 9), opacity(0.55))
		}
	case 1:
		for i := range 25 {
			c.circle(float64(230+85*(i%5)), float64(260+85*(i/5)), 13, c.light, opacity(0.7))
		}
	case 2:
		c.path("M220 425 L400 245 L580 425 L400 605 Z", "none", stroke(c.light, 14), opacity(0.7))
		c.path("M290 425 L400 315 L510 425 L400 535 Z", c.light, opacity(0.5))
	case 3:
		for i := range 5 {
			c.path(fmt.Sprintf("M210 %d Q262 %d 305 %d T400 %d T495 %d T590 %d", 270+78*i, 235+78*i, 270+78*i, 270+78*i, 270+78*i, 270+78*i), "none", stroke(c.light, 8), opacity(0.6))
		}
	default:
		c.path("M400 425 L205 235 M400 425 L595 235 M400 425 L205 615 M400 425 L595 615", "none", stroke(c.deep, 4), opacity(0.4))
		c.circle(400, 425, 20, c.deep)
	}
	c.path("M190 230 C240 260 220 560 196 620", "none", stroke("#ffffff", 8), opacity(0.22))
	c.path(fmt.Sprintf("M560 %d C590 600 610 630 640 660", 560+a.Model), "none", stroke(c.deep, 4), opacity(0.5))
}

// clock is a round or rounded wall clock; face, marks and hands differ by model.
func clock(c *canvas, a Article) {
	c.ellipse(412, 424, 268, 268, c.round(0.5, 0.5, 0.5, "#1b1d2255", "#1b1d2200"))
	face := mix("#ffffff", c.mid, 0.08)
	if a.Model%4 == 3 {
		face = c.deep
	}
	ink := c.deep
	if a.Model%4 == 3 {
		ink = "#f2eee6"
	}
	if a.Model%3 == 1 {
		c.rect(150, 150, 500, 500, 120, c.across(c.light, c.dark))
		c.rect(182, 182, 436, 436, 96, face)
	} else {
		c.circle(400, 400, 255, c.across(c.light, c.dark))
		c.circle(400, 400, 222, face)
	}
	for hour := range 12 {
		length := 18
		if hour%3 == 0 {
			length = 34
		}
		if a.Model%2 == 0 {
			c.group(fmt.Sprintf("rotate(%d 400 400)", 30*hour), func() { c.rect(396, 196, 8, float64(length), 4, ink) })
		} else {
			c.group(fmt.Sprintf("rotate(%d 400 400)", 30*hour), func() { c.circle(400, 210, float64(length)/4, ink) })
		}
	}
	c.group(fmt.Sprintf("rotate(%d 400 400)", 300+7*a.Model), func() { c.rect(392, 268, 16, 150, 8, ink) })
	c.group(fmt.Sprintf("rotate(%d 400 400)", 48+23*a.Model), func() { c.rect(395, 214, 10, 210, 5, ink) })
	c.group(fmt.Sprintf("rotate(%d 400 400)", 170+31*a.Model), func() { c.rect(398, 205, 4, 250, 2, "#d9542f") })
	c.circle(400, 400, 14, "#d9542f")
	c.path("M255 300 A180 180 0 0 1 400 220", "none", stroke("#ffffff", 10), opacity(0.5))
}

// armchair is upholstered; back, arms and legs differ by model.
func armchair(c *canvas, a Article) {
	c.shadow(400, 682, 270)
	legs := c.across("#c99a66", "#8a5f35")
	spread := 12 * (a.Model % 4)
	for _, x := range []int{235, 565} {
		out := spread
		if x < 400 {
			out = -spread
		}
		c.path(fmt.Sprintf("M%d 590 H%d L%d 682 H%d Z", x-16, x+16, x+8+out, x-8+out), legs)
	}
	top := 190 + 11*(a.Model%5)
	if a.Model%2 == 0 {
		c.path(fmt.Sprintf("M215 560 V%d C215 %d 290 %d 400 %d C510 %d 585 %d 585 %d V560 Z", top+90, top, top, top, top, top, top+90), c.across(c.light, c.dark))
	} else {
		c.rect(215, float64(top), 370, float64(570-top), 60, c.across(c.light, c.dark))
	}
	for i := range a.Model%3 + 1 {
		x := 400 - 70*(a.Model%3)/2*1 + 70*i
		c.path(fmt.Sprintf("M%d %d V440", x, top+46), "none", stroke(c.deep, 4), opacity(0.35))
	}
	c.rect(226, 430, 348, 96, 44, c.down(c.light, c.mid))
	c.path("M248 446 C330 436 470 436 552 446", "none", stroke("#ffffff", 7), opacity(0.3))
	c.rect(205, 505, 390, 104, 34, c.down(c.mid, c.dark))
	height := 400 - 8*(a.Model%4)
	for _, x := range []float64{150, 560} {
		c.rect(x, float64(height), 90, float64(612-height), 42, c.down(c.light, c.dark))
		c.path(fmt.Sprintf("M%g %d C%g %d %g %d %g %d", x+18, height+34, x+26, height+14, x+60, height+14, x+70, height+34), "none", stroke("#ffffff", 6), opacity(0.28))
	}
}

// planter is a pot with a plant in it; pot and leaves differ by model.
func planter(c *canvas, a Article) {
	c.shadow(400, 682, 180)
	green, shade := "#6ea36d", "#2f6144"
	leaves := 7 + a.Model%4
	for i := range leaves {
		turn := -70 + 140*i/(leaves-1)
		c.group(fmt.Sprintf("translate(400 470) rotate(%d)", turn), func() {
			long := 240 + 12*(a.Model%5) - 22*(i%2)
			switch a.Model % 3 {
			case 0:
				c.path(fmt.Sprintf("M0 0 C-62 -90 -44 -190 0 -%d C44 -190 62 -90 0 0 Z", long+40), c.down(green, shade))
				c.path(fmt.Sprintf("M0 -10 V-%d", long), "none", stroke("#a9cf9f", 3), opacity(0.6))
			case 1:
				c.path(fmt.Sprintf("M-10 0 C-18 -100 -6 -200 0 -%d C6 -200 18 -100 10 0 Z", long+70), c.across(green, shade))
			default:
				c.path(fmt.Sprintf("M0 0 V-%d", long-30), "none", stroke(shade, 5))
				c.circle(0, float64(-long), 44, c.round(0.35, 0.3, 0.8, "#9cc890", shade))
			}
		})
	}
	wide, foot := 130+8*(a.Model%4), 92+10*(a.Model%3)
	c.path(fmt.Sprintf("M%d 470 H%d L%d 680 H%d Z", 400-wide, 400+wide, 400+foot, 400-foot), c.across(c.light, c.dark))
	c.rect(float64(400-wide-14), 452, float64(2*wide+28), 46, 12, c.across(c.light, c.dark))
	c.rect(float64(400-wide-14), 492, float64(2*wide+28), 10, 5, c.deep, opacity(0.35))
	if a.Model%2 == 1 {
		for i := range 5 {
			c.path(fmt.Sprintf("M%d 540 l24 40 l24 -40", 280+48*i), "none", stroke(c.light, 6), opacity(0.7))
		}
	}
}
