package audit_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"vitrine/internal/audit"
	"vitrine/internal/bus"
	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/kv/boltkv"
	"vitrine/internal/upstream"
)

// lateOwner calls a function after its first answer.
type lateOwner struct {
	audit.Fetcher
	once func()
}

func (o *lateOwner) Fetch(ctx context.Context, d *catalog.Dimension, asks []upstream.Ask) []upstream.Answer {
	answers := o.Fetcher.Fetch(ctx, d, asks)
	if o.once != nil {
		o.once()
		o.once = nil
	}
	return answers
}

// scanned counts the entities that a store lists.
type scanned struct {
	*boltkv.Store
	entities *atomic.Int64
}

func (s scanned) ScanEntities(ctx context.Context, cursor string, limit int) ([]item.Entity, string, error) {
	found, next, err := s.Store.ScanEntities(ctx, cursor, limit)
	s.entities.Add(int64(len(found)))
	return found, next, err
}

// clock is a clock that a test sets between turns.
type clock struct{ at atomic.Int64 }

func (c *clock) Now() time.Time { return time.Unix(c.at.Load(), 0) }

// sampler returns a sampler as it runs in a process of its own.
func (r *room) sampler(now func() time.Time, listed *atomic.Int64) *audit.Sampler {
	s := r.sweeper()
	s.Records = scanned{r.store, listed}
	return audit.NewSampler(audit.SamplerConfig{
		Sweeper: s, Notes: r.conn.Bucket("catalog"), Changes: r.conn, Log: slog.New(slog.DiscardHandler), Clock: now, Calls: 3,
		OnSampled: func(s audit.Sampled) { r.told.Add(int64(s.Checked)) },
	})
}

func (r *room) turn(s *audit.Sampler, c *clock) {
	r.Helper()
	c.at.Add(10)
	if err := s.Turn(r.Context()); err != nil {
		r.Fatal(err)
	}
}

// TestSamplersWalkTheStoreTogether has two processes take turns, one of which is restarted, until a pass is complete.
// Together they must visit each record.
func TestSamplersWalkTheStoreTogether(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	all := ids(500)
	r.sell(1, all...)
	r.put(1, all...)
	var c clock
	var listed atomic.Int64
	one, two := r.sampler(c.Now, &listed), r.sampler(c.Now, &listed)
	r.turn(one, &c)
	if n := listed.Load(); n > 60 {
		t.Errorf("a turn of %d records lists %d of 500 entities", r.told.Load(), n)
	}
	if n := r.told.Load(); n != 12 {
		t.Errorf("3 calls of 4 compare %d records", n)
	}
	for n := range 36 { // 12 records a turn: all, if both share one walk; at most 444, if each walks on its own
		if n == 12 {
			two = r.sampler(c.Now, &listed)
		}
		r.turn(one, &c)
		r.turn(two, &c)
	}
	missed := 0
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, id := range all {
		if r.asked[id] == 0 {
			missed++
		}
	}
	if missed > 0 {
		t.Errorf("%d of 500 records were compared by nobody", missed)
	}
	if n := listed.Load(); n > 4*r.told.Load() {
		t.Errorf("%d entities listed for %d records", n, r.told.Load())
	}
}

// TestARestartedSamplerSkipsNothing has another process take each turn. It must go on with what the one before had
// gathered.
func TestARestartedSamplerSkipsNothing(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	all := ids(120)
	r.sell(1, all...)
	r.put(1, all...)
	var c clock
	var listed atomic.Int64
	for range 10 { // of 12 records each
		r.turn(r.sampler(c.Now, &listed), &c)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, id := range all {
		if r.asked[id] != 1 {
			t.Errorf("%s was compared %d times in a pass", id, r.asked[id])
		}
	}
	if n := listed.Load(); n != 120 {
		t.Errorf("%d entities were listed, of 120", n)
	}
}

func TestOneSamplerOfARoomAtATime(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	r.sell(1, ids(100)...)
	r.put(1, ids(100)...)
	var c clock
	var listed atomic.Int64
	one, two := r.sampler(c.Now, &listed), r.sampler(c.Now, &listed)
	r.turn(one, &c)
	if err := two.Turn(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := r.told.Load(); n != 12 {
		t.Errorf("two processes have compared %d records in one turn, want 12", n)
	}
}

// TestSamplesFollowTheRoom proves that the pace of samples follows the changes of the whole system, where this
// process has asked no upstream for anything.
func TestSamplesFollowTheRoom(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	r.sell(1, ids(300)...)
	r.put(1, ids(300)...)
	var c clock
	var listed atomic.Int64
	s := r.sampler(c.Now, &listed)
	r.turn(s, &c)
	before := r.told.Load()
	changes := make([]item.Change, 10_000)
	for i := range changes {
		changes[i] = item.Change{Lane: item.Normal, Entity: item.Entity{Kind: "sku", ID: fmt.Sprint("other", i)}, Dimension: "price"}
	}
	if err := r.conn.PublishChanges(t.Context(), changes, bus.PublishOptions{}); err != nil {
		t.Fatal(err)
	}
	r.turn(s, &c)
	if n := r.told.Load() - before; n < 100 || n > 103 {
		t.Errorf("10,000 changes of the room earn a sample of %d records, want 1%%", n)
	}
}

func TestAStrangeNoteAndAStrangeCursor(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	r.sell(1, ids(10)...)
	r.put(1, ids(10)...)
	var c clock
	var listed atomic.Int64
	s := r.sampler(c.Now, &listed)
	if _, err := r.conn.Bucket("catalog").Put(t.Context(), "sample", []byte("?")); err != nil {
		t.Fatal(err)
	}
	r.turn(s, &c)
	if r.told.Load() == 0 {
		t.Error("a note that can't be read ends all samples")
	}
}
