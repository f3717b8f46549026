package bus_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"vitrine/internal/bus"
	"vitrine/internal/item"
	"vitrine/internal/poll"
)

// places assigns changes with an id of the form "w…" to the place well, and all others to the place sick, whose
// capacity is takes.
func places(cfg bus.ConsumerConfig, takes *atomic.Int64) bus.ConsumerConfig {
	cfg.Placement.All = func() []bus.Place { return []bus.Place{{Name: "well", Limit: 4}, {Name: "sick", Limit: 2}} }
	cfg.Placement.Of = func(c item.Change) bus.Place {
		if c.Entity.ID[0] == 'w' {
			return cfg.Placement.All()[0]
		}
		return cfg.Placement.All()[1]
	}
	cfg.Placement.Capacity = func(place string) int {
		if place == "sick" {
			return int(takes.Load())
		}
		return math.MaxInt
	}
	cfg.Group = func(c item.Change) (string, int) { return cfg.Placement.Of(c).Name, 1 }
	return cfg
}

func parked(t *testing.T, c *bus.Conn) (n uint64) {
	t.Helper()
	streams, _, err := c.Pending(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, lane := range streams[bus.Parked] {
		n += lane.Waiting + lane.InFlight
	}
	return n
}

func TestWorkBeyondAPlacesCapacityIsParked(t *testing.T) {
	t.Parallel()
	c := connect(t)
	var takes, attempts atomic.Int64
	done := make(chan bus.Task, 1000)
	consume(t, places(bus.ConsumerConfig{Conn: c, Handle: func(_ context.Context, batch []bus.Task) []error {
		attempts.Store(int64(batch[0].Attempt))
		done <- batch[0]
		return none(batch)
	}}, &takes))
	event := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	if err := c.PublishChanges(t.Context(), []item.Change{change(item.High, "s.1"), change(item.Normal, "w1")}, bus.PublishOptions{Event: event, Force: true}); err != nil {
		t.Fatal(err)
	}
	if got := receive(t, "what another place does", done); got.Change.Entity.ID != "w1" {
		t.Errorf("%+v was done at a place that takes nothing", got)
	}
	poll.Until(t, "the parked one", func() bool { return parked(t, c) == 1 && left(t, c) == 1 })
	takes.Store(math.MaxInt)
	got := receive(t, "the parked task", done)
	want := bus.Task{Change: change(item.High, "s.1"), Event: event, Published: got.Published, Subject: "change.high.sku.price.s=2E1", Force: true, Attempt: 1}
	if got != want {
		t.Errorf("parking changed it to %+v", got)
	}
	poll.Until(t, "an empty queue", func() bool { return left(t, c) == 0 })
}

func TestWorkThatWasNotAskedForIsParked(t *testing.T) {
	t.Parallel()
	c := connect(t)
	var takes atomic.Int64
	takes.Store(math.MaxInt)
	done := make(chan bus.Task, 100)
	var refused atomic.Bool
	consume(t, places(bus.ConsumerConfig{Conn: c, Attempts: 1, Handle: func(_ context.Context, batch []bus.Task) []error {
		if refused.CompareAndSwap(false, true) {
			return []error{fmt.Errorf("%w: its breaker is open", item.ErrNotAsked)}
		}
		done <- batch[0]
		return none(batch)
	}}, &takes))
	publish(t, c, change(item.Normal, "s1"))
	if got := receive(t, "the task", done); got.Attempt != 1 {
		t.Errorf("what was not asked for counts as attempt %d", got.Attempt)
	}
}

func TestAHangingPlaceHoldsUpNobody(t *testing.T) {
	t.Parallel()
	c := connect(t)
	var takes, working, most atomic.Int64
	takes.Store(math.MaxInt)
	done, release := make(chan string, 5000), make(chan struct{})
	consume(t, places(bus.ConsumerConfig{Conn: c, Concurrency: 1, Buffer: 64, Handle: func(ctx context.Context, batch []bus.Task) []error {
		if batch[0].Change.Entity.ID[0] == 's' {
			if n := working.Add(1); n > most.Load() {
				most.Store(n)
			}
			<-release
			working.Add(-1)
		}
		done <- batch[0].Change.Entity.ID
		return none(batch)
	}}, &takes))
	var changes []item.Change
	for i := range 500 {
		changes = append(changes, change(item.Normal, fmt.Sprintf("s%d", i)))
	}
	for i := range 100 {
		changes = append(changes, change(item.Normal, fmt.Sprintf("w%d", i)))
	}
	publish(t, c, changes...)
	for range 100 {
		if id := receive(t, "what is done elsewhere", done); id[0] != 'w' {
			t.Fatalf("%s was done while its place hangs", id)
		}
	}
	if n := most.Load(); n != 2 {
		t.Errorf("%d batches in work at a place that takes 2", n)
	}
	close(release)
	seen := map[string]bool{}
	for range 500 {
		seen[receive(t, "what was parked", done)] = true
	}
	if len(seen) != 500 {
		t.Errorf("%d of 500 done", len(seen))
	}
	poll.Until(t, "an empty queue", func() bool { return left(t, c) == 0 })
}

// TestADoubtOutlastsAFullPlace proves that a change whose upstream is doubted keeps the doubt when it is parked since its place is full.
func TestADoubtOutlastsAFullPlace(t *testing.T) {
	t.Parallel()
	const others, atHand = 50, 4 // 2 in work, and 2 that wait
	c := connect(t)
	var takes atomic.Int64
	takes.Store(math.MaxInt)
	done, release := make(chan bus.Task, others+1), make(chan struct{})
	consume(t, places(bus.ConsumerConfig{Conn: c, Handle: func(_ context.Context, batch []bus.Task) []error {
		<-release
		done <- batch[0]
		return none(batch)
	}}, &takes))
	free := sync.OnceFunc(func() { close(release) })
	defer free()
	for i := range others {
		publish(t, c, change(item.Normal, fmt.Sprint("s", i)))
	}
	poll.Until(t, "a full place", func() bool { return parked(t, c) == others-atHand })
	m := nats.NewMsg(change(item.Normal, "s-doubted").Subject())
	doubt := bus.Doubt{Version: "7", Since: time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC), Answers: 3}
	m.Header.Set("Vitrine-Doubt", doubt.String())
	if _, err := bus.JetStream(c).PublishMsg(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	poll.Until(t, "the doubted one parked", func() bool { return parked(t, c) == others-atHand+1 })
	free()
	for range others + 1 {
		if got := receive(t, "a task", done); got.Change.Entity.ID == "s-doubted" && got.Doubt != doubt {
			t.Errorf("the doubt is %+v, want %+v", got.Doubt, doubt)
		}
	}
}

func TestRetriesAreScheduledAndCount(t *testing.T) {
	t.Parallel()
	c := connect(t)
	var mu sync.Mutex
	var attempts []int
	consume(t, bus.ConsumerConfig{Conn: c, Attempts: 4, Handle: func(_ context.Context, batch []bus.Task) []error {
		mu.Lock()
		defer mu.Unlock()
		attempts = append(attempts, batch[0].Attempt)
		return []error{errors.New("a failure of no class")}
	}})
	publish(t, c, change(item.Normal, "1"))
	poll.Until(t, "the dead letter", func() bool {
		_, failed, err := c.Pending(t.Context())
		return err == nil && failed == 1 && left(t, c) == 0
	})
	mu.Lock()
	defer mu.Unlock()
	if fmt.Sprint(attempts) != "[1 2 3 4]" {
		t.Errorf("attempts %v", attempts)
	}
	for l, err := range c.DeadLetters(t.Context(), "failed.>") {
		if err != nil {
			t.Fatal(err)
		}
		if l.Attempts != 4 || l.Subject != change(item.Normal, "1").Subject() || l.Last.Before(l.First) {
			t.Errorf("the dead letter is %+v, want one after 4 attempts", l)
		}
	}
}

func TestPendingCountsRetriesThatAreNotDue(t *testing.T) {
	t.Parallel()
	c := connect(t)
	consume(t, bus.ConsumerConfig{Conn: c, Timing: bus.Timing{Backoff: func(int) time.Duration { return time.Hour }}, Handle: func(_ context.Context, batch []bus.Task) []error {
		return []error{item.ErrUnavailable}
	}})
	publish(t, c, change(item.High, "1"), change(item.Refresh, "2"))
	poll.Until(t, "both to wait for another attempt", func() bool {
		streams, _, err := c.Pending(t.Context())
		return err == nil && streams[bus.Changes][item.High].InFlight == 1 && streams[bus.Changes][item.Refresh].InFlight == 1 && left(t, c) == 2
	})
	found, err := c.Find(t.Context(), item.Entity{Kind: "sku", ID: "1"})
	if err != nil || len(found) != 1 || found[0].Due == "" {
		t.Errorf("the parked change is found as %+v, error %v; want one that is due", found, err)
	}
}

// TestOwnFailuresNeverFail proves that a change which fails because of our own store waits, however often it was
// tried, and never becomes a dead letter.
func TestOwnFailuresNeverFail(t *testing.T) {
	t.Parallel()
	c := connect(t)
	var calls atomic.Int64
	consume(t, bus.ConsumerConfig{Conn: c, Attempts: 2, Handle: func(_ context.Context, batch []bus.Task) []error {
		if calls.Add(1) < 5 {
			return []error{fmt.Errorf("%w: %w", item.ErrOwn, item.ErrUnavailable)}
		}
		return none(batch)
	}})
	publish(t, c, change(item.Normal, "1"))
	poll.Until(t, "an empty queue", func() bool { return left(t, c) == 0 })
	if _, failed, err := c.Pending(t.Context()); err != nil || failed > 0 {
		t.Errorf("%d dead letters, error %v; want none", failed, err)
	}
}

func TestAChangeThatIsDueLater(t *testing.T) {
	t.Parallel()
	c := connect(t)
	done := make(chan bus.Task, 1)
	consume(t, bus.ConsumerConfig{Conn: c, Handle: func(_ context.Context, batch []bus.Task) []error {
		done <- batch[0]
		return none(batch)
	}})
	m := nats.NewMsg("due.sale.sku.price.1")
	due := time.Now().Add(time.Hour)
	m.Header.Set("Nats-Schedule", "@at "+due.UTC().Format(time.RFC3339Nano))
	m.Header.Set("Nats-Schedule-Target", "change.high.sku.price.1")
	poll.Until(t, "the streams", func() bool { _, err := bus.JetStream(c).PublishMsg(t.Context(), m); return err == nil })
	if n := left(t, c); n != 0 {
		t.Errorf("%d left: what is due in an hour is no work that waits now", n)
	}
	m.Header.Set("Nats-Schedule", "@at "+time.Now().UTC().Format(time.RFC3339Nano))
	if _, err := bus.JetStream(c).PublishMsg(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	if got := receive(t, "what is due", done); got.Change != change(item.High, "1") {
		t.Errorf("due is %+v, want the change of the high lane", got)
	}
}

// TestAProbedPlaceServesUrgentWorkFirst proves that a place which takes a few batches, since it is probed after a failure, is
// given what is urgent before any bulk, and bulk one at a time.
func TestAProbedPlaceServesUrgentWorkFirst(t *testing.T) {
	t.Parallel()
	const bulk, urgent = 12, 4
	c := connect(t)
	var takes, inWork atomic.Int64
	done := make(chan item.Lane, bulk+urgent)
	consume(t, places(bus.ConsumerConfig{Conn: c, Handle: func(_ context.Context, batch []bus.Task) []error {
		if lane := batch[0].Change.Lane; lane == item.Refresh {
			if n := inWork.Add(1); n > 1 {
				t.Errorf("%d bulk works at once", n)
			}
			runtime.Gosched()
			inWork.Add(-1)
		}
		done <- batch[0].Change.Lane
		return none(batch)
	}}, &takes))
	for i := range bulk {
		publish(t, c, change(item.Refresh, fmt.Sprint("s", i)))
	}
	poll.Until(t, "parked bulk", func() bool { return parked(t, c) == bulk })
	for i := range urgent {
		publish(t, c, change([]item.Lane{item.High, item.Normal}[i%2], fmt.Sprint("urgent", i)))
	}
	poll.Until(t, "parked urgent work", func() bool { return parked(t, c) == bulk+urgent })
	takes.Store(3)
	for i := range bulk + urgent {
		lane := receive(t, "a work", done)
		if (lane == item.Refresh) != (i >= urgent) {
			t.Errorf("work %d of %d is of lane %s", i, bulk+urgent, lane)
		}
	}
}
