package bus_test

import (
	"slices"
	"testing"
	"time"

	"vitrine/internal/bus"
	"vitrine/internal/item"
	"vitrine/internal/poll"
)

// TestASecondLookTakesNobodysPlace proves that a second look that is due does not replace a newer change that waits.
// That change may itself be answered by a lagging replica, and needs a second look of its own.
func TestASecondLookTakesNobodysPlace(t *testing.T) {
	t.Parallel()
	c := connect(t)
	handle, tasks := says(bus.ErrSecondLook)
	stop := consume(t, bus.ConsumerConfig{Conn: c, Timing: bus.Timing{Second: time.Second}, Handle: handle})
	publish(t, c, change(item.Normal, "1"))
	receive(t, "the first look", tasks)
	poll.Until(t, "the end of the work", func() bool { return left(t, c) == 0 })
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	publish(t, c, change(item.Normal, "1"))
	poll.Until(t, "the time of the second look", func() bool {
		found, err := c.Find(t.Context(), change(item.Normal, "1").Entity)
		return err == nil && !slices.ContainsFunc(found, func(q bus.Queued) bool { return q.Due != "" })
	})
	consume(t, bus.ConsumerConfig{Conn: c, Handle: handle})
	if got := receive(t, "what waits", tasks); got.Second && receive(t, "the announcement", tasks).Second {
		t.Error("the announcement is gone")
	}
	poll.Until(t, "an empty queue", func() bool { return left(t, c) == 0 })
}
