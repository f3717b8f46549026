package draw

import "fmt"

// mug has a handle, a glaze and steam; its form and glaze line differ by model.
func mug(c *canvas, a Article) {
	c.shadow(390, 680, 200)
	wide, top := 140+8*(a.Model%4), 330-12*(a.Model%5)
	c.path(fmt.Sprintf("M%d %d C%d %d %d 640 %d 590", 380+wide-6, top+70, 380+wide+140, top+50, 380+wide+130, 380+wide-20), "none", stroke(c.dark, 36))
	c.path(fmt.Sprintf("M%d %d C%d %d %d 620 %d 588", 380+wide-6, top+66, 380+wide+128, top+56, 380+wide+118, 380+wide-20), "none", stroke(c.light, 9), opacity(0.5))
	round := 40 + 22*(a.Model%3)
	c.path(fmt.Sprintf("M%d %d V%d Q%d 680 %d 680 H%d Q%d 680 %d %d V%d Z", 380-wide, top, 680-round, 380-wide, 380-wide+round, 380+wide-round, 380+wide, 380+wide, 680-round, top), c.across(c.light, c.dark))
	switch a.Model % 4 {
	case 1:
		c.rect(float64(380-wide), 560, float64(2*wide), 40, 0, "#f5efe2", opacity(0.85))
	case 2:
		c.path(fmt.Sprintf("M%d %d V%d Q%d %d %d %d T%d %d T%d %d V%d Z", 380-wide, top, top+90, 380-wide/2, top+150, 380, top+95, 380+wide/2, top+100, 380+wide, top+90, top), "#fbf7ee", opacity(0.9))
	case 3:
		for i := range 6 {
			c.circle(float64(380-wide+40+i%3*wide*2/3), float64(470+90*(i/3)), 17, "#fbf7ee", opacity(0.85))
		}
	}
	c.path(fmt.Sprintf("M%d %d V600", 380-wide+30, top+40), "none", stroke("#ffffff", 14), opacity(0.3))
	c.ellipse(380, float64(top), float64(wide), 30, "#f6f1e6")
	c.ellipse(380, float64(top)+4, float64(wide)-12, 23, c.round(0.5, 0.3, 0.7, "#7a4a2a", "#4a2a17"))
	for i := range 2 + a.Model%2 {
		x := 330 + 50*i
		c.path(fmt.Sprintf("M%d %d C%d %d %d %d %d %d", x, top-30, x-30, top-80, x+34, top-110, x+4, top-170), "none", stroke("#ffffff", 10), opacity(0.75))
	}
}

