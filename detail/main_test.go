package detail_test

import (
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	// This runs before any test does it inside a synctest bubble, which would then own the set's channel.
	if _, err := themeAlone(); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m)
}
