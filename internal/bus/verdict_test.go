package bus_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"vitrine/internal/bus"
	"vitrine/internal/item"
	"vitrine/internal/poll"
)

// says handles tasks with the errors of a script, one after the other, and then without error. It sends each task on.
func says(script ...error) (handle func(context.Context, []bus.Task) []error, tasks chan bus.Task) {
	tasks = make(chan bus.Task, 1000)
	var n atomic.Int64
	return func(_ context.Context, batch []bus.Task) []error {
		errs := none(batch)
		for i, t := range batch {
			if at := int(n.Add(1)) - 1; at < len(script) {
				errs[i] = script[at]
			}
			tasks <- t
		}
		return errs
	}, tasks
}

func noneFailed(t *testing.T, c *bus.Conn) {
	t.Helper()
	if _, failed, err := c.Pending(t.Context()); err != nil || failed > 0 {
		t.Errorf("%d dead letters, error %v", failed, err)
	}
}

// TestOnlyWrongAnswersAreAttempts proves that neither silence of an upstream, however long, nor the absence of our
// own store, nor a conflict with another writer counts as an attempt on the way to a dead letter.
func TestOnlyWrongAnswersAreAttempts(t *testing.T) {
	t.Parallel()
	away := fmt.Errorf("%w: %w", item.ErrOwn, item.ErrUnavailable)
	for name, script := range map[string][]error{
		"silence":                           {item.ErrUnavailable, item.ErrUnavailable, item.ErrUnavailable, item.ErrUnavailable, item.ErrUnavailable},
		"an own store":                      {away, away, away, away, away},
		"other writers":                     {item.ErrChanged, item.ErrChanged, item.ErrChanged, item.ErrChanged},
		"wrong answers, and all in between": {item.ErrUnavailable, item.ErrRefused, away, item.ErrUnavailable, item.ErrChanged, item.ErrRefused, item.ErrUnavailable, away},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := connect(t)
			handle, tasks := says(script...)
			consume(t, bus.ConsumerConfig{Conn: c, Attempts: 3, Handle: handle})
			publish(t, c, change(item.Normal, "1"))
			want := 1
			for i := range len(script) + 1 {
				if got := receive(t, "the next attempt", tasks).Attempt; got != want {
					t.Errorf("call %d is attempt %d, want %d", i+1, got, want)
				}
				if i < len(script) && script[i] == item.ErrRefused {
					want++
				}
			}
			poll.Until(t, "an empty queue", func() bool { return left(t, c) == 0 })
			noneFailed(t, c)
		})
	}
}

// TestSilenceIsAskedAgainWithinHalfAMinute proves that a silent upstream is asked again soon enough for everything to
// be right within a minute after it is back, in a quiet shop too.
func TestSilenceIsAskedAgainWithinHalfAMinute(t *testing.T) {
	t.Parallel()
	c := connect(t)
	handle, tasks := says(item.ErrUnavailable)
	consume(t, bus.ConsumerConfig{Conn: c, Handle: handle, Timing: bus.Timing{Backoff: func(int) time.Duration { return time.Hour }}})
	began := time.Now()
	publish(t, c, change(item.Normal, "1"))
	receive(t, "the first attempt", tasks)
	var due time.Time
	poll.Until(t, "the schedule", func() bool {
		found, err := c.Find(t.Context(), item.Entity{Kind: "sku", ID: "1"})
		if err != nil || len(found) != 1 || len(found[0].Due) < 4 {
			return false
		}
		due, err = time.Parse(time.RFC3339Nano, found[0].Due[len("@at "):])
		return err == nil
	})
	if due.After(time.Now().Add(30*time.Second)) || due.Before(began.Add(20*time.Second)) {
		t.Errorf("asked again at %s, after an attempt since %s", due, began)
	}
}