// teapot has a spout, a handle and a lid; body, lid and handle differ by model.
func teapot(c *canvas, a Article) {
	c.shadow(400, 680, 230)
	wide, top := 170+8*(a.Model%4), 390-10*(a.Model%4)
	metal := c.across("#b9b3a8", "#6d675e")
	if a.Model%2 == 0 {
		c.path(fmt.Sprintf("M%d %d C%d 150 %d 150 %d %d", 400-wide+40, top+10, 400-wide-10, 400+wide+10, 400+wide-40, top+10), "none", stroke("#6d675e", 20))
		c.path(fmt.Sprintf("M%d %d C%d 160 %d 160 %d %d", 400-wide+40, top+10, 400-wide-4, 400+wide-60, 400+wide-130, top-110), "none", stroke("#cfc9bd", 6), opacity(0.7))
	} else {
		c.path(fmt.Sprintf("M%d %d C%d %d %d 640 %d 600", 400-wide+10, top+50, 400-wide-150, top+10, 400-wide-110, 400-wide+40), "none", stroke(c.dark, 30))
	}
	c.path(fmt.Sprintf("M%d 560 C%d 540 %d 470 %d %d L%d %d C%d 450 %d 600 %d 640 Z", 400+wide-30, 400+wide+40, 400+wide+60, 400+wide+100, top+10, 400+wide+150, top+2, 400+wide+120, 400+wide+70, 400+wide-70), c.across(c.mid, c.dark))
	c.path(fmt.Sprintf("M%d %d C%d %d %d 680 %d 680 H%d C%d 680 %d %d %d %d Z", 400-wide+50, top, 400-wide-60, top+90, 400-wide-10, 400-wide+90, 400+wide-90, 400+wide+10, 400+wide+60, top+90, 400+wide-50, top), c.across(c.light, c.dark))
	if a.Model%3 == 0 {
		for i := range 5 {
			c.path(fmt.Sprintf("M%d %d C%d 560 %d 620 %d 670", 300+50*i, top+30, 280+60*i, 290+55*i, 310+45*i), "none", stroke(c.deep, 4), opacity(0.3))
		}
	} else if a.Model%3 == 1 {
		for i := range 24 {
			c.circle(float64(270+44*(i%7)+22*(i/7%2)), float64(470+48*(i/7)), 8, c.light, opacity(0.6))
		}
	}
	c.path(fmt.Sprintf("M%d %d C%d %d %d %d %d %d Z", 400-wide+56, top, 400-wide+80, top-60, 400+wide-80, top-60, 400+wide-56, top), c.across(c.light, c.dark))
	c.ellipse(400, float64(top), float64(wide)-52, 12, c.deep, opacity(0.5))
	c.circle(400, float64(top)-58, float64(14+a.Model), metal)
	c.path(fmt.Sprintf("M%d %d C%d 520 %d 580 %d 630", 400-wide+40, top+60, 400-wide+10, 400-wide+20, 400-wide+60), "none", stroke("#ffffff", 12), opacity(0.3))
}

// pan lies seen from above; handle and inside differ by model.
func pan(c *canvas, a Article) {
	radius := 190 + 6*(a.Model%4)
	c.ellipse(346, 432, float64(radius)+20, float64(radius)+20, c.round(0.5, 0.5, 0.5, "#1b1d2266", "#1b1d2200"))
	handle := "#8a5a34"
	if a.Model%3 == 1 {
		handle = c.deep
	}
	c.group(fmt.Sprintf("rotate(%d 340 420)", -48+4*(a.Model%5)), func() {
		c.rect(340+float64(radius)-12, 396, 100, 48, 10, c.down("#c9ccd1", "#7d838c"))
		c.rect(340+float64(radius)+60, 388, float64(230+10*(a.Model%4)), 64, 32, c.down(mix(handle, "#ffffff", 0.25), handle))
		c.circle(340+float64(radius)+262, 420, 12, "#f1f1f1")
	})
	c.circle(340, 420, float64(radius), c.across(c.light, c.deep))
	c.circle(340, 420, float64(radius)-22, c.round(0.4, 0.35, 0.8, mix(c.deep, "#ffffff", 0.18), mix(c.deep, "#000000", 0.25)))
	for i := range 4 {
		c.circle(340, 420, float64(40+34*i), "none", stroke("#ffffff", 1.5), opacity(0.12))
	}
	switch a.Model % 4 {
	case 1:
		c.path("M260 420 C240 340 330 300 400 330 C470 350 470 450 420 490 C360 540 280 510 260 420 Z", "#fffdf6")
		c.circle(352, 412, 44, c.round(0.4, 0.35, 0.8, "#ffd24d", "#f29b1d"))
	case 2:
		for i := range 3 {
			c.group(fmt.Sprintf("rotate(%d 340 420) translate(340 340)", 120*i), func() {
				c.path("M0 0 C40 -40 90 -20 80 30 C70 70 10 70 0 0 Z", c.down("#6fa45d", "#3f6d3c"))
			})
		}
	case 3:
		c.path("M230 300 A170 170 0 0 1 420 275", "none", stroke("#ffffff", 16), opacity(0.35))
	}
	c.path("M196 350 A165 165 0 0 1 280 262", "none", stroke("#ffffff", 9), opacity(0.4))
}

