package leftovers_test

import (
	"context"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"vitrine/internal/bus"
	"vitrine/internal/bustest"
	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/internal/kv/boltkv"
	"vitrine/internal/kv/rediskv"
	"vitrine/internal/leftovers"
	"vitrine/internal/redistest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// wide is a catalog with one more name of each sort than narrow.
const wide = `
version: 1
upstreams: { shop: { url: "http://127.0.0.1:9" } }
entities:
  sku:
    dimensions:
      product: { from: shop, get: "/{id}", refs: { brand: brand_id } }
      old: { from: shop, get: "/old/{id}", refs: { maker: { kind: brand, field: maker_id } } }
    blobs: { item: { of: [product] }, old_item: { of: [product, old] } }
  brand: { dimensions: { brand: { from: shop, get: "/b/{id}" } }, blobs: { card: { of: [brand] } } }
  shop: { dimensions: { shop: { from: shop, get: "/s/{id}" } }, blobs: { sign: { of: [shop] } } }
pages: { item: { path: "/item/{sku}.html", blob: item, template: item.html } }
`

var narrow = func() string {
	var lines []string
	for line := range strings.Lines(wide) {
		if !strings.Contains(line, "      old:") && !strings.Contains(line, "  shop: { dimensions") {
			lines = append(lines, strings.Replace(line, ", old_item: { of: [product, old] }", "", 1))
		}
	}
	return strings.Join(lines, "")
}()

// store is a real store of records and blobs.
type store interface {
	kv.Records
	leftovers.Blobs
	kv.BlobPutter
}

// world is a store filled by the catalog wide.
type world struct {
	*testing.T
	store store
	marks *bus.Bucket
	now   time.Time
	log   *slog.Logger

	mu      sync.Mutex // guards all below
	eras    []catalog.Era
	agreed  bool
	settled bool
	asked   int // number of readings of the eras
	moves   int // another catalog comes into force after this many readings; 0 for never
	syncs   []string
}

func newWorld(t *testing.T, s store, conn *bus.Conn) *world {
	w := &world{T: t, store: s, marks: conn.Bucket("marks"), now: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC), log: slog.New(slog.DiscardHandler), agreed: true, settled: true}
	for _, id := range []string{"1", "2", "12049.1"} {
		w.fill(item.Entity{Kind: "sku", ID: id}, []string{"product", "old"}, []string{"item", "old_item"})
		w.fill(item.Entity{Kind: "shop", ID: id}, []string{"shop"}, []string{"sign"})
		for dimension, ref := range map[string]string{"product": "brand", "old": "maker"} {
			now := kv.Refs{ref: {IDs: []string{"b"}}}
			list := kv.Relation{Target: item.Entity{Kind: "brand", ID: "b"}, Kind: "sku", Ref: ref}
			w.must(s.Relate(t.Context(), kv.Relate{Entity: item.Entity{Kind: "sku", ID: id}, Dimension: dimension, Add: []kv.Relation{list}, Now: now}))
		}
	}
	return w
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) fill(e item.Entity, dimensions, blobs []string) {
	w.Helper()
	v := kv.Value{Header: kv.Header{Existence: kv.Alive, Shape: 1}, Body: []byte("{}")}
	for _, d := range dimensions {
		_, err := w.store.PutRecords(w.Context(), []kv.Put{{RecordKey: kv.RecordKey{Entity: e, Dimension: d}, Value: v}})
		w.must(err)
	}
	v.Stamp = 7
	for _, b := range blobs {
		_, err := w.store.PutBlobs(w.Context(), []kv.BlobPut{{BlobKey: kv.BlobKey{Entity: e, Blob: b}, Value: v}})
		w.must(err)
		w.must(w.store.MarkBuilt(w.Context(), []kv.Built{{Entity: e, Gens: map[string]uint64{b: 7}}}))
	}
}

// era is a catalog that came into force some time ago.
type era struct {
	source string // "" for one that cannot be read
	ago    time.Duration
}

func (w *world) history(eras ...era) {
	w.Helper()
	w.eras = nil
	for i, e := range eras {
		one := catalog.Era{Revision: uint64(i + 1), From: w.now.Add(-e.ago)}
		if e.source != "" {
			var err error
			one.Catalog, err = catalog.Parse([]byte(e.source), "shop.yaml", catalog.Options{})
			w.must(err)
		}
		if i > 0 {
			w.eras[i-1].Until = one.From
		}
		w.eras = append(w.eras, one)
	}
}