func TestADoubtTravelsWithTheChange(t *testing.T) {
	t.Parallel()
	c := connect(t)
	since := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	doubt := func(version string, since time.Time, n int) error {
		return &bus.Doubted{Doubt: bus.Doubt{Version: version, Since: since, Answers: n}, Err: item.ErrBehind}
	}
	handle, tasks := says(doubt("7", since, 1), doubt("7", since, 2), item.ErrUnavailable)
	stop := consume(t, bus.ConsumerConfig{Conn: c, Handle: handle})
	publish(t, c, change(item.Normal, "1"))
	for i, want := range []bus.Doubt{{}, {Version: "7", Since: since, Answers: 1}, {Version: "7", Since: since, Answers: 2}, {}} {
		if got := receive(t, "the next attempt", tasks).Doubt; got != want {
			t.Errorf("call %d has doubt %+v, want %+v", i+1, got, want)
		}
	}
	poll.Until(t, "an empty queue", func() bool { return left(t, c) == 0 })
	if err := stop(); err != nil {
		t.Fatal(err)
	}

	// A newer change of the record replaces the scheduled one and inherits its doubt.
	handle, tasks = says(doubt("7", since, 3), doubt("7", since.Add(time.Hour), 1), doubt("8", since.Add(time.Hour), 1))
	var backoff atomic.Int64
	backoff.Store(int64(time.Hour))
	consume(t, bus.ConsumerConfig{Conn: c, Handle: handle, Timing: bus.Timing{Backoff: func(int) time.Duration { return time.Duration(backoff.Load()) }}})
	publish(t, c, change(item.Normal, "1"))
	receive(t, "the first", tasks)
	poll.Until(t, "its schedule", func() bool {
		found, err := c.Find(t.Context(), item.Entity{Kind: "sku", ID: "1"})
		return err == nil && len(found) == 1 && found[0].Due != ""
	})
	backoff.Store(int64(time.Millisecond))
	publish(t, c, change(item.Normal, "1"))
	receive(t, "the newer", tasks)
	want := bus.Doubt{Version: "7", Since: since, Answers: 4}
	if got := receive(t, "the next attempt", tasks).Doubt; got != want {
		t.Errorf("the newer change went on with %+v, want %+v", got, want)
	}
	want = bus.Doubt{Version: "8", Since: since.Add(time.Hour), Answers: 1}
	if got := receive(t, "the last attempt", tasks).Doubt; got != want {
		t.Errorf("of another version %+v was inherited, want %+v", got, want)
	}
}

// TestASecondLook proves that a change that found nothing new is done, and is looked at a second time but not for
// ever.
func TestASecondLook(t *testing.T) {
	t.Parallel()
	c := connect(t)
	tasks := make(chan bus.Task, 10)
	consume(t, bus.ConsumerConfig{Conn: c, Timing: bus.Timing{Second: time.Second}, Handle: func(_ context.Context, batch []bus.Task) []error {
		tasks <- batch[0]
		if batch[0].Second {
			return none(batch)
		}
		return []error{bus.ErrSecondLook}
	}})
	publish(t, c, change(item.High, "1"))
	if first := receive(t, "the first look", tasks); first.Second {
		t.Error("the first look is called the second")
	}
	poll.Until(t, "the end of the work", func() bool { return left(t, c) == 0 })
	second := receive(t, "the second look", tasks)
	if !second.Second || second.Change != change(item.High, "1") || second.Attempt != 1 {
		t.Errorf("second look: %+v", second)
	}
	poll.Until(t, "nothing about it", func() bool {
		found, err := c.Find(t.Context(), second.Change.Entity)
		return err == nil && len(found) == 0
	})
	noneFailed(t, c)
}

// TestTheGate proves that while a store refuses everything only a few batches are tried, one at a time, that all go
// on after the first success, and that one bad key delays nobody.
func TestTheGate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := bus.NewGate()
		began, batches := time.Now(), 0
		for time.Since(began) < 30*time.Second {
			g.Pass(t.Context())
			batches++
			g.Note(fmt.Sprint(batches), item.ErrOwn, item.ErrOwn)
		}
		if batches < 8 || batches > 20 {
			t.Errorf("%d batches in half a minute", batches)
		}
		g.Pass(t.Context())
		second := make(chan struct{})
		go func() { g.Pass(t.Context()); close(second) }()
		synctest.Wait()
		select {
		case <-second:
			t.Error("two at a time while the store fails")
		default:
		}
		g.Note("1", item.ErrOwn, nil)
		<-second

		began = time.Now()
		for range 100 {
			g.Pass(t.Context())
			g.Note("bad", item.ErrOwn)
		}
		if waited := time.Since(began); waited > 0 {
			t.Errorf("one bad key made the others wait %s", waited)
		}
	})
}

