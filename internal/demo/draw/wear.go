package draw

import "fmt"

// tshirt lies flat; collar, print and sleeves differ by model.
func tshirt(c *canvas, a Article) {
	c.ellipse(400, 690, 210, 22, c.round(0.5, 0.5, 0.5, "#1b1d2244", "#1b1d2200"))
	sleeve := 300 + 10*(a.Model%4)
	c.path(fmt.Sprintf("M300 140 C330 150 470 150 500 140 L600 180 L690 %d L600 %d L566 %d V670 Q400 690 234 670 V%d L200 %d L110 %d L200 180 Z",
		sleeve, sleeve+52, sleeve-10, sleeve-10, sleeve+52, sleeve), c.round(0.45, 0.3, 0.75, c.light, mix(c.mid, c.dark, 0.5)))
	c.path(fmt.Sprintf("M234 %d C240 330 236 250 226 220 M566 %d C560 330 564 250 574 220", sleeve-10, sleeve-10), "none", stroke(c.dark, 4), opacity(0.6))
	c.path(fmt.Sprintf("M122 %d L206 %d M678 %d L594 %d M236 654 Q400 672 564 654", sleeve-16, sleeve+34, sleeve-16, sleeve+34), "none", stroke(c.dark, 3), opacity(0.5))
	if a.Model%3 == 1 {
		c.path("M318 146 L400 236 L482 146 C450 152 350 152 318 146 Z", c.deep, opacity(0.75))
		c.path("M306 142 L400 250 L494 142", "none", stroke(c.dark, 12))
	} else {
		c.path("M318 146 C330 216 470 216 482 146 C450 152 350 152 318 146 Z", c.deep, opacity(0.75))
		c.path("M308 143 C322 232 478 232 492 143", "none", stroke(c.dark, 12))
	}
	switch a.Model % 5 {
	case 1:
		for i := range 4 {
			c.rect(236, float64(330+76*i), 328, 26, 0, c.dark, opacity(0.55))
		}
	case 2:
		c.circle(400, 400, 74, "#d9a441", opacity(0.9))
		c.path("M300 430 C350 380 380 450 420 410 C450 380 480 430 500 420 V474 H300 Z", c.deep, opacity(0.8))
	case 3:
		c.rect(440, 300, 78, 90, 8, c.dark, opacity(0.5))
		c.path("M440 318 H518", "none", stroke(c.light, 3))
	case 4:
		c.path("M340 340 L400 440 L460 340 M400 440 V510", "none", stroke("#b5533c", 14))
	}
	c.path(fmt.Sprintf("M280 %d C300 520 290 600 270 650 M520 %d C500 540 512 600 530 650", 440+4*a.Model, 460-3*a.Model), "none", stroke(c.dark, 5), opacity(0.28))
}

// sneaker is seen from its side; toe, stripes and sole differ by model.
func sneaker(c *canvas, a Article) {
	c.shadow(400, 664, 300)
	sole := c.down("#fbf8f1", "#d9d2c4")
	thick := 52 + 6*(a.Model%4)
	c.path("M150 330 C150 300 180 280 210 300 C240 330 280 340 310 300 L330 270 C350 262 372 268 384 290 C440 400 560 450 640 470 C690 484 704 520 700 580 H140 C132 500 146 420 150 330 Z", c.across(c.light, c.dark))
	c.path("M330 270 C350 262 372 268 384 290 L452 386 L404 432 L306 306 Z", mix(c.light, "#ffffff", 0.35))
	for i := range 5 {
		x, y := 342+24*i, 312+26*i
		c.path(fmt.Sprintf("M%d %d L%d %d", x-8, y+16, x+44, y-22), "none", stroke("#ffffff", 9))
	}
	switch a.Model % 4 {
	case 0:
		c.path("M240 560 C300 500 340 440 356 400 L396 440 C370 490 330 540 300 576 Z", "#fbf8f1", opacity(0.9))
	case 1:
		for i := range 3 {
			c.path(fmt.Sprintf("M%d 566 L%d 420", 230+56*i, 270+56*i), "none", stroke("#fbf8f1", 18))
		}
	case 2:
		c.circle(290, 480, 54, "#fbf8f1", opacity(0.9))
		c.path("M256 492 q17 -24 34 -8 t34 -8", "none", stroke(c.dark, 11))
	default:
		c.path("M176 500 C300 560 460 480 560 470 L590 486 C480 520 320 590 180 540 Z", c.deep, opacity(0.7))
	}
	c.path("M560 452 C620 462 690 476 698 560 L560 560 C570 520 570 490 560 452 Z", c.deep, opacity(float64(2+a.Model%4)/10))
	c.path("M150 340 C190 352 200 420 196 560 H142 C136 480 146 410 150 340 Z", c.deep, opacity(0.45))
	c.path(fmt.Sprintf("M130 566 H704 Q716 %d 690 %d H156 Q124 %d 130 566 Z", 566+thick, 566+thick, 566+thick), sole)
	c.path(fmt.Sprintf("M136 %d H704", 566+thick/2), "none", stroke(c.mid, 7))
	for i := range 18 {
		c.path(fmt.Sprintf("M%d %d v12", 160+30*i, 566+thick-16), "none", stroke("#b8b0a0", 4))
	}
	for i := range 3 + a.Model/4 {
		c.path(fmt.Sprintf("M%d %d q26 8 52 %d", 214+9*i, 372+30*i, 4+a.Model), "none", stroke(c.dark, 3), opacity(0.45))
	}
	c.path("M168 330 C180 312 196 312 206 322", "none", stroke("#ffffff", 7), opacity(0.5))
}

