package kvtest

import (
	"flag"
	"strconv"

	"vitrine/internal/long"
)

// checks is the number of random sequences, of about 30 steps each, that the short form compares with a model. The full form has rapid's
// default of 100. Each run draws other sequences.
const checks = 10

// FewerChecks makes the suites draw fewer random sequences in their short form. TestMain calls it before flags are parsed, so that
// -rapid.checks on the command line counts. It panics if rapid has no such flag.
func FewerChecks() {
	if long.Full() {
		return
	}
	if err := flag.Set("rapid.checks", strconv.Itoa(checks)); err != nil {
		panic(err) // rapid has no such flag any more
	}
}
