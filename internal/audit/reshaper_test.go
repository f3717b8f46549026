package audit_test

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"vitrine/internal/audit"
	"vitrine/internal/bus"
	"vitrine/internal/bustest"
	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/internal/kv/boltkv"
)

// failing is a store that fails a given number of times.
type failing struct {
	*boltkv.Store
	left atomic.Int32
}

func (f *failing) States(ctx context.Context, entities []item.Entity) ([]kv.State, error) {
	if f.left.Add(-1) >= 0 {
		return nil, errors.New("paused")
	}
	return f.Store.States(ctx, entities)
}

// shared is a line that the test reads while the reshaper writes to it.
type shared struct {
	mu sync.Mutex // guards line
	line
	sent chan struct{}
}

func (s *shared) PublishChanges(ctx context.Context, changes []item.Change, opt bus.PublishOptions) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.line.PublishChanges(ctx, changes, opt)
	if len(changes) > 0 {
		s.sent <- struct{}{}
	}
	return err
}

// reshaping is a reshaper over a store with one record of an older shape.
type reshaping struct {
	*testing.T
	store   *failing
	line    *shared
	marks   *bus.Bucket
	shapes  atomic.Value
	agreed  atomic.Bool
	changed chan struct{}

	revision atomic.Uint64
	lapses   atomic.Uint64 // the revision that lacked prices; 0 for none
}

func newReshaping(t *testing.T, failures int32, agreed bool) *reshaping {
	cat, err := catalog.Parse([]byte(shop), "shop.yaml", catalog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	store, err := boltkv.Open(t.Context(), filepath.Join(t.TempDir(), "store.db"), boltkv.Options{Log: log})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	key := kv.RecordKey{Entity: item.Entity{Kind: "sku", ID: "old"}, Dimension: "price"}
	if _, err := store.PutRecords(t.Context(), []kv.Put{{RecordKey: key, Value: kv.Value{Header: kv.Header{Existence: kv.Alive, Shape: 1}, Body: []byte("{}")}}}); err != nil {
		t.Fatal(err)
	}
	_, conn := bustest.Start(t)
	r := &reshaping{T: t, store: &failing{Store: store}, line: &shared{sent: make(chan struct{}, 100)}, marks: conn.Bucket("catalog"), changed: make(chan struct{}, 1)}
	r.shapes.Store(cat.Shapes)
	r.store.left.Store(failures)
	r.agreed.Store(agreed)
	sweeper := audit.New(audit.Config{Catalog: func() *catalog.Catalog { return cat }, Records: r.store, Bus: r.line, Log: log})
	reshaper := audit.NewReshaper(audit.ReshaperConfig{
		Sweeper: sweeper, Shapes: func() string { return r.shapes.Load().(string) }, Changed: r.changed, Marks: r.marks, Log: log,
		Agreed:   func(context.Context) (bool, error) { return r.agreed.Load(), nil },
		Revision: r.revision.Load, Lapsed: r.lapsed,
		Wait: 20 * time.Millisecond, Settle: 30 * time.Millisecond, Retry: time.Millisecond,
	})
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = reshaper.Run(ctx) }()
	t.Cleanup(func() { stop(); <-ended })
	return r
}

// lapsed reports prices as lapsed if the revision without them is not older than since.
func (r *reshaping) lapsed(_ context.Context, since uint64) (map[string]bool, uint64, error) {
	if at := r.lapses.Load(); at > 0 && since > 0 && at >= since {
		return map[string]bool{"sku.price": true}, r.revision.Load(), nil
	}
	return nil, r.revision.Load(), nil
}

func (r *reshaping) sweeps(n int) {
	r.Helper()
	for i := range n {
		select {
		case <-r.line.sent:
		case <-time.After(time.Minute):
			r.Fatalf("%d sweeps announced something, not %d", i, n)
		}
	}
}

// kept waits until the stored mark is as wanted.
func (r *reshaping) kept(want string) {
	r.Helper()
	r.keptAs("swept", want)
}

func (r *reshaping) keptAs(key, want string) {
	r.Helper()
	var got bus.Entry
	for range 12_000 {
		got, _ = r.marks.Get(r.Context(), key)
		if string(got.Value) == want {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	r.Fatalf("the mark is %q, want %q", got.Value, want)
}

func TestASweepThatFailedIsTriedAgain(t *testing.T) {
	t.Parallel()
	r := newReshaping(t, 3, true)
	r.sweeps(1) // on a busy machine the first that succeeds is the last too
	r.kept(r.shapes.Load().(string))
}

func TestTheSweepIsNotOverBeforeAllAgree(t *testing.T) {
	t.Parallel()
	r := newReshaping(t, 0, false)
	r.sweeps(1)
	now := r.shapes.Load().(string)
	r.shapes.Store("other")
	r.changed <- struct{}{}
	r.kept("not yet other")
	r.sweeps(1) // without the other processes at first
	r.shapes.Store(now)
	r.changed <- struct{}{}
	r.kept("not yet " + now) // although this catalog was swept for before, since another sweep was begun in between
	r.agreed.Store(true)
	r.kept(now)
	r.changed <- struct{}{}
	r.kept(now)
}

// TestLapsedRecordsAreFetchedAnew pushes a catalog without prices and rolls it back. The records of prices have the right
// shape, but missed the changes announced meanwhile.
func TestLapsedRecordsAreFetchedAnew(t *testing.T) {
	t.Parallel()
	r := newReshaping(t, 0, true)
	now := r.shapes.Load().(string)
	r.revision.Store(1)
	r.sweeps(2)
	r.kept(now)
	e := item.Entity{Kind: "sku", ID: "old"}
	held, err := r.store.Records(t.Context(), []kv.RecordKey{{Entity: e, Dimension: "price"}})
	if err != nil {
		t.Fatal(err)
	}
	cat, err := catalog.Parse([]byte(shop), "shop.yaml", catalog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	d, err := cat.Dimension("sku", "price")
	if err != nil {
		t.Fatal(err)
	}
	put := kv.Put{RecordKey: kv.RecordKey{Entity: e, Dimension: "price"}, Expect: held[0].Stamp, Value: kv.Value{Header: kv.Header{Existence: kv.Alive, Shape: d.Shape}, Body: []byte("{}")}}
	if _, err := r.store.PutRecords(t.Context(), []kv.Put{put}); err != nil {
		t.Fatal(err)
	}
	r.lapses.Store(2)
	r.revision.Store(3)
	r.changed <- struct{}{}
	r.sweeps(2)
	r.kept(now)
}

// TestALookAtEachCatalogThatComes rolls NATS back, so that the catalog pushed next has the same revision as the one
// in force before. It must be swept for too.
func TestALookAtEachCatalogThatComes(t *testing.T) {
	t.Parallel()
	r := newReshaping(t, 0, true)
	r.revision.Store(3)
	r.changed <- struct{}{}
	r.keptAs("swept-revision", "3")
	r.kept(r.shapes.Load().(string))
	r.lapses.Store(3)
	r.changed <- struct{}{}
	r.kept("not yet " + r.shapes.Load().(string))
}