func (w *world) agent() *leftovers.Agent {
	return leftovers.New(leftovers.Config{
		Eras: func(context.Context) ([]catalog.Era, time.Time, error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			eras := slices.Clone(w.eras)
			w.asked++
			if w.moves > 0 && w.asked > w.moves {
				eras[len(eras)-1].Revision++
			}
			return eras, w.now, nil
		},
		Agreed:  func(context.Context) (bool, error) { return w.agreed, nil },
		Settled: func(context.Context) (bool, error) { return w.settled, nil },
		Records: w.store, Blobs: w.store, Bus: w, Marks: w.marks, Log: w.log, OnRemoved: func(string, int) {},
		Page: 2, Rest: time.Nanosecond, Ask: 5 * time.Millisecond, Every: time.Hour,
	})
}

func (w *world) PublishSyncs(_ context.Context, syncs []item.Change) error {
	for _, s := range syncs {
		w.syncs = append(w.syncs, item.SyncSubject(s.Lane, s.Entity))
	}
	return nil
}

// left returns the names in the store that narrow lacks, with their counts.
func (w *world) left() (found []string) {
	w.Helper()
	w.history(era{wide, 48 * time.Hour}, era{narrow, time.Hour})
	list, _, err := w.agent().Found(w.Context())
	w.must(err)
	for _, l := range list {
		found = append(found, l.Name.String())
		if want := 3; l.Count != want && l.What != leftovers.List {
			w.Errorf("%s: %d, want %d", l.Name, l.Count, want)
		}
		if !l.Goes.Equal(w.now.Add(23 * time.Hour)) {
			w.Errorf("%s goes %v", l.Name, l.Goes)
		}
	}
	return found
}

// everything is what wide has and narrow lacks.
var everything = []string{"record shop.shop", "blob shop.sign", "record sku.old", "list sku.maker of brand", "blob sku.old_item"}

// kept fails the test unless everything that narrow needs is still there.
func (w *world) kept() {
	w.Helper()
	for _, id := range []string{"1", "2", "12049.1"} {
		e := item.Entity{Kind: "sku", ID: id}
		records, err := w.store.Records(w.Context(), []kv.RecordKey{{Entity: e, Dimension: "product"}})
		w.must(err)
		blobs, err := w.store.Blobs(w.Context(), []kv.BlobKey{{Entity: e, Blob: "item"}})
		w.must(err)
		states, err := w.store.States(w.Context(), []item.Entity{e})
		w.must(err)
		if s := states[0]; records[0].Existence != kv.Alive || blobs[0].Existence != kv.Alive || s.Gens["product"] == 0 || s.Built["item"] != 7 || len(s.Applied["product"]) != 1 {
			w.Errorf("%s lost something: %+v %+v %+v", e, records, blobs, s)
		}
	}
	members, _, err := w.store.Related(w.Context(), kv.Relation{Target: item.Entity{Kind: "brand", ID: "b"}, Kind: "sku", Ref: "brand"}, "", 10)
	if w.must(err); len(members) != 3 {
		w.Errorf("the list that is needed has %v", members)
	}
}

// onEach runs a test over each kind of store, empty at first.
func onEach(t *testing.T, test func(t *testing.T, open func(t *testing.T) *world)) {
	_, conn := bustest.Start(t)
	log := slog.New(slog.DiscardHandler)
	fresh := func(t *testing.T, s store, err error) *world {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		for _, key := range []string{"leftovers.swept", "leftovers.asked", "leftovers.answer"} {
			_ = conn.Bucket("marks").Delete(t.Context(), key) // it may not exist
		}
		return newWorld(t, s, conn)
	}
	t.Run("bolt", func(t *testing.T) {
		test(t, func(t *testing.T) *world {
			s, err := boltkv.Open(t.Context(), filepath.Join(t.TempDir(), "store.db"), boltkv.Options{Log: log, NoSync: true})
			t.Cleanup(func() { s.Close() })
			return fresh(t, s, err)
		})
	})
	cluster := redistest.Cluster(t)
	t.Run("cluster", func(t *testing.T) {
		test(t, func(t *testing.T) *world {
			cluster.Flush()
			s, err := rediskv.Open(t.Context(), rediskv.Config{URL: cluster.URL, Log: log, Timeout: 20 * time.Second})
			t.Cleanup(func() { s.Close() })
			return fresh(t, s, err)
		})
	})
}

