package kvtest

import (
	"flag"
	"strconv"

	"vitrine/internal/long"
)

// checks is how many sequences of some 30 steps the short form compares with the model; the full form takes rapid's 100.
// Each run draws others.
const checks = 10

// FewerChecks makes the suites draw fewer sequences in their short form. TestMain calls it before flags are parsed, so
// that -rapid.checks has the last word.
func FewerChecks() {
	if long.Full() {
		return
	}
	if err := flag.Set("rapid.checks", strconv.Itoa(checks)); err != nil {
		panic(err) // rapid has renamed its flag
	}
}
