// Package poll has tests wait for what comes about by itself.
package poll

import (
	"testing"
	"time"
)

const (
	every = 2 * time.Millisecond
	limit = time.Minute
)

// Until returns once ok reports true. It fails the test if that does not happen within a minute; what says what was waited for.
func Until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(limit)
	tick := time.NewTicker(every)
	defer tick.Stop()
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatal("never happened: " + what)
		}
		<-tick.C
	}
}
