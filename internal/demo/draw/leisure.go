package draw

import (
	"fmt"
	"strings"
)

// tent stands on grass; its form and door differ by model.
func tent(c *canvas, a Article) {
	c.ellipse(400, 672, 330, 40, c.down("#a9c48a", "#7fa366"))
	peak := 230 + 12*(a.Model%5)
	inside := c.down(mix(c.deep, "#000000", 0.2), c.deep)
	if a.Model%2 == 0 {
		c.path(fmt.Sprintf("M400 %d L680 670 H120 Z", peak), c.across(c.light, c.dark))
		c.path(fmt.Sprintf("M400 %d L560 670 H400 Z", peak), c.dark, opacity(0.55))
		c.path(fmt.Sprintf("M400 %d L%d 670 H%d Z", peak+70, 400-70-6*(a.Model%3), 400+60), inside)
		c.path(fmt.Sprintf("M400 %d L330 670 H300 C330 560 380 440 400 %d Z", peak+70, peak+70), c.light)
		c.path(fmt.Sprintf("M400 %d L388 %d M400 %d L412 %d", peak, peak-30, peak, peak-30), "none", stroke("#8a6a43", 7))
	} else {
		c.path(fmt.Sprintf("M110 670 C130 %d 300 %d 400 %d C500 %d 670 %d 690 670 Z", peak+120, peak, peak, peak, peak+120), c.across(c.light, c.dark))
		for i := range 2 + a.Model%3 {
			x := 230 + 110*i
			c.path(fmt.Sprintf("M%d 670 C%d %d %d %d 400 %d", x, x+10, peak+160, 380, peak+60, peak), "none", stroke(c.deep, 5), opacity(0.4))
		}
		c.path(fmt.Sprintf("M320 670 C320 %d 480 %d 480 670 Z", peak+190, peak+190), inside)
		c.path(fmt.Sprintf("M320 670 C320 %d 380 %d 400 %d C372 560 360 620 352 670 Z", peak+230, peak+206, peak+205), c.light)
	}
	for _, x := range []int{96, 704} {
		c.path(fmt.Sprintf("M%d 680 L%d 660 L%d 560", x, x+(400-x)/14, 400+(x-400)*7/10), "none", stroke("#e9e3d4", 3))
	}
	for i := range 9 {
		c.path(fmt.Sprintf("M%d 690 q4 -26 12 -34 M%d 690 q0 -22 -8 -30", 120+70*i, 124+70*i), "none", stroke("#5d8449", 4))
	}
}

// robot is a tin toy; head, antenna and feet differ by model.
func robot(c *canvas, a Article) {
	c.shadow(400, 682, 190)
	tin := c.across("#dfe3e7", "#8d959f")
	for _, x := range []float64{310, 430} {
		c.rect(x, 560, 60, 90, 8, tin)
		if a.Model%2 == 0 {
			c.rect(x-16, 636, 92, 44, 16, c.down(c.mid, c.deep))
		} else {
			c.circle(x+30, 650, 30, c.down(c.mid, c.deep))
			c.circle(x+30, 650, 10, "#e9edf1")
		}
	}
	for _, side := range []float64{-1, 1} {
		c.rect(400+side*158-24, 372, 48, float64(120+10*(a.Model%4)), 22, tin)
		c.circle(400+side*158, 510+float64(10*(a.Model%4)), 30, c.down(c.light, c.dark))
	}
	c.rect(258, 350, 284, 224, 28, c.across(c.light, c.dark))
	c.rect(300, 400, 200, 116, 14, "#f4f1e8")
	switch a.Model % 3 {
	case 0:
		c.circle(350, 458, 34, "#ffffff", stroke(c.deep, 5))
		c.path(fmt.Sprintf("M350 458 l%d -22", 10+2*a.Model), "none", stroke("#d9542f", 5))
		c.rect(402, 430, 76, 14, 7, "#d9a441")
		c.rect(402, 456, 52, 14, 7, "#4f8a6b")
		c.rect(402, 482, 64, 14, 7, "#d9542f")
	case 1:
		for i := range 6 {
			c.circle(float64(336+64*(i%3)), float64(432+52*(i/3)), 18, []string{"#d9542f", "#d9a441", "#4f8a6b"}[(i+a.Model)%3])
		}
	default:
		c.path("M320 470 l24 -34 l20 46 l24 -56 l22 60 l20 -34 h50", "none", stroke("#4f8a6b", 6))
	}
	top := 190 - 6*(a.Model%4)
	c.rect(374, 316, 52, 44, 4, tin)
	c.rect(290, float64(top), 220, float64(330-top), float64(24+20*(a.Model%3)), c.across(c.light, c.dark))
	for _, x := range []float64{350, 450} {
		c.circle(x, float64(top)+58, 30, "#fffbe6", stroke("#8d959f", 7))
		c.circle(x+6, float64(top)+60, 11, "#22262e")
	}
	c.rect(340, float64(top)+104, 120, 16, 8, c.deep)
	c.path(fmt.Sprintf("M400 %d V%d", top, top-46), "none", stroke("#8d959f", 8))
	c.circle(400, float64(top)-58, 16, "#d9542f")
	c.path(fmt.Sprintf("M312 %d V310", top+30), "none", stroke("#ffffff", 8), opacity(0.35))
}

