package templates

import (
	"cmp"
	"strings"
)

// unsigned reports whether s is a decimal number that is not negative.
func unsigned(s string) bool { return decimal(s) && s[0] != '-' }

// compareDecimals compares two decimal numbers that are not negative, digit by digit: they never become floats.
func compareDecimals(a, b string) int {
	wholeA, fractionA, _ := strings.Cut(a, ".")
	wholeB, fractionB, _ := strings.Cut(b, ".")
	wholeA, wholeB = strings.TrimLeft(wholeA, "0"), strings.TrimLeft(wholeB, "0")
	return cmp.Or(cmp.Compare(len(wholeA), len(wholeB)), cmp.Compare(wholeA, wholeB),
		cmp.Compare(strings.TrimRight(fractionA, "0"), strings.TrimRight(fractionB, "0")))
}
