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

// slow is an upstream that answers no call before it is told to.
type slow struct {
	calls   atomic.Int64 // made so far
	answers chan struct{}
	answer  func()
}

func newSlow() *slow {
	s := &slow{answers: make(chan struct{})}
	s.answer = sync.OnceFunc(func() { close(s.answers) })
	return s
}

func (s *slow) handle(_ context.Context, tasks []bus.Task) []error {
	s.calls.Add(1)
	<-s.answers
	return none(tasks)
}

// TestASlowUpstreamLeavesWorkToWhoJoins has four processes join, one after the other, while their upstream answers nothing. Each makes as many
// calls as it may, though the first had the whole queue before it and has not finished anything; and each change is handled once.
func TestASlowUpstreamLeavesWorkToWhoJoins(t *testing.T) {
	t.Parallel()
	const queue, calls = 600, 4
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
			up := newSlow()
			defer up.answer() // before the processes are stopped
			var handled []*atomic.Int64
			for i := range 4 {
				n, _ := c.join(up.handle)
				handled = append(handled, n)
				poll.Until(t, "all calls of one more process", func() bool { return up.calls.Load() == int64(1+i)*calls })
			}
			up.answer()
			poll.Until(t, "an empty queue", func() bool { return left(t, c.conn) == 0 })
			done := int64(0)
			for _, n := range handled {
				done += n.Load()
			}
			if done != queue {
				t.Errorf("%d works for %d changes", done, queue)
			}
		})
	}
}

// TestADeadProcessLosesNothing cuts the connection of a process that has calls on their way and more at hand. Another
// one is given all of that once the time to acknowledge it is over.
func TestADeadProcessLosesNothing(t *testing.T) {
	t.Parallel()
	const queue = 300
	c := newCrew(t)
	c.ackWait = 2 * time.Second
	c.publish(queue)
	up := newSlow()
	defer up.answer()
	conn := dial(t, bus.Config{Server: c.server})
	c.joinBy(conn, up.handle)
	poll.Until(t, "calls of the process", func() bool { return up.calls.Load() == 4 })
	conn.Close()
	var mu sync.Mutex
	handled := map[string]bool{}
	c.join(func(_ context.Context, tasks []bus.Task) []error {
		mu.Lock()
		defer mu.Unlock()
		for _, task := range tasks {
			handled[task.Change.Entity.ID] = true
		}
		return none(tasks)
	})
	poll.Until(t, "an empty queue", func() bool { return left(t, c.conn) == 0 })
	mu.Lock()
	defer mu.Unlock()
	if len(handled) != queue {
		t.Errorf("%d of %d changes handled by the other process", len(handled), queue)
	}
}
