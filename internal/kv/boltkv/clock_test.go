package boltkv

import (
	"testing"
	"time"
)

// TestNextOverAClockThatJumps: the counter rises though the clock is an hour behind what it was, or ahead.
func TestNextOverAClockThatJumps(t *testing.T) {
	for _, hours := range []time.Duration{-1, 0, 1} {
		before := uint64(time.Now().Add(hours * time.Hour).UnixMicro())
		b := &storedState{Last: before}
		if first, second := b.next(time.Now()), b.next(time.Now()); first <= before || second <= first {
			t.Errorf("%d h: %d, %d after %d", hours, first, second, before)
		}
	}
}