// TestAFailingStorePausesTheIntake proves that while our own store cannot write, 300 changes cost few calls of their
// upstream, and that each is done afterwards.
func TestAFailingStorePausesTheIntake(t *testing.T) {
	t.Parallel()
	c := connect(t)
	var calls atomic.Int64
	var well atomic.Bool
	consume(t, bus.ConsumerConfig{Conn: c, Concurrency: 4, Timing: bus.Timing{Backoff: func(int) time.Duration { return time.Millisecond }}, Handle: func(_ context.Context, batch []bus.Task) []error {
		calls.Add(1)
		if !well.Load() {
			return []error{fmt.Errorf("%w: OOM", item.ErrOwn)}
		}
		return none(batch)
	}})
	var changes []item.Change
	for i := range 300 {
		changes = append(changes, change(item.Normal, fmt.Sprint(i)))
	}
	publish(t, c, changes...)
	const few = 9 // four close the gate, and four more may have passed it already; every other batch waits
	began := time.Now()
	poll.Until(t, "the gate to let some through", func() bool { return calls.Load() >= few })
	if took := time.Since(began); took < 150*time.Millisecond { // takes longer on a slow machine
		t.Errorf("%d calls within %s while the store does not write", few, took)
	}
	well.Store(true)
	poll.Until(t, "an empty queue", func() bool { return left(t, c) == 0 })
	noneFailed(t, c)
}

// TestForceIsNotLost proves that a forced change stays forced when a newer change without force replaces it in
// CHANGES, while parked, or while scheduled.
func TestForceIsNotLost(t *testing.T) {
	t.Parallel()
	forced := func(t *testing.T, c *bus.Conn) {
		t.Helper()
		if err := c.PublishChanges(t.Context(), []item.Change{change(item.High, "s1")}, bus.PublishOptions{Force: true}); err != nil {
			t.Fatal(err)
		}
	}
	gather := func(t *testing.T, c *bus.Conn, tasks <-chan bus.Task) {
		t.Helper()
		poll.Until(t, "an empty queue", func() bool { return left(t, c) == 0 })
		seen := false
		for len(tasks) > 0 {
			seen = (<-tasks).Force || seen
		}
		if !seen {
			t.Error("all is done, and nothing was forced")
		}
	}
	t.Run("in CHANGES", func(t *testing.T) {
		c := connect(t)
		forced(t, c)
		publish(t, c, change(item.High, "s1"))
		handle, tasks := says()
		consume(t, bus.ConsumerConfig{Conn: c, Handle: handle})
		gather(t, c, tasks)
	})
	t.Run("parked", func(t *testing.T) {
		c := connect(t)
		var takes atomic.Int64
		handle, tasks := says()
		consume(t, places(bus.ConsumerConfig{Conn: c, Handle: handle}, &takes))
		forced(t, c)
		poll.Until(t, "one parked", func() bool { return parked(t, c) == 1 })
		publish(t, c, change(item.High, "s1"))
		poll.Until(t, "all parked", func() bool { return moving(t, c) == 0 })
		takes.Store(1000)
		gather(t, c, tasks)
	})
	t.Run("scheduled", func(t *testing.T) {
		c := connect(t)
		handle, tasks := says(item.ErrUnavailable, item.ErrUnavailable)
		consume(t, bus.ConsumerConfig{Conn: c, Handle: handle, Timing: bus.Timing{Backoff: func(int) time.Duration { return time.Second }}})
		forced(t, c)
		if !receive(t, "the first", tasks).Force {
			t.Fatal("not forced")
		}
		publish(t, c, change(item.High, "s1"))
		receive(t, "the second", tasks)
		gather(t, c, tasks)
	})
	t.Run("in a dead letter that is tried again", func(t *testing.T) {
		c := connect(t)
		handle, tasks := says(item.ErrRefused)
		consume(t, bus.ConsumerConfig{Conn: c, Attempts: 1, Handle: handle})
		forced(t, c)
		receive(t, "the first", tasks)
		deadLetters(t, c, 1)
		for l, err := range c.DeadLetters(t.Context(), "failed.>") {
			if err != nil {
				t.Fatal(err)
			}
			if err := c.Retry(t.Context(), l); err != nil {
				t.Fatal(err)
			}
		}
		gather(t, c, tasks)
	})
}
