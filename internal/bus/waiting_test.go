package bus_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vitrine/internal/bus"
	"vitrine/internal/item"
	"vitrine/internal/poll"
)

// TestWaiting proves that a change is reported as waiting at every stage between its publication and its
// acknowledgement.
func TestWaiting(t *testing.T) {
	t.Parallel()
	c := connect(t)
	waits := func(id string) bool {
		t.Helper()
		asked := []item.Change{change(item.Refresh, id), {Entity: item.Entity{Kind: "sku", ID: id}, Dimension: "status"}}
		got, err := c.Waiting(t.Context(), asked)
		if err != nil {
			t.Fatal(err)
		}
		if got[1] {
			t.Errorf("no change of the status of %s waits", id)
		}
		return got[0]
	}
	var takes atomic.Int64
	begun, end := make(chan string), make(chan error)
	cfg := bus.ConsumerConfig{Conn: c, Handle: func(_ context.Context, batch []bus.Task) []error {
		begun <- batch[0].Change.Entity.ID
		return []error{<-end}
	}}
	cfg.Timing.Backoff = func(int) time.Duration { return time.Hour }
	publish(t, c, change(item.High, "w 1.a"))
	if !waits("w 1.a") || waits("w2") {
		t.Error("what was published waits, and nothing else")
	}
	consume(t, places(cfg, &takes))
	receive(t, "the first change", begun)
	if !waits("w 1.a") {
		t.Error("what is in work waits")
	}
	end <- item.ErrUnavailable
	poll.Until(t, "the retry is scheduled", func() bool {
		streams, _, err := c.Pending(t.Context())
		return err == nil && streams[bus.Changes][item.High].InFlight == 1
	})
	if !waits("w 1.a") {
		t.Error("what is scheduled for another attempt waits")
	}
	publish(t, c, change(item.Normal, "w2"))
	receive(t, "the second change", begun)
	end <- nil
	poll.Until(t, "a change that is done does not wait", func() bool { return !waits("w2") })
	publish(t, c, change(item.Normal, "s1"))
	poll.Until(t, "the third change is parked", func() bool { return parked(t, c) == 1 })
	if diff := cmp.Diff(true, waits("s1")); diff != "" {
		t.Error("what is parked waits")
	}
	later := item.Change{Lane: item.Normal, Entity: item.Entity{Kind: "sku", ID: "w3"}, Dimension: item.All}
	if err := c.PublishChanges(t.Context(), []item.Change{later}, bus.PublishOptions{}); err != nil {
		t.Fatal(err)
	}
	got, err := c.Waiting(t.Context(), []item.Change{change(item.High, "w3")})
	if err != nil || !got[0] {
		t.Error("a change of all dimensions counts for each", err)
	}
	receive(t, "the last change", begun)
	end <- nil
}
