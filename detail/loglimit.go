package detail

import (
	"sync"
	"time"
)

// logLimit bounds how often a message is logged: once within a time, with the number of times that it was left out.
type logLimit struct {
	every time.Duration

	mu      sync.Mutex // guards all below
	last    time.Time
	skipped int
}

func newLogLimit(every time.Duration) *logLimit { return &logLimit{every: every} }

// allow reports whether the message may be logged now, and how often it was left out since the last time.
func (l *logLimit) allow(now time.Time) (ok bool, skipped int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.last.IsZero() && now.Sub(l.last) < l.every {
		l.skipped++
		return false, 0
	}
	skipped = l.skipped
	l.last = now
	l.skipped = 0
	return true, skipped
}
