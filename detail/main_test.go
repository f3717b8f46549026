package detail_test

import (
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if _, err := themeAlone(); err != nil { // before a test does it inside a bubble of synctest, which would own the set's channel
		panic(err)
	}
	goleak.VerifyTestMain(m)
}
