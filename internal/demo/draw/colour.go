package draw

import (
	"fmt"
	"strconv"
	"strings"
)

// shades holds shades of one colour, from light to deep.
type shades struct{ light, mid, dark, deep string }

func shadesOf(colour string) shades {
	return shades{light: mix(colour, "#ffffff", 0.35), mid: mix(colour, colour, 0), dark: mix(colour, "#101018", 0.25), deep: mix(colour, "#101018", 0.5)}
}

// mix returns a mixture of two colours "#rrggbb": share 0 is the first, share 1 the second. Of a colour with transparency ("#rrggbbaa")
// only the first six digits count.
func mix(from, to string, share float64) string {
	a, b := rgb(from), rgb(to)
	var out [3]int
	for i := range out {
		out[i] = int(float64(a[i]) + (float64(b[i])-float64(a[i]))*share + 0.5)
	}
	return fmt.Sprintf("#%02x%02x%02x", out[0], out[1], out[2])
}

// rgb returns the red, green and blue of "#rrggbb"; those of a grey for anything else.
func rgb(colour string) [3]int {
	digits := strings.TrimPrefix(colour, "#")
	if len(digits) < 6 {
		return [3]int{128, 128, 128}
	}
	n, err := strconv.ParseUint(digits[:6], 16, 32)
	if err != nil {
		return [3]int{128, 128, 128}
	}
	return [3]int{int(n >> 16), int(n >> 8 & 255), int(n & 255)}
}
