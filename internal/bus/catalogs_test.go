package bus_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"vitrine/internal/bus"
	"vitrine/internal/item"
	"vitrine/internal/poll"
)

// TestUnknownWaitsForTheCatalogInForce proves that a change which an older catalog does not know waits until the
// process has the catalog in force, however often it is tried.
func TestUnknownWaitsForTheCatalogInForce(t *testing.T) {
	t.Parallel()
	c := connect(t)
	var looks atomic.Int32
	handled := make(chan bus.Task, 1)
	consume(t, bus.ConsumerConfig{
		Conn: c, Attempts: 2,
		Check: func(item.Change) error {
			if looks.Add(1) < 5 {
				return item.ErrCatalog
			}
			return nil
		},
		Handle: func(_ context.Context, batch []bus.Task) []error {
			handled <- batch[0]
			return none(batch)
		},
	})
	publish(t, c, change(item.High, "1"))
	receive(t, "the change, once it is known", handled)
	poll.Until(t, "an empty queue", func() bool { return left(t, c) == 0 })
	if _, failed, err := c.Pending(t.Context()); err != nil || failed > 0 {
		t.Errorf("%d dead letters, %v", failed, err)
	}
}

// TestChangesOfARemovedNameAreDropped proves that a change of something that a push has removed from the catalog is dropped
// and leaves nothing behind.
func TestChangesOfARemovedNameAreDropped(t *testing.T) {
	t.Parallel()
	c := connect(t)
	verdicts := make(chan string, 1)
	consume(t, bus.ConsumerConfig{
		Conn: c, Attempts: 2,
		Check:   func(item.Change) error { return fmt.Errorf("%w: %w", item.ErrRemoved, item.ErrUnknown) },
		Handle:  func(_ context.Context, batch []bus.Task) []error { return none(batch) },
		Handled: func(h bus.Handled) { verdicts <- h.Verdict },
	})
	publish(t, c, change(item.High, "1"))
	if v := receive(t, "the verdict", verdicts); v != "drop" {
		t.Errorf("the verdict is %q, want drop", v)
	}
	poll.Until(t, "an empty queue", func() bool { return left(t, c) == 0 })
	if _, failed, err := c.Pending(t.Context()); err != nil || failed > 0 {
		t.Errorf("%d dead letters, %v", failed, err)
	}
}
