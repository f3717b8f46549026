package draw

import "fmt"

// headphones have a band and two cups; cups and band differ by model.
func headphones(c *canvas, a Article) {
	c.shadow(400, 690, 210)
	top := 130 + 8*(a.Model%4)
	c.path(fmt.Sprintf("M205 480 C180 %d 290 %d 400 %d C510 %d 620 %d 595 480", top+120, top, top, top, top+120), "none", stroke(c.deep, 34))
	c.path(fmt.Sprintf("M205 470 C184 %d 290 %d 400 %d C510 %d 616 %d 595 470", top+124, top+6, top+4, top+6, top+124), "none", stroke(c.light, 10), opacity(0.55))
	c.path(fmt.Sprintf("M290 %d C350 %d 450 %d 510 %d", top+62, top+18, top+18, top+62), "none", stroke(c.dark, 40))
	metal := c.across("#dfe2e6", "#8c939c")
	for _, side := range []float64{-1, 1} {
		x := 400 + side*196
		c.rect(x-9, 380, 18, 110, 9, metal)
		switch a.Model % 3 {
		case 0:
			c.ellipse(x-side*26, 545, 52, 112, c.across(c.dark, c.deep))
			c.ellipse(x+side*12, 545, 56, 104, c.across(c.light, c.dark))
		case 1:
			c.rect(x-side*26-46, 438, 92, 214, 44, c.across(c.dark, c.deep))
			c.rect(x+side*12-48, 448, 96, 194, 46, c.across(c.light, c.dark))
		default:
			c.circle(x-side*22, 540, 92, c.across(c.dark, c.deep))
			c.circle(x+side*10, 540, 84, c.across(c.light, c.dark))
			c.circle(x+side*10, 540, 56, "none", stroke(c.deep, 4), opacity(0.4))
		}
		c.circle(x+side*14, 545, float64(16+2*(a.Model%5)), metal)
		c.path(fmt.Sprintf("M%g 490 q-14 50 0 104", x+side*12-24), "none", stroke("#ffffff", 7), opacity(0.35))
	}
}

// phone shows a wallpaper; its camera, corners and picture differ by model.
func phone(c *canvas, a Article) {
	c.shadow(400, 690, 190)
	corner := float64(34 + 5*(a.Model%4))
	if a.Model%2 == 0 {
		c.rect(440, 120, 200, 560, corner, c.across(c.light, c.dark))
		c.rect(458, 142, 84, 120, 30, c.dark)
		for i := range 2 + a.Model%3/2 {
			c.circle(500, float64(172+56*i), 24, "#15181d", stroke("#aeb5be", 4))
			c.circle(494, float64(166+56*i), 7, "#5f7fa8")
		}
		c.path("M462 300 V640", "none", stroke("#ffffff", 6), opacity(0.25))
	}
	x := 270.0 - 50*float64((a.Model+1)%2)
	c.rect(x, 100, 286, 584, corner, c.down("#353a44", "#14161a"))
	c.rect(x+12, 112, 262, 560, corner-10, c.down(mix(c.light, "#ffffff", 0.35), c.dark))
	switch a.Model % 3 {
	case 0:
		c.path(fmt.Sprintf("M%g 520 C%g 430 %g 560 %g 470 V640 H%g Z", x+12, x+90, x+180, x+274, x+12), c.mid)
		c.path(fmt.Sprintf("M%g 570 C%g 500 %g 620 %g 540 V660 H%g Z", x+12, x+100, x+170, x+274, x+12), c.deep, opacity(0.6))
		c.circle(x+190, 330, 46, "#fff4d6", opacity(0.9))
	case 1:
		for i := range 5 {
			c.circle(x+143, 440, float64(24+28*i), "none", stroke("#ffffff", 9), opacity(0.3))
		}
	default:
		for i := range 16 {
			c.rect(x+40+52*float64(i%4), 350+66*float64(i/4), 40, 40, 11, []string{"#f2c14e", "#f78154", "#5fad56", "#4d9078", "#ffffff"}[(i*3+a.Model)%5], opacity(0.92))
		}
	}
	c.text(x+143, 240, 74, "#ffffff", fmt.Sprintf("%02d:%02d", 7+a.Model, 10+3*a.Model))
	c.rect(x+103, 124, 80, 20, 10, "#14161a")
	c.rect(x+98, 656, 90, 6, 3, "#ffffff", opacity(0.8))
	c.path(fmt.Sprintf("M%g 130 L%g 130 L%g 400 Z", x+20, x+120, x+20), "#ffffff", opacity(0.1))
}

