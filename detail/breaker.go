package detail

import (
	"sync"
	"time"
)

const (
	breakAfter = 5           // consecutive failures
	breakFor   = time.Second // until the next probe
)

// breaker keeps readers from waiting for a tier that fails: after breakAfter failures in a row nobody asks it, but
// for one probe each breakFor, until one succeeds. Nobody waits for a probe: of a tier that hangs it takes as long
// as the time-out.
type breaker struct {
	mu      sync.Mutex // guards all below
	failed  int
	retryAt time.Time
}

// allow tells whether the tier may be asked now, and else whether it is time for a probe, which is then the
// caller's to make.
func (b *breaker) allow() (ask, probe bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.failed < breakAfter {
		return true, false
	}
	now := time.Now()
	if probe = now.After(b.retryAt); probe {
		b.retryAt = now.Add(breakFor)
	}
	return false, probe
}

func (b *breaker) done(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err == nil {
		b.failed = 0
		return
	}
	if b.failed++; b.failed == breakAfter {
		b.retryAt = time.Now().Add(breakFor)
	}
}

func (b *breaker) closed() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.failed < breakAfter
}
