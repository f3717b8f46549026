package bus_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"vitrine/internal/bus"
	"vitrine/internal/item"
	"vitrine/internal/poll"
)

func TestConsumerHandsOnPublishedChanges(t *testing.T) {
	t.Parallel()
	c := connect(t)
	tasks := make(chan bus.Task, 1)
	consume(t, bus.ConsumerConfig{Conn: c, Handle: func(_ context.Context, batch []bus.Task) []error {
		tasks <- batch[0]
		return none(batch)
	}})
	event := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	began := time.Now()
	want := bus.Task{Change: change(item.High, "12049.1"), Event: event, Subject: "change.high.sku.price!.12049=2E1", Force: true, Attempt: 1}
	if err := c.PublishChanges(t.Context(), []item.Change{want.Change}, bus.PublishOptions{Event: event, Force: true}); err != nil {
		t.Fatal(err)
	}
	got := receive(t, "the task", tasks)
	want.Published = got.Published
	if diff := cmp.Diff(want, got); diff != "" || got.Published.Before(began.Add(-time.Second)) {
		t.Errorf("the task differs, or has no time of publishing (%v): %s", got.Published, diff)
	}
	poll.Until(t, "the ack", func() bool { return left(t, c) == 0 })
}

func TestConsumerCoalesces(t *testing.T) {
	t.Parallel()
	c := connect(t)
	var calls atomic.Int32
	entered, goOn := make(chan struct{}, 2000), make(chan struct{})
	consume(t, bus.ConsumerConfig{Conn: c, Handle: func(ctx context.Context, batch []bus.Task) []error {
		calls.Add(1)
		entered <- struct{}{}
		<-goOn
		return none(batch)
	}})
	publish(t, c, change(item.Normal, "1"))
	receive(t, "the first call", entered)
	many := make([]item.Change, 1000)
	for i := range many {
		many[i] = change(item.Normal, "1")
	}
	publish(t, c, many...)
	close(goOn)
	poll.Until(t, "an empty queue", func() bool { return left(t, c) == 0 })
	if n := calls.Load(); n < 2 || n > 3 {
		t.Errorf("1,000 changes of a key in work cost %d calls, want 2 or 3", n)
	}
}

func TestConsumerBatchesByGroup(t *testing.T) {
	t.Parallel()
	c := connect(t)
	const n = 500
	changes := make([]item.Change, n)
	for i := range changes {
		changes[i] = change(item.Normal, fmt.Sprint(i))
	}
	publish(t, c, changes...)
	var largest, handled atomic.Int64
	consume(t, bus.ConsumerConfig{
		Conn: c, Concurrency: 1, Group: func(item.Change) (string, int) { return "g", 50 },
		Handle: func(_ context.Context, batch []bus.Task) []error {
			largest.Store(max(largest.Load(), int64(len(batch))))
			handled.Add(int64(len(batch)))
			return none(batch)
		},
	})
	poll.Until(t, "an empty queue", func() bool { return left(t, c) == 0 })
	if handled.Load() != n || largest.Load() < 2 || largest.Load() > 50 {
		t.Errorf("handled %d in batches of up to %d, want %d in 2 to 50", handled.Load(), largest.Load(), n)
	}
}

func TestConsumerRetriesThenBuries(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		handle   func(context.Context, []bus.Task) []error
		check    func(item.Change) error
		attempts int
		reason   string
	}{
		"refused, three times": {attempts: 3, reason: "refused",
			handle: func(context.Context, []bus.Task) []error { return []error{item.ErrRefused} }},
		"a panic":          {attempts: 4, reason: "panicked", handle: func(context.Context, []bus.Task) []error { panic("boom") }},
		"too few results":  {attempts: 4, reason: "0 results for 1", handle: func(context.Context, []bus.Task) []error { return nil }},
		"unknown, at once": {attempts: 1, reason: "catalog", check: func(item.Change) error { return item.ErrUnknown }},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := connect(t)
			var calls atomic.Int32
			handle := func(ctx context.Context, batch []bus.Task) []error {
				if n := int(calls.Add(1)); n != batch[0].Attempt {
					t.Errorf("call %d is attempt %d", n, batch[0].Attempt)
				}
				return tc.handle(ctx, batch)
			}
			consume(t, bus.ConsumerConfig{Conn: c, Attempts: 4, Handle: handle, Check: tc.check})
			publish(t, c, change(item.High, "1"))
			poll.Until(t, "an empty queue", func() bool { return left(t, c) == 0 })
			letters := deadLetters(t, c, 1)
			if l := letters[0]; l.Attempts != tc.attempts || !strings.Contains(l.Reason, tc.reason) || l.Subject != change(item.High, "1").Subject() {
				t.Errorf("dead letter %+v, want %d attempts and a reason with %q", l, tc.attempts, tc.reason)
			}
		})
	}
}

