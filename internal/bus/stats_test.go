package bus_test

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"vitrine/internal/bus"
	"vitrine/internal/item"
	"vitrine/internal/poll"
)

// TestDepths holds Depths to what waits and what is in flight in each lane, and to all that each stream stores.
func TestDepths(t *testing.T) {
	c := connect(t)
	depths := func() map[string]bus.Depth {
		t.Helper()
		all, err := c.Depths(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	none := func() map[item.Lane]bus.Lane {
		return map[item.Lane]bus.Lane{item.High: {}, item.Normal: {}, item.Refresh: {}}
	}
	empty := map[string]bus.Depth{bus.Changes: {Lanes: none()}, bus.Parked: {Lanes: none()}, bus.Syncs: {Lanes: none()}, bus.Failed: {}, bus.Held: {}}
	lanes := cmpopts.IgnoreFields(bus.Depth{}, "Handed")
	if diff := cmp.Diff(empty, depths(), lanes); diff != "" {
		t.Fatal(diff)
	}
	const buffer, work = 4, 2 // of each lane
	release := make(chan struct{})
	stop := consume(t, bus.ConsumerConfig{
		Conn: c, Buffer: buffer, Concurrency: work, Timing: bus.Timing{Drain: time.Minute},
		Handle: func(ctx context.Context, tasks []bus.Task) []error {
			select {
			case <-release:
			case <-ctx.Done():
			}
			return make([]error, len(tasks))
		},
	})
	var many []item.Change
	for i := range 50 {
		many = append(many, change(item.Normal, strconv.Itoa(i)))
	}
	publish(t, c, many...)
	publish(t, c, change(item.High, "1"))
	poll.Until(t, "what was published stands in its lanes, some of it in flight", func() bool {
		d := depths()[bus.Changes]
		n, h := d.Lanes[item.Normal], d.Lanes[item.High]
		return d.Stored == 51 && n.Waiting > 0 && n.InFlight > 0 && n.Waiting+n.InFlight == 50 && h.InFlight == 1 && h.Waiting == 0 && d.Lanes[item.Refresh] == bus.Lane{}
	})
	close(release)
	poll.Until(t, "nothing is left", func() bool { return cmp.Equal(empty, depths(), lanes) })
	if handed := depths()[bus.Changes].Handed; handed[item.Normal] < 50 || handed[item.High] < 1 || handed[item.Refresh] != 0 {
		t.Errorf("of 50 changes in the lane normal and one in high, %v were handed out", handed)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	publish(t, c, many[:3]...)
	poll.Until(t, "what comes while nobody works waits", func() bool {
		return depths()[bus.Changes].Lanes[item.Normal] == bus.Lane{Waiting: 3}
	})
}

// TestUnfinished counts what waits, is in work, or is parked, and only of the kind that is asked for.
func TestUnfinished(t *testing.T) {
	c := connect(t)
	unfinished := func(kind string) bool {
		t.Helper()
		is, err := c.Unfinished(t.Context(), kind)
		if err != nil {
			t.Fatal(err)
		}
		return is
	}
	if unfinished("sku") {
		t.Error("nothing was published")
	}
	publish(t, c, change(item.Normal, "1"))
	if !unfinished("sku") || unfinished("brand") {
		t.Error("one change of a SKU was published")
	}
	working, end := make(chan struct{}), make(chan struct{})
	consume(t, bus.ConsumerConfig{Conn: c, Handle: func(_ context.Context, batch []bus.Task) []error {
		close(working)
		<-end
		return none(batch)
	}})
	receive(t, "the change in work", working)
	if !unfinished("sku") {
		t.Error("the change is in work")
	}
	close(end)
	poll.Until(t, "the change is done", func() bool { return !unfinished("sku") })
}
