package detail

import (
	"sync"
	"time"
)

const (
	breakAfter = 5           // consecutive failures
	breakFor   = time.Second // until the next probe
)

// breaker keeps readers from waiting for a tier that fails: after breakAfter failures in a row it lets
// one probe through each breakFor, until one succeeds.
type breaker struct {
	mu      sync.Mutex // guards all below
	failed  int
	retryAt time.Time
}

// allow tells whether the tier may be asked now. In the open state, true makes the caller the probe.
func (b *breaker) allow() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.failed < breakAfter {
		return true
	}
	if now := time.Now(); now.After(b.retryAt) {
		b.retryAt = now.Add(breakFor)
		return true
	}
	return false
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