func TestConsumerBuriesMalformedSubjects(t *testing.T) {
	t.Parallel()
	s := embed(t, t.TempDir(), "127.0.0.1:0")
	c := dial(t, bus.Config{URL: s.URL()})
	good := make(chan bus.Task, 100)
	consume(t, bus.ConsumerConfig{Conn: c, Handle: func(_ context.Context, batch []bus.Task) []error {
		good <- batch[0]
		return none(batch)
	}})
	publish(t, c, change(item.High, "ready"))
	receive(t, "the first task", good)
	raw, err := nats.Connect(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	bad := []string{
		"change.foo.sku.product.1", "change.normal.sku", "change.normal", "change.high.SKU.price.1", "change.high.sku.price.=ZZ",
		"change.high.sku.price.日本\x01", "change.refresh.sku.price." + strings.Repeat("x", 3900), "change.high.sku.*.1", "change.high.>",
	}
	for _, subject := range bad {
		if err := raw.Publish(subject, []byte(strings.Repeat("b", 5000))); err != nil {
			t.Fatalf("publish %q: %v", subject, err)
		}
	}
	if err := raw.Flush(); err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{}
	for _, l := range deadLetters(t, c, len(bad)) {
		got[l.Subject] = true
		if len(l.Body) != 4096 || l.Stage != "heterog" {
			t.Errorf("%.60q: body of %d bytes, stage %q", l.Subject, len(l.Body), l.Stage)
		}
	}
	for _, subject := range bad {
		if !got[subject] {
			t.Errorf("no dead letter for %.60q", subject)
		}
	}
	publish(t, c, change(item.High, "2"))
	receive(t, "a good task after the bad ones", good)
}

func TestConsumerServesHighFirstAndStarvesNone(t *testing.T) {
	t.Parallel()
	c := connect(t)
	var changes []item.Change
	for _, l := range item.Lanes() {
		for i := range 60 {
			changes = append(changes, change(l, fmt.Sprintf("%s-%d", l, i)))
		}
	}
	entered, goOn := make(chan item.Lane, 1000), make(chan struct{})
	group := func(c item.Change) (string, int) { return c.Entity.ID, 1 } // so that one of each waits here
	consume(t, bus.ConsumerConfig{Conn: c, Concurrency: 1, Group: group, Handle: func(_ context.Context, batch []bus.Task) []error {
		entered <- batch[0].Change.Lane
		<-goOn
		return none(batch)
	}})
	publish(t, c, change(item.Normal, "plug"))
	receive(t, "the plug", entered)
	publish(t, c, changes...)
	poll.Until(t, "all delivered", func() bool {
		streams, _, err := c.Pending(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		n := uint64(0)
		for _, l := range streams[bus.Changes] {
			n += l.InFlight
		}
		return n == uint64(len(changes))+1
	})
	close(goOn)
	share := map[item.Lane]int{}
	for range 42 {
		share[receive(t, "a task", entered)]++
	}
	if share[item.High] < 28 || share[item.Normal] < 4 || share[item.Refresh] < 1 {
		t.Errorf("shares of 42 batches: %v, want about 32, 8, 2", share)
	}
}

func TestConsumerStops(t *testing.T) {
	t.Parallel()
	t.Run("after what is in work, and gives back the rest", func(t *testing.T) {
		c := connect(t)
		const ackWait = 5 * time.Second // after it, messages for the stopped consumer are delivered again
		entered, goOn := make(chan struct{}, 10), make(chan struct{})
		stop := consume(t, bus.ConsumerConfig{Conn: c, Concurrency: 1, Timing: bus.Timing{AckWait: ackWait}, Handle: func(_ context.Context, batch []bus.Task) []error {
			entered <- struct{}{}
			<-goOn
			return none(batch)
		}})
		publish(t, c, change(item.High, "1"), change(item.High, "2"), change(item.High, "3"))
		receive(t, "a task", entered)
		ended := make(chan error, 1)
		go func() { ended <- stop() }()
		close(goOn)
		if err := receive(t, "the stop", ended); err != nil {
			t.Fatal(err)
		}
		rest := make(chan struct{}, 10)
		handled := 1 + len(entered)
		consume(t, bus.ConsumerConfig{Conn: c, Timing: bus.Timing{AckWait: ackWait}, Handle: func(_ context.Context, batch []bus.Task) []error {
			rest <- struct{}{}
			return none(batch)
		}})
		poll.Until(t, "an empty queue", func() bool { return left(t, c) == 0 })
		if handled+len(rest) != 3 {
			t.Errorf("handled %d before and %d after the stop, want 3 in all", handled, len(rest))
		}
	})
	t.Run("a handler that does not end, by its context, without an ack", func(t *testing.T) {
		c := connect(t)
		entered := make(chan struct{}, 10)
		stop := consume(t, bus.ConsumerConfig{Conn: c, Timing: bus.Timing{Drain: time.Millisecond}, Handle: func(ctx context.Context, batch []bus.Task) []error {
			entered <- struct{}{}
			<-ctx.Done()
			return []error{ctx.Err()}
		}})
		publish(t, c, change(item.High, "1"))
		receive(t, "a task", entered)
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		if n := left(t, c); n != 1 {
			t.Errorf("%d left, want 1", n)
		}
	})
}

func TestConsumerSurvives(t *testing.T) {
	t.Parallel()
	losses := map[string]func(context.Context, jetstream.JetStream) error{
		"its durable deleted": func(ctx context.Context, js jetstream.JetStream) error {
			return js.DeleteConsumer(ctx, bus.Changes, "heterog-high")
		},
		"its stream deleted": func(ctx context.Context, js jetstream.JetStream) error { return js.DeleteStream(ctx, bus.Changes) },
	}
	for name, lose := range losses {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := embed(t, t.TempDir(), "127.0.0.1:0")
			c := dial(t, bus.Config{URL: s.URL()})
			tasks := make(chan bus.Task, 10)
			consume(t, bus.ConsumerConfig{Conn: c, Handle: func(_ context.Context, batch []bus.Task) []error {
				tasks <- batch[0]
				return none(batch)
			}})
			publish(t, c, change(item.High, "1"))
			receive(t, "the first task", tasks)
			if err := lose(t.Context(), rawStream(t, s.URL())); err != nil {
				t.Fatal(err)
			}
			goesOn(t, c, tasks)
		})
	}
	t.Run("the server restarted with nothing", func(t *testing.T) {
		t.Parallel()
		s := embed(t, t.TempDir(), "127.0.0.1:0")
		c := dial(t, bus.Config{URL: s.URL()})
		tasks := make(chan bus.Task, 10)
		consume(t, bus.ConsumerConfig{Conn: c, Handle: func(_ context.Context, batch []bus.Task) []error {
			tasks <- batch[0]
			return none(batch)
		}})
		publish(t, c, change(item.High, "1"))
		receive(t, "the first task", tasks)
		addr := strings.TrimPrefix(s.URL(), "nats://")
		s.Shutdown()
		if err := c.PublishChanges(t.Context(), []item.Change{change(item.High, "x")}, bus.PublishOptions{}); !isUnavailable(err) {
			t.Errorf("published to nowhere: %v", err)
		}
		embed(t, t.TempDir(), addr)
		goesOn(t, c, tasks)
	})
}

