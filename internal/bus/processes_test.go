package bus_test

import (
	"context"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"vitrine/internal/bus"
	"vitrine/internal/item"
	"vitrine/internal/long"
	"vitrine/internal/poll"
)

// crew is several processes of a stage, each with a connection of its own to one NATS, and a counter of what each has handled.
type crew struct {
	*testing.T
	server *bus.Server
	conn   *bus.Conn // the publisher's
}

func newCrew(t *testing.T) *crew {
	server := embed(t, t.TempDir(), "")
	return &crew{T: t, server: server, conn: dial(t, bus.Config{Server: server})}
}

// join starts a process.
func (c *crew) join(handle func(context.Context, []bus.Task) []error) (handled *atomic.Int64, stop func() error) {
	handled = &atomic.Int64{}
	stop = consume(c.T, bus.ConsumerConfig{
		Conn: dial(c.T, bus.Config{Server: c.server}), Timing: bus.Timing{AckWait: time.Hour}, Concurrency: 4,
		Group: func(item.Change) (string, int) { return "", 20 },
		Handle: func(ctx context.Context, tasks []bus.Task) []error {
			handled.Add(int64(len(tasks)))
			return handle(ctx, tasks)
		},
	})
	return handled, stop
}

// load publishes changes of ever new articles until stop is called.
func (c *crew) load() (stop func()) {
	ctx, cancel := context.WithCancel(c.Context())
	var done sync.WaitGroup
	done.Go(func() {
		for n := 0; ctx.Err() == nil; n += 50 {
			changes := make([]item.Change, 50)
			for i := range changes {
				changes[i] = change(item.Normal, strconv.Itoa(n+i))
			}
			if err := c.conn.PublishChanges(ctx, changes, bus.PublishOptions{}); err != nil && ctx.Err() == nil {
				c.Error(err)
				return
			}
		}
	})
	return func() { cancel(); done.Wait() }
}

// TestProcessesJoinAndLeave has processes join and leave under load. One that joins is given work though another one takes all that it
// can, and nothing is lost when one leaves.
func TestProcessesJoinAndLeave(t *testing.T) {
	t.Parallel()
	c := newCrew(t)
	work := func(_ context.Context, tasks []bus.Task) []error { return none(tasks) }
	stays, _ := c.join(work)
	unload := c.load()
	poll.Until(t, "work for the first process", func() bool { return stays.Load() > 0 })
	for i := range long.Pick(3, 20) {
		began := time.Now()
		joined, leave := c.join(work)
		poll.Until(t, "work for a process that joins", func() bool { return joined.Load() > 0 })
		t.Logf("process %d has work after %s", i, time.Since(began).Round(time.Millisecond))
		if err := leave(); err != nil {
			t.Fatal(err)
		}
	}
	unload()
	poll.Until(t, "an empty queue", func() bool { return left(t, c.conn) == 0 })
}
