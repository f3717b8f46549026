package heterog_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"vitrine/heterog"
	"vitrine/internal/bus"
	"vitrine/internal/bustest"
	"vitrine/internal/item"
	"vitrine/internal/upstream"
)

// TestMergedChangesGetASecondLook proves that a new answer counts as the newest only if at most one
// change was announced since the record was up to date.
func TestMergedChangesGetASecondLook(t *testing.T) {
	now := time.Now().Add(time.Minute) // a clock that is ahead, so that a slow machine makes nothing older
	task := func(lane item.Lane, published time.Time) bus.Task {
		task := change(lane, "price", "1")
		task.Published = published
		return task
	}
	merged, second := task(item.Normal, now), task(item.Normal, now)
	merged.Merged = true
	second.Second = true
	for _, c := range []struct {
		name    string
		task    bus.Task
		fetched time.Duration // time since the record was fetched; 0 for no record
		history told
		want    bool
	}{
		{"one change", task(item.Normal, now), time.Hour, told{}, false},
		{"several that waited here", merged, time.Hour, told{}, true},
		{"several that waited in NATS", task(item.High, now), time.Hour, told{repeated: true}, true},
		{"NATS does not tell", task(item.Normal, now), time.Hour, told{err: item.ErrUnavailable}, true},
		{"one before, a moment ago", task(item.Normal, now), time.Second, told{}, true},
		{"the first, of a store that may have been emptied", task(item.Normal, now), 0, told{}, true},
		{"several, of which no replica lags any more", task(item.Normal, now.Add(-time.Hour)), time.Hour, told{repeated: true}, false},
		{"the first of a long queue", task(item.Normal, now.Add(-time.Hour)), 0, told{}, false},
		{"a second look", second, time.Hour, told{repeated: true}, false},
		{"a second look at what the first brought", second, time.Minute + 3*time.Second, told{}, false},
		{"a second look at what was fetched since", second, time.Second, told{}, true},
		{"a refresh", task(item.Refresh, now), time.Hour, told{repeated: true}, false},
		{"a refresh, of what was fetched a moment ago", task(item.Refresh, now), time.Second, told{}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t)
			b.hears(c.history)
			if c.fetched > 0 {
				b.upstream.answer("1", upstream.Answer{Status: upstream.OK, Body: []byte(`{"amount":1}`), At: now.Add(-c.fetched)})
				b.must(change(item.Refresh, "price", "1"))
			}
			b.upstream.say("1", `{"amount":2}`)
			if got := looks(b.handle(c.task)); got != c.want {
				t.Errorf("looked at again: %t, want %t", got, c.want)
			}
		})
	}
}

// TestMergedChangesOfAllDimensionsGetASecondLook proves the same for changes of all, although the changes they are split
// into do not show that there were several.
func TestMergedChangesOfAllDimensionsGetASecondLook(t *testing.T) {
	b := newBench(t)
	all := change(item.Normal, item.All, "1")
	all.Published = time.Now()
	if looks(b.handle(all)) {
		t.Error("one change of all is looked at again")
	}
	b.hears(told{repeated: true})
	if !looks(b.handle(all)) {
		t.Error("several are not")
	}
	all.Second = true
	b.line.changes = nil
	if looks(b.handle(all)) {
		t.Error("a second look orders a third")
	}
	for _, subject := range b.line.changes {
		if c, err := item.ParseChange(subject); err != nil || !c.Second {
			t.Errorf("a second look at all announces %s", subject)
		}
	}
}

// TestMergedEditsBesideAReplicaThatLags edits an article twice while no worker runs. NATS keeps only the second
// change, and the replica knows only the first edit. The second edit must arrive all the same.
func TestMergedEditsBesideAReplicaThatLags(t *testing.T) {
	_, conn := bustest.Start(t)
	for _, dimension := range []string{"price", item.All} {
		t.Run(dimension, func(t *testing.T) {
			b := newBench(t)
			b.config.Bus = conn
			b.hears(conn)
			b.upstream.answer("1", upstream.Answer{Status: upstream.OK, Body: []byte(`{"amount":1}`), At: time.Now().Add(-time.Hour)})
			b.must(change(item.Refresh, "price", "1"), change(item.Refresh, "product", "1"))
			b.upstream.say("1", `{"amount":2}`)
			c := item.Change{Lane: item.Normal, Entity: item.Entity{Kind: "sku", ID: "1"}, Dimension: dimension}
			for range 2 {
				if err := conn.PublishChanges(t.Context(), []item.Change{c}, bus.PublishOptions{}); err != nil {
					t.Fatal(err)
				}
			}
			b.consume(conn, func() bool {
				switch string(b.record("price", "1").Body) {
				case `{"amount":2}`: // the replica's answer
					b.upstream.say("1", `{"amount":3}`)
				case `{"amount":3}`:
					return true
				}
				return false
			})
		})
	}
}

// hears gives the worker a history.
func (b *bench) hears(h heterog.History) {
	b.config.History = h
	b.worker = heterog.New(b.config)
}

// consume has the worker handle what a bus delivers until ok returns true. It calls ok after each batch.
func (b *bench) consume(conn *bus.Conn, ok func() bool) {
	b.Helper()
	done := make(chan struct{})
	var once sync.Once
	consumer, err := bus.NewConsumer(bus.ConsumerConfig{
		Conn: conn, Stage: "heterog", Stream: bus.Changes, Parse: item.ParseChange, Group: b.worker.Group,
		Handle: func(ctx context.Context, tasks []bus.Task) []error {
			for i := range tasks {
				tasks[i].Published = time.Now() // as if just published, however slow the machine is
			}
			errs := b.worker.Handle(ctx, tasks)
			if ok() {
				once.Do(func() { close(done) })
			}
			return errs
		},
		Timing: bus.Timing{Second: 10 * time.Millisecond},
	})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	ended := make(chan error, 1)
	go func() { ended <- consumer.Run(ctx) }()
	select {
	case <-done:
	case <-time.After(time.Minute):
		b.Errorf("the record stays %s", b.record("price", "1").Body)
	}
	cancel()
	if err := <-ended; err != nil {
		b.Error(err)
	}
}

// told is a history with the same answer to every question.
type told struct {
	repeated bool
	err      error
}

func (h told) Repeated(_ context.Context, tasks []bus.Task, _ []time.Time) ([]bool, error) {
	repeated := make([]bool, len(tasks))
	for i := range repeated {
		repeated[i] = h.repeated
	}
	return repeated, h.err
}
