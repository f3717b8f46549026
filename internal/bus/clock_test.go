package bus_test

import (
	"testing"
	"time"

	"vitrine/internal/bus"
	"vitrine/internal/item"
	"vitrine/internal/poll"
)

// TestSchedulesAreByTheClockOfNATS proves that a change which waits for another attempt is due by the clock of who publishes it then:
// a machine whose clock is minutes off would have it wait as long, or not at all.
func TestSchedulesAreByTheClockOfNATS(t *testing.T) {
	t.Parallel()
	c := connect(t)
	if _, err := c.Bucket("catalog").Now(t.Context()); err != nil {
		t.Fatal(err)
	}
	if ahead := c.Ahead(); ahead != 0 {
		t.Errorf("on one machine, a clock is %s ahead of itself", ahead)
	}
	const off = 10 * time.Minute
	bus.SetAhead(c, off)
	handle, tasks := says(bus.ErrSecondLook)
	consume(t, bus.ConsumerConfig{Conn: c, Timing: bus.Timing{Second: time.Second}, Handle: handle})
	began := time.Now()
	publish(t, c, change(item.Normal, "1"))
	receive(t, "the first look", tasks)
	second := change(item.Normal, "1")
	second.Second = true
	poll.Until(t, "the second look is scheduled", func() bool {
		stream, err := bus.JetStream(c).Stream(t.Context(), bus.Changes)
		if err != nil {
			t.Fatal(err)
		}
		m, err := stream.GetLastMsgForSubject(t.Context(), item.SecondLookSubject(second))
		if err != nil {
			return false
		}
		due, err := time.Parse("@at "+time.RFC3339Nano, m.Header.Get("Nats-Schedule"))
		if err != nil || due.Before(began.Add(off)) || due.After(time.Now().Add(off+time.Minute)) {
			t.Errorf("it is due at %s, %v; it was published at %s", due, err, began)
		}
		return true
	})
}