func TestLeftoversAreRemoved(t *testing.T) {
	t.Parallel()
	day := 24 * time.Hour
	cases := []struct {
		name    string
		history []era
		others  bool // another process has another catalog
		want    []string
	}{
		{"in no catalog for a day", []era{{wide, 3 * day}, {narrow, day + time.Minute}}, false, nil},
		{"in a catalog less than a day ago", []era{{wide, 3 * day}, {narrow, day - time.Minute}}, false, everything},
		{"in a catalog that was rolled back less than a day ago", []era{{narrow, 3 * day}, {wide, 2 * day}, {narrow, time.Hour}}, false, everything},
		{"in a catalog of long ago, and in force", []era{{wide, 3 * day}, {narrow, 2 * day}, {wide, time.Minute}}, false, everything},
		{"unknown to a history of more than a day", []era{{narrow, day + time.Minute}}, false, nil},
		{"unknown to a history of less than a day", []era{{narrow, day - time.Minute}}, false, everything},
		{"perhaps in a catalog of today that can't be read", []era{{wide, 5 * day}, {narrow, 4 * day}, {"", 3 * day}, {narrow, time.Hour}}, false, everything},
		{"perhaps in a catalog of long ago that can't be read", []era{{"", 5 * day}, {narrow, 2 * day}}, false, nil},
		{"while a process has another catalog", []era{{wide, 3 * day}, {narrow, 2 * day}}, true, everything},
		{"while the head can't be read", []era{{narrow, 3 * day}, {"", 2 * day}}, false, everything},
		{"of nothing that was ever pushed", nil, false, everything},
	}
	onEach(t, func(t *testing.T, open func(t *testing.T) *world) {
		for _, c := range cases {
			t.Run(c.name, func(t *testing.T) {
				w := open(t)
				for range 2 {
					w.history(c.history...)
					w.agreed = !c.others
					w.must(w.agent().Sweep(t.Context()))
				}
				if diff := cmp.Diff(c.want, w.left()); diff != "" {
					t.Error(diff)
				}
				w.kept()
			})
		}
	})
}

func TestASweepIsDueWhenSomethingMayGo(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, open func(t *testing.T) *world) {
		w := open(t)
		look := func(ago time.Duration) {
			w.history(era{wide, ago + time.Hour}, era{narrow, ago})
			w.must(w.agent().Sweep(t.Context()))
		}
		look(23 * time.Hour)
		w.now = w.now.Add(59 * time.Minute)
		before := w.asked
		look(23*time.Hour + 59*time.Minute)
		if w.asked != before+1 {
			t.Error("the store is walked though nothing is due")
		}
		w.now = w.now.Add(2 * time.Minute)
		look(24*time.Hour + time.Minute)
		if left := w.left(); left != nil {
			t.Errorf("left are %v", left)
		}
	})
}

// late is a store in which an entity is written between the look at it and the removal of its leftovers.
type late struct {
	store
	entity item.Entity
	write  func()
}

func (l late) Remove(ctx context.Context, removals []kv.Removal) ([]int, error) {
	if slices.ContainsFunc(removals, func(r kv.Removal) bool { return r.Entity == l.entity }) {
		l.write()
	}
	return l.store.Remove(ctx, removals)
}