// sunglasses are seen from the front; frame and lenses differ by model.
func sunglasses(c *canvas, a Article) {
	c.ellipse(400, 560, 300, 30, c.round(0.5, 0.5, 0.5, "#1b1d2255", "#1b1d2200"))
	for _, side := range []float64{-1, 1} {
		c.path(fmt.Sprintf("M%g 360 C%g 340 %g 380 %g 500", 400+side*282, 400+side*316, 400+side*322, 400+side*300), "none", stroke(c.deep, 20))
	}
	lens := c.down(mix(c.deep, "#1b1d22", 0.5), mix(c.mid, "#ffffff", 0.35))
	size := float64(112 + 4*(a.Model%4))
	c.path(fmt.Sprintf("M%g 380 C370 %d 430 %d %g 380", 330.0, 330+6*(a.Model%3), 330+6*(a.Model%3), 470.0), "none", stroke(c.dark, 22))
	for _, side := range []float64{-1, 1} {
		x := 400 + side*165
		switch a.Model % 4 {
		case 0:
			c.circle(x, 420, size, lens, stroke(c.mid, 22))
			c.circle(x, 420, size, "none", stroke(c.light, 5), opacity(0.6))
		case 1:
			c.rect(x-size-8, 330, 2*size+16, 180, 60, lens, stroke(c.mid, 22))
		case 2:
			c.path(fmt.Sprintf("M%g 336 H%g C%g 470 %g 540 %g 540 C%g 540 %g 470 %g 336 Z", x-size-6, x+size+6, x+size, x+50, x, x-50, x-size, x-size-6), lens, stroke(c.mid, 20))
		default:
			c.path(fmt.Sprintf("M%g 370 C%g 300 %g 316 %g 330 C%g 470 %g 520 %g 520 C%g 520 %g 480 %g 370 Z", x-side*size, x-side*40, x+side*70, x+side*(size+24), x+side*(size+10), x+side*60, x, x-side*70, x-side*size, x-side*size), lens, stroke(c.mid, 20))
		}
		c.path(fmt.Sprintf("M%g 450 L%g 370", x-60, x+10), "none", stroke("#ffffff", 16), opacity(0.28))
		c.path(fmt.Sprintf("M%g 470 L%g 400", x-26, x+34), "none", stroke("#ffffff", 7), opacity(0.22))
		c.circle(400+side*278, 372, float64(7+a.Model%5), "#e2c896")
	}
}

// backpack has pockets, straps and a flap, which differ by model.
func backpack(c *canvas, a Article) {
	c.shadow(400, 682, 210)
	c.path("M340 170 C340 100 460 100 460 170", "none", stroke(c.deep, 22))
	for _, side := range []float64{-1, 1} {
		c.path(fmt.Sprintf("M%g 260 C%g 340 %g 520 %g 640", 400+side*180, 400+side*240, 400+side*236, 400+side*190), "none", stroke(c.deep, 26))
	}
	top := 150 + 6*(a.Model%4)
	c.path(fmt.Sprintf("M220 640 V%d C220 %d 290 %d 400 %d C510 %d 580 %d 580 %d V640 Q580 680 540 680 H260 Q220 680 220 640 Z", top+140, top+30, top, top, top, top+30, top+140), c.across(c.light, c.dark))
	leather := c.down("#b98150", "#7d5230")
	switch a.Model % 3 {
	case 0:
		c.path(fmt.Sprintf("M220 %d C220 %d 290 %d 400 %d C510 %d 580 %d 580 %d L560 430 Q400 460 240 430 Z", top+140, top+30, top, top, top, top+30, top+140), c.across(c.mid, c.deep), stroke(c.deep, 4))
		for _, x := range []float64{300, 478} {
			c.rect(x, 380, 24, 120, 6, leather)
			c.rect(x-6, 446, 36, 30, 6, "none", stroke("#e2c896", 6))
		}
	case 1:
		c.path(fmt.Sprintf("M240 %d C270 %d 530 %d 560 %d", top+180, top+110, top+110, top+180), "none", stroke(c.deep, 8))
		c.rect(540, float64(top)+168, 14, 44, 5, "#e2c896")
		c.rect(372, float64(top)+220, 56, 40, 6, leather)
	default:
		c.rect(236, float64(top)+130, 328, 40, 8, c.deep, opacity(0.5))
		c.path(fmt.Sprintf("M300 %d C340 %d 460 %d 500 %d", top+44, top+110, top+110, top+44), "none", stroke("#e2c896", 6))
	}
	pocket := 480 - 8*(a.Model%5)
	c.rect(262, float64(pocket), 276, float64(660-pocket), 30, c.across(c.light, c.dark), stroke(c.deep, 4))
	c.path(fmt.Sprintf("M280 %d H520", pocket+34), "none", stroke(c.deep, 6))
	c.rect(500, float64(pocket)+34, 12, 34, 4, "#e2c896")
	if a.Model%4 > 1 {
		c.rect(352, float64(pocket)+70, 96, 44, 8, leather)
	}
	c.path(fmt.Sprintf("M280 %d H520 M280 650 H520", pocket+14), "none", stroke("#ffffff", 2), opacity(0.35))
	c.path(fmt.Sprintf("M246 %d V600", top+170), "none", stroke("#ffffff", 9), opacity(0.22))
}