// goesOn publishes changes until a second one was handled.
func goesOn(t *testing.T, c *bus.Conn, tasks <-chan bus.Task) {
	t.Helper()
	poll.Until(t, "a stored change", func() bool {
		return c.PublishChanges(t.Context(), []item.Change{change(item.High, "2")}, bus.PublishOptions{}) == nil
	})
	for receive(t, "the second task", tasks).Change.Entity.ID != "2" {
	}
}

func rawStream(t *testing.T, url string) jetstream.JetStream {
	t.Helper()
	raw, err := nats.Connect(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(raw.Close)
	js, err := jetstream.New(raw)
	if err != nil {
		t.Fatal(err)
	}
	return js
}

// deadLetters waits for n dead letters and reads them.
func deadLetters(t *testing.T, c *bus.Conn, n int) (letters []bus.DeadLetter) {
	t.Helper()
	poll.Until(t, fmt.Sprintf("%d dead letters", n), func() bool {
		_, failed, err := c.Pending(t.Context())
		return err == nil && failed >= uint64(n)
	})
	bodies, err := bus.ReadAll(t.Context(), c, bus.Failed)
	if err != nil {
		t.Fatal(err)
	}
	for _, body := range bodies {
		var l bus.DeadLetter
		if err := json.Unmarshal(body, &l); err != nil {
			t.Fatal(err)
		}
		letters = append(letters, l)
	}
	return letters
}