// TestACatalogThatComesMeanwhileLosesNothing brings names back into force after they were listed as leftovers and
// before they are removed. None may be removed.
func TestACatalogThatComesMeanwhileLosesNothing(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, open func(t *testing.T) *world) {
		t.Run("and is seen", func(t *testing.T) {
			w := open(t)
			w.history(era{wide, 72 * time.Hour}, era{narrow, 48 * time.Hour})
			w.moves = 3 // one for the look, one for the plan, one for its confirmation
			if err := w.agent().Sweep(t.Context()); err == nil || !strings.Contains(err.Error(), "another catalog") {
				t.Errorf("error %v", err)
			}
			w.moves = 0
			if diff := cmp.Diff(everything, w.left()); diff != "" {
				t.Error(diff)
			}
		})
		t.Run("and its workers write", func(t *testing.T) {
			w := open(t)
			w.history(era{wide, 72 * time.Hour}, era{narrow, 48 * time.Hour})
			e, inner := item.Entity{Kind: "sku", ID: "1"}, w.store
			key, blob := kv.RecordKey{Entity: e, Dimension: "old"}, kv.BlobKey{Entity: e, Blob: "old_item"}
			w.store = late{inner, e, func() {
				held, err := inner.Records(t.Context(), []kv.RecordKey{key})
				w.must(err)
				v := kv.Value{Header: kv.Header{Existence: kv.Alive, Shape: 1}, Body: []byte("{}")}
				_, err = inner.PutRecords(t.Context(), []kv.Put{{RecordKey: key, Expect: held[0].Stamp, Value: v, Same: true}})
				w.must(err)
				v.Stamp = 8
				_, err = inner.PutBlobs(t.Context(), []kv.BlobPut{{BlobKey: blob, Value: v}})
				w.must(err)
				w.must(inner.MarkBuilt(t.Context(), []kv.Built{{Entity: e, Gens: map[string]uint64{"old_item": 8}}}))
				w.mu.Lock()
				w.moves = w.asked
				w.mu.Unlock()
			}}
			if err := w.agent().Sweep(t.Context()); err == nil || !strings.Contains(err.Error(), "another catalog") {
				t.Errorf("error %v", err)
			}
			blobs, err := inner.Blobs(t.Context(), []kv.BlobKey{blob})
			w.must(err)
			held, err := inner.Records(t.Context(), []kv.RecordKey{key})
			w.must(err)
			states, err := inner.States(t.Context(), []item.Entity{e})
			w.must(err)
			if held[0].Existence != kv.Alive || blobs[0].Stamp != 8 || states[0].Gens["old"] == 0 || states[0].Shapes["old"] != 1 || states[0].Built["old_item"] != 8 {
				t.Errorf("what was written meanwhile is gone: %+v %+v", held, states)
			}
			w.kept()
		})
		t.Run("while lists are removed", func(t *testing.T) {
			w := open(t)
			w.history(era{wide, 72 * time.Hour}, era{narrow, 48 * time.Hour})
			w.must(w.agent().Sweep(t.Context()))
			list := kv.Relation{Target: item.Entity{Kind: "brand", ID: "b"}, Kind: "sku", Ref: "maker"}
			w.must(w.store.Relate(t.Context(), kv.Relate{Entity: item.Entity{Kind: "sku", ID: "1"}, Dimension: "other", Add: []kv.Relation{list}}))
			w.now = w.now.Add(25 * time.Hour)
			w.history(era{wide, 72 * time.Hour}, era{narrow, 48 * time.Hour})
			w.store = movedLists{w.store, w}
			if err := w.agent().Sweep(t.Context()); err == nil || !strings.Contains(err.Error(), "another catalog") {
				t.Errorf("error %v", err)
			}
			for _, id := range []string{"1", "2", "12049=2E1"} {
				if !slices.Contains(w.syncs, "sync.refresh.sku."+id) {
					t.Errorf("%s is not put into its lists again: %v", id, w.syncs)
				}
			}
		})
	})
}

// movedLists is a store in which another catalog comes into force while lists are removed.
type movedLists struct {
	store
	w *world
}

func (m movedLists) RemoveLists(ctx context.Context, cursor string, limit int, leftOver func(kv.Relation) bool) (int, string, error) {
	n, next, err := m.store.RemoveLists(ctx, cursor, limit, leftOver)
	if n > 0 {
		m.w.mu.Lock()
		m.w.moves = m.w.asked
		m.w.mu.Unlock()
	}
	return n, next, err
}

func TestRemovalOnRequest(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, open func(t *testing.T) *world) {
		w := open(t)
		w.history(era{wide, time.Hour}, era{narrow, time.Minute})
		ctx, stop := context.WithTimeout(t.Context(), time.Minute)
		ended := make(chan error, 1)
		go func() { ended <- w.agent().Run(ctx) }()
		defer func() { stop(); w.must(<-ended) }()
		if answer, err := leftovers.RequestRemoval(ctx, w.marks, 1); err != nil || !strings.Contains(answer.Error, "another catalog") {
			t.Errorf("by a catalog that is no more in force: %+v, %v", answer, err)
		}
		answer, err := leftovers.RequestRemoval(ctx, w.marks, 2)
		if err != nil || answer.Error != "" || answer.Removed["blob"] != 6 || answer.Removed["list"] == 0 {
			t.Errorf("the removal is answered with %+v, error %v; want 6 blobs and their lists removed", answer, err)
		}
		w.kept()
	})
}

func TestNothingIsRemovedByOrderBeforeAllIsBuilt(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, open func(t *testing.T) *world) {
		w := open(t)
		w.history(era{wide, time.Hour}, era{narrow, time.Minute})
		w.settled = false
		ctx, stop := context.WithTimeout(t.Context(), time.Minute)
		ended := make(chan error, 1)
		go func() { ended <- w.agent().Run(ctx) }()
		defer func() { stop(); w.must(<-ended) }()
		if answer, err := leftovers.RequestRemoval(ctx, w.marks, 2); err != nil || !strings.Contains(answer.Error, "pages may still need it") || len(answer.Removed) > 0 {
			t.Errorf("the removal is answered with %+v, error %v; want a refusal, since pages may still need it", answer, err)
		}
	})
}