// laptop is open; its screen's picture and its lid differ by model.
func laptop(c *canvas, a Article) {
	c.shadow(400, 650, 330)
	high := 360 + 8*(a.Model%4)
	top := 590 - high
	c.rect(160, float64(top), 480, float64(high), float64(16+3*(a.Model%3)), c.down("#2a2e36", "#14161a"))
	c.rect(176, float64(top)+16, 448, float64(high)-36, 6, c.down(mix(c.light, "#ffffff", 0.3), c.dark))
	switch a.Model % 4 {
	case 0:
		c.path(fmt.Sprintf("M176 %d C280 %d 380 %d 624 %d V%d H176 Z", 500, 380, 540, 420, 570), c.deep, opacity(0.7))
		c.circle(520, float64(top)+100, 44, "#fff4d6", opacity(0.9))
	case 1:
		for i := range 8 {
			c.rect(206, float64(top)+46+34*float64(i), []float64{180, 260, 140, 300, 220, 90, 240, 160}[(i+a.Model)%8], 14, 7, []string{"#ffffff", "#f2c14e", "#8fd6c2"}[i%3], opacity(0.85))
		}
	case 2:
		for i := range 6 {
			c.rect(216+64*float64(i), 540-40*float64(1+(i*5+a.Model)%6), 40, 40*float64(1+(i*5+a.Model)%6), 6, "#ffffff", opacity(0.75))
		}
	default:
		c.path(fmt.Sprintf("M176 %d L330 %d L430 %d L540 %d L624 %d V570 H176 Z", 520, top+110, 460, top+140, 470), c.deep, opacity(0.6))
	}
	c.path(fmt.Sprintf("M176 %d H%d L%d 570 H176 Z", top+16, 340+9*a.Model, 210+9*a.Model), "#ffffff", opacity(0.09))
	c.path("M110 596 H690 L718 634 Q720 650 700 650 H100 Q80 650 82 634 Z", c.down(mix(c.mid, "#ffffff", 0.6), mix(c.mid, "#9aa0a8", 0.5)))
	c.path("M150 604 H650 L662 622 H138 Z", c.deep, opacity(0.4))
	c.rect(340, 628, 120, 10, 5, "#ffffff", opacity(0.6))
	c.circle(400, float64(top)+8, 3, "#6d7683")
}

// speaker is a cabinet with cloth; drivers, knob and feet differ by model.
func speaker(c *canvas, a Article) {
	wide, top := 165+8*(a.Model%4), 190+14*(a.Model%4)
	c.shadow(400, 684, float64(wide)+40)
	for _, side := range []float64{-1, 1} {
		c.path(fmt.Sprintf("M%g 640 L%g 684", 400+side*float64(wide-40), 400+side*float64(wide-10)), "none", stroke("#8a5f35", 16))
	}
	round := float64(20 + 34*(a.Model%3))
	c.rect(float64(400-wide), float64(top), float64(2*wide), float64(656-top), round, c.across("#c08e5c", "#7d5330"))
	c.rect(float64(400-wide+18), float64(top+18), float64(2*wide-36), float64(620-top), round-8, c.across(c.light, c.dark))
	for row := range 10 {
		for col := range 10 {
			c.circle(float64(400-wide+44)+float64(2*wide-88)/9*float64(col), float64(top+44)+float64(568-top)/9*float64(row), 3, c.deep, opacity(0.45))
		}
	}
	cone := c.round(0.42, 0.38, 0.7, "#5a616d", "#17191e")
	if a.Model%2 == 0 {
		c.circle(400, 510, 96, cone, stroke(c.deep, 8))
		c.circle(400, 510, 34, c.round(0.4, 0.35, 0.8, "#8d959f", "#2a2e36"))
		c.circle(400, float64(top)+110, 48, cone, stroke(c.deep, 6))
	} else {
		c.circle(400, float64(top+640)/2, 118, cone, stroke(c.deep, 8))
		c.circle(400, float64(top+640)/2, 44, c.round(0.4, 0.35, 0.8, "#8d959f", "#2a2e36"))
	}
	if a.Model%3 == 1 {
		c.circle(400, float64(top)+2, 26, c.across("#f0d9a8", "#a67c3d"))
		c.rect(397, float64(top)-22, 6, 18, 3, "#6b4c20")
	}
	c.rect(400-16-float64(a.Model), 618, 32+2*float64(a.Model), 10, 5, "#f0d9a8")
}

