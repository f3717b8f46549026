package bus

import (
	"context"
	"errors"
	"sync"
	"time"

	"vitrine/internal/item"
)

// gate holds all work back while our own store or queue fails. A store that reads but does not write would otherwise
// have every change fetched again and again, without end and for nothing.
//
// It closes when batches of some different keys failed for want of our own, and none succeeded in between: one alone may
// be the doing of one bad key, or of one shard among many, for which the others must not wait. Closed, it lets one
// batch through after each pause, and opens with the first that succeeds.
type gate struct {
	mu      sync.Mutex       // guards all below
	failed  map[key]struct{} // the first keys of the batches that failed
	probes  int              // of a closed gate, in a row
	probing bool             // one was let through, and has not ended yet
	next    time.Time        // when the next may go
	ended   chan struct{}
}

const (
	gateFailures = 4
	gatePause    = 200 * time.Millisecond // doubling to ownBackoff
)

func newGate() *gate { return &gate{failed: map[key]struct{}{}, ended: make(chan struct{}, 1)} }

// pass waits until a batch may be worked on, or ctx ends.
func (g *gate) pass(ctx context.Context) {
	for ctx.Err() == nil {
		wait := g.try()
		if wait == 0 {
			return
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-g.ended:
		case <-ctx.Done():
		}
		timer.Stop()
	}
}

// try is how long to wait before the next try; 0 lets a batch through.
func (g *gate) try() time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch left := time.Until(g.next); {
	case len(g.failed) < gateFailures:
		return 0
	case g.probing:
		return ownBackoff // its end is signalled
	case left > 0:
		return left
	}
	g.probing = true
	return 0
}

// note learns how a batch, which began with a key, ended. One that failed for another reason has not come as far as
// our own store.
func (g *gate) note(first key, errs []error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	defer mark(g.ended)
	g.probing = false
	owned := 0
	for _, err := range errs {
		if err == nil || errors.Is(err, ErrSecondLook) {
			clear(g.failed)
			g.probes = 0
			return
		}
		if errors.Is(err, item.ErrOwn) {
			owned++
		}
	}
	if len(g.failed) >= gateFailures {
		g.probes++
	} else if owned == len(errs) {
		g.failed[first] = struct{}{}
	}
	g.next = time.Now().Add(min(gatePause<<min(g.probes, 10), ownBackoff))
}