// book is an e-book: a cover in a reader; its cover's picture differs by model.
func book(c *canvas, a Article) {
	c.shadow(400, 682, 220)
	c.rect(196, 96, 408, 586, 34, c.down("#3b414c", "#1d2026"))
	c.rect(222, 126, 356, 508, 8, c.down(c.light, c.dark))
	c.circle(400, 658, 11, "#5a616d")
	switch a.Model % 4 {
	case 0:
		c.circle(400, 470, 96, "#f6e6c4", opacity(0.9))
		c.path("M222 540 C300 480 350 560 420 510 C480 470 540 530 578 500 V634 H222 Z", c.deep)
	case 1:
		for i := range 6 {
			c.path(fmt.Sprintf("M222 %d Q312 %d 400 %d T578 %d", 430+36*i, 396+36*i, 430+36*i, 430+36*i), "none", stroke("#f6e6c4", 6), opacity(0.75))
		}
	case 2:
		c.path("M400 380 V610 M400 470 L330 410 M400 510 L474 440 M400 550 L344 506", "none", stroke("#f6e6c4", 9))
		for i, x := range []float64{330, 474, 344, 400} {
			c.circle(x, []float64{402, 432, 500, 374}[i], 22, "#f2c57c")
		}
	default:
		c.rect(300, 420, 200, 160, 6, "#f6e6c4")
		c.path("M300 420 L400 510 L500 420", "none", stroke(c.deep, 7))
	}
	lines := wrap(a.Label, 10)
	for i, line := range lines {
		c.text(400, float64(230+62*i), 54, "#fffaf0", line)
	}
	c.rect(330, float64(196+62*len(lines)), 140, 4, 2, "#fffaf0")
	c.text(400, float64(236+62*len(lines)), 24, "#fffaf0", "QUIET PRESS")
	c.path(fmt.Sprintf("M240 140 L%d 140 L240 %d Z", 420+8*a.Model, 420+8*a.Model), "#ffffff", opacity(0.08))
}

// giftcard shows its amount and a bow; ribbon and pattern differ by model.
func giftcard(c *canvas, a Article) {
	c.ellipse(400, 610, 320, 34, c.round(0.5, 0.5, 0.5, "#1b1d2255", "#1b1d2200"))
	c.group(fmt.Sprintf("rotate(%d 400 400)", -8+a.Model%5), func() {
		c.rect(120, 220, 560, 350, 36, c.across(c.light, c.dark))
		for i := range 9 {
			c.circle(float64(300+46*i), float64(520-10*(i%3)), float64(9+a.Model), "#ffffff", opacity(0.13))
		}
		at := float64(220 + 18*(a.Model%4))
		c.rect(at-17, 220, 34, 350, 0, "#fff4e0", opacity(0.92))
		c.rect(120, 300, 560, 30, 0, "#fff4e0", opacity(0.92))
		for _, turn := range []string{"-28", "28", "-78", "78"} {
			c.group(fmt.Sprintf("translate(%g 315) rotate(%s)", at, turn), func() {
				c.path("M0 0 C-44 -40 -40 -112 0 -116 C40 -112 44 -40 0 0 Z", c.down("#ffffff", "#ecd9b8"))
			})
		}
		c.circle(at, 315, 22, "#e2c896")
		c.text(490, 480, 92, "#fffaf0", a.Label)
		c.path("M150 250 H430", "none", stroke("#ffffff", 5), opacity(0.4))
	})
}

// wrap breaks a text at spaces, into at most three lines of about n letters each.
func wrap(s string, n int) (lines []string) {
	for _, word := range strings.Fields(s) {
		last := len(lines) - 1
		if last >= 0 && (len(lines[last])+len(word) < n || len(lines) == 3) {
			lines[last] += " " + word
			continue
		}
		lines = append(lines, word)
	}
	return lines
}
