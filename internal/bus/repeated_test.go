package bus_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vitrine/internal/bus"
	"vitrine/internal/item"
	"vitrine/internal/poll"
)

// TestRepeated proves that of two changes of one subject CHANGES keeps the newer one, and that HISTORY shows that
// there were two.
func TestRepeated(t *testing.T) {
	t.Parallel()
	c := connect(t)
	long := time.Now().Add(-time.Hour)
	publish(t, c, change(item.Normal, "once"))
	publish(t, c, change(item.Normal, "twice"))
	publish(t, c, change(item.Normal, "twice"))
	publish(t, c, change(item.Normal, "last"))
	poll.Until(t, "all in HISTORY", func() bool {
		total, _, err := c.Past(t.Context(), 0, long)
		return err == nil && total == 4
	})
	tasks := func(ids ...string) (tasks []bus.Task) {
		for _, id := range ids {
			tasks = append(tasks, bus.Task{Subject: change(item.Normal, id).Subject()})
		}
		return tasks
	}
	got, err := c.Repeated(t.Context(), tasks("once", "twice", "never"), []time.Time{long, long, long})
	if diff := cmp.Diff([]bool{false, true, false}, got); diff != "" || err != nil {
		t.Errorf("error %v; the repeated changes differ: %s", err, diff)
	}
	got, err = c.Repeated(t.Context(), tasks("twice"), []time.Time{time.Now().Add(time.Minute)})
	if err != nil || got[0] {
		t.Error("what came before is counted", err)
	}
	if got, err := c.Repeated(t.Context(), nil, nil); err != nil || len(got) != 0 {
		t.Errorf("%+v, error %v; want no error, 0 of them", got, err)
	}
}

// TestWaitingChangesOfOneSubjectAreMerged proves that changes of one record that wait in this process become one task, which
// says that it stands for several.
func TestWaitingChangesOfOneSubjectAreMerged(t *testing.T) {
	t.Parallel()
	c := connect(t)
	taken, end := make(chan bus.Task), make(chan struct{})
	stopped := make(chan struct{})
	handle := func(_ context.Context, tasks []bus.Task) []error {
		select {
		case taken <- tasks[0]:
			select {
			case <-end:
			case <-stopped:
			}
		case <-stopped:
		}
		return none(tasks)
	}
	consume(t, bus.ConsumerConfig{Conn: c, Concurrency: 1, Handle: handle})
	t.Cleanup(func() { close(stopped) })
	plain := change(item.Normal, "1")
	forced := plain
	forced.Force = true
	publish(t, c, plain)
	first := receive(t, "a change", taken)
	if first.Merged || first.Published.IsZero() || first.Subject != plain.Subject() {
		t.Errorf("a single change is handled as %+v", first)
	}
	// While that task is in progress two more changes arrive. They may arrive too far apart to wait together.
	poll.Until(t, "a task of two changes", func() bool {
		publish(t, c, plain)
		publish(t, c, forced)
		poll.Until(t, "both delivered", func() bool { return waiting(t, c) == 0 })
		end <- struct{}{}
		next := receive(t, "what waited", taken)
		if next.Merged {
			end <- struct{}{}
			return true
		}
		end <- struct{}{}
		receive(t, "the other", taken)
		return false
	})
	poll.Until(t, "an empty queue", func() bool { return left(t, c) == 0 })
}

// waiting returns how many changes of the normal lane NATS has not delivered.
func waiting(t *testing.T, c *bus.Conn) uint64 {
	t.Helper()
	durable, err := bus.JetStream(c).Consumer(t.Context(), bus.Changes, "heterog-normal")
	if err != nil {
		t.Fatal(err)
	}
	info, err := durable.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return info.NumPending
}
