package bus_test

import (
	"sync/atomic"
	"testing"

	"vitrine/internal/bus"
	"vitrine/internal/item"
	"vitrine/internal/poll"
)

// TestIdle proves that a lane counts as busy from the publication of a change until it is done, however quickly one
// change follows another.
func TestIdle(t *testing.T) {
	t.Parallel()
	c := connect(t)
	var open atomic.Bool
	handle, _ := says()
	consume(t, bus.ConsumerConfig{Conn: c, Handle: handle, Open: func(item.Lane) bool { return open.Load() }})
	idle := func() bool {
		is, err := c.Idle(t.Context(), item.Refresh)
		if err != nil {
			t.Fatal(err)
		}
		return is
	}
	if !idle() {
		t.Error("not idle before anything was published")
	}
	publish(t, c, change(item.High, "1"))
	if !idle() {
		t.Error("another lane counts")
	}
	missed := 0
	for range 500 {
		publish(t, c, change(item.Refresh, "1"))
		if idle() {
			missed++
		}
	}
	if missed > 0 {
		t.Errorf("idle %d times of 500 while a change waited", missed)
	}
	open.Store(true)
	poll.Until(t, "an idle lane", idle)
	if err := c.PublishSyncs(t.Context(), []item.Change{change(item.Refresh, "1")}); err != nil {
		t.Fatal(err)
	}
	if idle() {
		t.Error("a fold does not count")
	}
}
