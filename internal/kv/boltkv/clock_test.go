package boltkv

import (
	"testing"
	"time"
)

// TestNextOverAClockThatJumps proves that the counter rises although the clock is set back or forward by an hour.
func TestNextOverAClockThatJumps(t *testing.T) {
	for _, hours := range []time.Duration{-1, 0, 1} {
		before := uint64(time.Now().Add(hours * time.Hour).UnixMicro())
		b := &storedState{Last: before}
		if first, second := b.next(time.Now()), b.next(time.Now()); first <= before || second <= first {
			t.Errorf("%d h: %d, %d after %d", hours, first, second, before)
		}
	}
}