// bottle is of steel with a lid; shoulder, lid and band differ by model.
func bottle(c *canvas, a Article) {
	wide, shoulder := 88+6*(a.Model%4), 260+14*(a.Model%3)
	c.shadow(400, 680, float64(wide)+30)
	steel := c.across("#d5d9de", "#7d858f")
	c.rect(float64(400-wide/2), 180, float64(wide), 70, 8, steel)
	c.path(fmt.Sprintf("M%d 236 H%d C%d %d %d %d %d %d V650 Q%d 680 %d 680 H%d Q%d 680 %d 650 V%d C%d %d %d %d %d 236 Z",
		400-wide/2, 400+wide/2, 400+wide/2, shoulder-8, 400+wide, shoulder, 400+wide, shoulder+70, 400+wide, 400+wide-30, 400-wide+30, 400-wide, 400-wide, shoulder+70, 400-wide, shoulder, 400-wide/2, shoulder-8, 400-wide/2), c.across(c.light, c.dark))
	switch a.Model % 4 {
	case 0:
		c.rect(float64(400-wide/2-8), 120, float64(wide+16), 84, 18, c.across(mix(c.deep, "#ffffff", 0.2), c.deep))
		c.path("M372 122 C372 70 428 70 428 122", "none", stroke(c.deep, 14))
	case 1:
		c.rect(float64(400-wide/2-6), 132, float64(wide+12), 74, 10, c.across("#d9b98a", "#9b7443"))
	case 2:
		c.rect(float64(400-wide/2-10), 140, float64(wide+20), 62, 30, steel)
		c.rect(382, 96, 36, 54, 14, steel)
	default:
		c.path(fmt.Sprintf("M%d 204 L%d 120 H%d L%d 204 Z", 400-wide/2-10, 400-wide/2+6, 400+wide/2-6, 400+wide/2+10), c.across(mix(c.deep, "#ffffff", 0.25), c.deep))
	}
	if a.Model%3 == 1 {
		c.rect(float64(400-wide), 560, float64(2*wide), 30, 0, c.light, opacity(0.7))
		c.rect(float64(400-wide), 602, float64(2*wide), 10, 0, c.light, opacity(0.7))
	}
	c.rect(float64(400-wide), 650, float64(2*wide), 12, 0, c.deep, opacity(0.3))
	c.path(fmt.Sprintf("M%d %d V%d", 400-wide+26, shoulder+70, 620-9*a.Model), "none", stroke("#ffffff", 14), opacity(0.35))
}

// knife lies askew; blade and handle differ by model.
func knife(c *canvas, a Article) {
	c.group(fmt.Sprintf("rotate(%d 400 400)", -34+2*(a.Model%5)), func() {
		c.path("M70 452 C260 520 520 500 730 470 L730 480 C520 520 250 540 70 462 Z", "#1b1d22", opacity(0.18))
		deep := 62 + 8*(a.Model%4)
		blade := c.down("#eef1f4", "#9aa3ad")
		if a.Model%3 == 1 {
			c.path(fmt.Sprintf("M470 360 H150 C100 360 80 380 70 400 L100 %d H470 Z", 360+deep+20), blade)
		} else {
			c.path(fmt.Sprintf("M470 360 H200 C140 362 100 380 60 430 C180 %d 320 %d 470 %d Z", 440+deep/3, 430+deep/2, 380+deep), blade)
		}
		if a.Model%2 == 0 {
			for i := range 12 {
				c.path(fmt.Sprintf("M%d 372 q14 22 4 44", 150+26*i), "none", stroke("#8b95a0", 2), opacity(0.5))
			}
		}
		c.path("M130 384 C240 368 360 368 460 370", "none", stroke("#ffffff", 5), opacity(0.8))
		c.rect(462, 350, 34, float64(52+deep/3), 6, c.down("#d9dde2", "#8a929c"))
		c.path("M490 352 H690 C736 352 742 392 720 414 C690 430 640 404 560 420 H490 Z", c.down(c.light, c.dark))
		for i := range 3 {
			c.circle(float64(540+64*i), 384, 9, "#d9dde2")
		}
		c.path("M500 362 H700", "none", stroke("#ffffff", 5), opacity(0.3))
	})
}
