package templates

import (
	"strconv"

	"vitrine/internal/view"
)

// discount is the template function of that name: the whole per cent, rounded down, by which an amount is below the list price; "" for
// less than one. It shows a share and no amount, so that floats will do.
func discount(list, amount view.Value) string {
	was, now, ok := reduction(list, amount)
	if !ok {
		return ""
	}
	before, err := strconv.ParseFloat(was, 64)
	if err != nil {
		return ""
	}
	after, err := strconv.ParseFloat(now, 64)
	percent := int(100 - 100*after/before + 1e-9)
	if err != nil || percent < 1 {
		return ""
	}
	return strconv.Itoa(percent)
}
