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
	server  *bus.Server
	conn    *bus.Conn // the publisher's
	ackWait time.Duration
	places  []bus.Place // all is done at the first
}

func newCrew(t *testing.T) *crew {
	server := embed(t, t.TempDir(), "")
	return &crew{T: t, server: server, conn: dial(t, bus.Config{Server: server}), ackWait: time.Hour}
}

// join starts a process.
func (c *crew) join(handle func(context.Context, []bus.Task) []error) (handled *atomic.Int64, stop func() error) {
	return c.joinBy(dial(c.T, bus.Config{Server: c.server}), handle)
}

// joinBy starts a process that has this connection.
func (c *crew) joinBy(conn *bus.Conn, handle func(context.Context, []bus.Task) []error) (handled *atomic.Int64, stop func() error) {
	handled = &atomic.Int64{}
	cfg := bus.ConsumerConfig{
		Conn: conn, Timing: bus.Timing{AckWait: c.ackWait}, Concurrency: 4,
		Group: func(item.Change) (string, int) { return "", 20 },
		Handle: func(ctx context.Context, tasks []bus.Task) []error {
			handled.Add(int64(len(tasks)))
			return handle(ctx, tasks)
		},
	}
	if len(c.places) > 0 {
		cfg.Placement.All = func() []bus.Place { return c.places }
		cfg.Placement.Of = func(item.Change) bus.Place { return c.places[0] }
	}
	return handled, consume(c.T, cfg)
}

// publish publishes changes of n articles.
func (c *crew) publish(n int) {
	changes := make([]item.Change, n)
	for i := range changes {
		changes[i] = change(item.Normal, strconv.Itoa(i))
	}
	publish(c.T, c.conn, changes...)
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

// TestASlowUpstreamLeavesWorkToWhoJoins has a process join while another one, which was there before the changes, waits for its upstream. The second
// process makes as many calls as the first, though the first has not finished any, and each change is handled once.
func TestASlowUpstreamLeavesWorkToWhoJoins(t *testing.T) {
	t.Parallel()
	const queue, calls = 300, 4
	for name, places := range map[string][]bus.Place{
		"the only one":    {{Name: "slow", Limit: calls}},
		"beside another":  {{Name: "slow", Limit: calls}, {Name: "other", Limit: calls}},
		"no place at all": nil,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCrew(t)
			c.places = places
			c.publish(queue)
			answers := make(chan struct{})
			answer := sync.OnceFunc(func() { close(answers) })
			defer answer() // before the processes are stopped
			var handled []*atomic.Int64
			for _, who := range []string{"first", "second"} {
				var inWork atomic.Int64
				n, _ := c.join(func(_ context.Context, tasks []bus.Task) []error {
					inWork.Add(1)
					<-answers
					return none(tasks)
				})
				handled = append(handled, n)
				poll.Until(t, "all calls of the "+who+" process", func() bool { return inWork.Load() == calls })
			}
			answer()
			poll.Until(t, "an empty queue", func() bool { return left(t, c.conn) == 0 })
			if n := handled[0].Load() + handled[1].Load(); n != queue {
				t.Errorf("%d works for %d changes", n, queue)
			}
		})
	}
}
