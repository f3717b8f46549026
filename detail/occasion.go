package detail

import (
	"sync"
	"time"
)

// occasion limits what is said again and again: once within a time, with the number of times that it was not said.
type occasion struct {
	every time.Duration

	mu      sync.Mutex // guards all below
	last    time.Time
	skipped int
}

func newOccasion(every time.Duration) *occasion { return &occasion{every: every} }

// due reports whether now is the time to say it, and how often it was left out since the last time.
func (o *occasion) due(now time.Time) (due bool, skipped int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.last.IsZero() && now.Sub(o.last) < o.every {
		o.skipped++
		return false, 0
	}
	skipped, o.last, o.skipped = o.skipped, now, 0
	return true, skipped
}