// camera has a lens, a dial and a viewfinder; body and lens differ by model.
func camera(c *canvas, a Article) {
	c.shadow(400, 640, 290)
	metal := c.down("#e6e8eb", "#a3a9b2")
	c.rect(140, 260, 520, 360, float64(34+8*(a.Model%4)), metal)
	c.rect(140, 350, 520, 190, 0, c.down(c.mid, c.dark))
	for i := range 26 {
		c.circle(float64(160+20*i), float64(370+37*(i%5)), 2.5, c.deep, opacity(0.5))
	}
	switch a.Model % 3 {
	case 0:
		c.path("M300 262 L330 196 H470 L500 262 Z", metal)
		c.rect(356, 216, 88, 30, 6, "#22262e")
	case 1:
		c.rect(180, 226, 110, 40, 8, metal)
		c.rect(560, 286, 62, 44, 8, "#22262e")
	default:
		c.rect(330, 212, 140, 52, 12, metal)
		c.circle(400, 238, 15, "#22262e")
	}
	c.rect(560, 236, float64(56+6*(a.Model%3)), 30, 6, c.across("#c9cdd3", "#7d848d"))
	c.rect(210, 240, 44, 22, 6, "#d9542f")
	r := float64(128 + 7*(a.Model%5))
	c.circle(400, 446, r, c.across("#4a515c", "#14161a"))
	c.circle(400, 446, r-18, "none", stroke("#8d959f", 5))
	for i := range 36 {
		c.group(fmt.Sprintf("rotate(%d 400 446)", 10*i), func() { c.rect(398, 446-r+3, 4, 11, 1, "#6d7683") })
	}
	c.circle(400, 446, r-34, c.round(0.35, 0.3, 0.9, mix(c.mid, "#5f7fd8", 0.5), "#0b0d12"))
	c.circle(400, 446, r-70, c.round(0.4, 0.35, 0.8, "#3c4a78", "#05060a"))
	c.ellipse(400-r/3, 446-r/3, r/5, r/8, "#ffffff", opacity(0.55))
	c.circle(420, 480, 9, "#ffffff", opacity(0.35))
}

// watch has a strap and a dial; case, dial and hands differ by model.
func watch(c *canvas, a Article) {
	c.shadow(400, 700, 120)
	strap := c.across(c.light, c.deep)
	c.path("M322 260 L340 70 Q400 54 460 70 L478 260 Z", strap)
	c.path("M322 540 L344 726 Q400 742 456 726 L478 540 Z", strap)
	for i := range 5 {
		c.ellipse(400, float64(640+18*i), 7, 5, c.deep)
	}
	c.path("M344 90 L332 250 M456 90 L468 250", "none", stroke("#ffffff", 3), opacity(0.4))
	metal := c.across("#eef0f2", "#8a919a")
	if a.Model%3 == 2 {
		c.rect(250, 250, 300, 300, 70, metal)
	} else {
		c.circle(400, 400, 172, metal)
	}
	c.rect(562, 380, 26, 42, 8, metal)
	face := c.round(0.4, 0.35, 0.8, mix(c.mid, "#ffffff", 0.1), c.deep)
	if a.Model%2 == 1 {
		face = c.round(0.4, 0.35, 0.8, "#ffffff", "#e6e2d8")
	}
	ink := "#f4f1e8"
	if a.Model%2 == 1 {
		ink = "#2a2e36"
	}
	if a.Model%3 == 2 {
		c.rect(276, 276, 248, 248, 50, face)
	} else {
		c.circle(400, 400, 146, face)
	}
	for i := range 12 {
		c.group(fmt.Sprintf("rotate(%d 400 400)", 30*i), func() { c.rect(397, 268, 6, float64(14+10*(i%3/2)), 3, ink) })
	}
	if a.Model%4 > 1 {
		c.circle(400, 462, 32, "none", stroke(ink, 3), opacity(0.7))
		c.path("M400 462 v-22", "none", stroke("#d9542f", 3))
	}
	c.group(fmt.Sprintf("rotate(%d 400 400)", 305+5*a.Model), func() { c.rect(395, 320, 10, 90, 5, ink) })
	c.group(fmt.Sprintf("rotate(%d 400 400)", 50+19*a.Model), func() { c.rect(396, 284, 8, 126, 4, ink) })
	c.group(fmt.Sprintf("rotate(%d 400 400)", 200+13*a.Model), func() { c.rect(398.5, 276, 3, 150, 1, "#d9542f") })
	c.circle(400, 400, 9, "#d9542f")
	c.path("M300 330 A125 125 0 0 1 380 278", "none", stroke("#ffffff", 8), opacity(0.4))
}
