package bus_test

import (
	"context"
	"testing"
	"time"

	"vitrine/internal/bus"
	"vitrine/internal/item"
	"vitrine/internal/poll"
)

// TestRepeated proves that of two changes of one subject CHANGES keeps the newer one, and that HISTORY shows that there was one
// before it.
func TestRepeated(t *testing.T) {
	t.Parallel()
	c := connect(t)
	publish(t, c, change(item.Normal, "once"))
	publish(t, c, change(item.Normal, "twice"))
	inHistory(t, c, 2) // since its copies come a little later, one of before the second time could be taken for one of after it
	publish(t, c, change(item.Normal, "twice"))
	taken := make(chan bus.Task, 10)
	consume(t, bus.ConsumerConfig{Conn: c, Concurrency: 1, Handle: func(_ context.Context, tasks []bus.Task) []error {
		for _, task := range tasks {
			taken <- task
		}
		return none(tasks)
	}})
	poll.Until(t, "nothing left", func() bool {
		left, err := c.Left(t.Context())
		return err == nil && left == 0
	})
	var once, twice bus.Task
	for len(taken) > 0 {
		switch task := <-taken; task.Change.Entity.ID {
		case "once":
			once = task
		case "twice":
			twice = task // one that stands for both, or after the first one the second
		}
	}
	never := bus.Task{Subject: change(item.Normal, "never").Subject(), Published: time.Now()}
	publish(t, c, change(item.Normal, "once")) // which is not before
	inHistory(t, c, 4)
	for _, tt := range []struct {
		name  string
		task  bus.Task
		since time.Time
		want  bool
	}{
		{"a change that was published once, and again later", once, once.Published.Add(-time.Hour), false},
		{"a change that was published twice", twice, twice.Published.Add(-time.Hour), true},
		{"a change that was published twice, since the second time", twice, twice.Published, false},
		{"a change that HISTORY has missed", never, never.Published.Add(-time.Hour), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := c.Repeated(t.Context(), []bus.Task{tt.task}, []time.Time{tt.since})
			if err != nil || len(got) != 1 || got[0] != tt.want {
				t.Errorf("repeated: %v, error %v; want %v", got, err, tt.want)
			}
		})
	}
	if got, err := c.Repeated(t.Context(), nil, nil); err != nil || len(got) != 0 {
		t.Errorf("without tasks: %v, error %v", got, err)
	}
}

// inHistory waits until HISTORY has so many messages.
func inHistory(t *testing.T, c *bus.Conn, messages int) {
	t.Helper()
	poll.Until(t, "all in HISTORY", func() bool {
		total, _, err := c.Past(t.Context(), 0, time.Now().Add(-time.Hour))
		return err == nil && int(total) == messages
	})
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
	group := func(item.Change) (string, int) { return "", 10 } // so that several wait here
	consume(t, bus.ConsumerConfig{Conn: c, Concurrency: 1, Group: group, Handle: handle})
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
