package detail

import (
	"context"
	"fmt"
	"runtime"
	"sync/atomic"
	"time"

	"vitrine/internal/item"
)

// errBusy is what a visitor is told who comes while too many pages are being made.
var errBusy = fmt.Errorf("%w: too many pages are being made", item.ErrUnavailable)

const (
	gateWithin = 100 * time.Millisecond // for a place; who would wait longer is better told at once
	gateQueue  = 32                     // who may wait, for each place
)

// gate lets so many pages be made at once. Without it, a server with ten times more to do than it can would
// begin all, finish each late, and serve few.
type gate struct {
	places  chan struct{}
	waiting atomic.Int64
	most    int64
}

func newGate() *gate {
	n := 2 * runtime.GOMAXPROCS(0)
	return &gate{places: make(chan struct{}, n), most: int64(gateQueue * n)}
}

// full tells whether whoever comes now is turned away.
func (g *gate) full() bool { return g.waiting.Load() >= g.most }

// enter waits for a place; leave gives it back.
func (g *gate) enter(ctx context.Context) error {
	select {
	case g.places <- struct{}{}:
		return nil
	default:
	}
	if g.waiting.Add(1) > g.most {
		g.waiting.Add(-1)
		return errBusy
	}
	defer g.waiting.Add(-1)
	timer := time.NewTimer(gateWithin)
	defer timer.Stop()
	select {
	case g.places <- struct{}{}:
		return nil
	case <-timer.C:
		return errBusy
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", item.ErrUnavailable, ctx.Err())
	}
}

func (g *gate) leave() { <-g.places }
