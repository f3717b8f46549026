package audit_test

import (
	"context"
	"log/slog"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"vitrine/internal/audit"
	"vitrine/internal/bus"
	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/internal/kv/boltkv"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const shop = `
version: 1
upstreams: { shop: { url: "http://127.0.0.1:9" } }
entities:
  sku:
    dimensions: { price: { from: shop, get: "/{id}" } }
    blobs: { offer: { of: [price] } }
pages: { item: { path: "/item/{sku}.html", blob: offer, template: item.html } }
`

// line records what is announced.
type line struct{ subjects []string }

func (l *line) PublishChanges(_ context.Context, changes []item.Change, _ bus.PublishOptions) error {
	for _, c := range changes {
		l.subjects = append(l.subjects, c.Subject())
	}
	return nil
}

func (l *line) PublishSyncs(_ context.Context, syncs []item.Change) error {
	for _, s := range syncs {
		l.subjects = append(l.subjects, item.SyncSubject(s.Lane, s.Entity))
	}
	return nil
}

func (l *line) Waiting(_ context.Context, changes []item.Change) ([]bool, error) {
	return make([]bool, len(changes)), nil
}

func TestSweep(t *testing.T) {
	t.Parallel()
	cat, err := catalog.Parse([]byte(shop), "shop.yaml", catalog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	store, err := boltkv.Open(t.Context(), filepath.Join(t.TempDir(), "store.db"), boltkv.Options{Log: log})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	put := func(kind, id string, shape uint32, built bool, as uint32) {
		key := kv.RecordKey{Entity: item.Entity{Kind: kind, ID: id}, Dimension: "price"}
		res, err := store.PutRecords(t.Context(), []kv.Put{{RecordKey: key, Value: kv.Value{Header: kv.Header{Existence: kv.Alive, Shape: shape}, Body: []byte("{}")}}})
		if err != nil {
			t.Fatal(err)
		}
		if built {
			b := kv.Built{Entity: key.Entity, Gens: map[string]uint64{"offer": res[0].State.Gens["price"]}, Shapes: map[string]uint32{"offer": as}}
			if err := store.MarkBuilt(t.Context(), []kv.Built{b}); err != nil {
				t.Fatal(err)
			}
		}
	}
	today, blob := cat.Kinds["sku"].Dimensions[0].Shape, cat.Kinds["sku"].Blobs[0].Shape
	put("sku", "clean", today, true, blob)
	put("sku", "dirty", today, false, 0)
	put("sku", "old", today+1, true, blob+1) // its blob is folded when its record is fetched anew
	put("sku", "old_blob", today, true, blob+1)
	put("left_over", "1", today, false, 0)
	if err := store.Raise(t.Context(), item.Entity{Kind: "sku", ID: "empty"}, []string{"other"}); err != nil {
		t.Fatal(err)
	}
	dirty := []string{"sync.refresh.sku.dirty", "sync.refresh.sku.old_blob"}
	for _, c := range []struct {
		name   string
		sweep  func(*audit.Sweeper) (audit.Found, error)
		others bool // there are processes with other shapes
		want   []string
		found  audit.Found
	}{
		{"finds what is dirty, or of another shape", func(s *audit.Sweeper) (audit.Found, error) { return s.Sweep(t.Context()) }, false,
			append([]string{"change.refresh.sku.price.old"}, dirty...), audit.Found{Entities: 5, Dirty: 2, Reshaped: 1}},
		{"asks for what a new catalog has more", func(s *audit.Sweeper) (audit.Found, error) { return s.SweepAnew(t.Context(), nil) }, false,
			append([]string{"change.refresh.sku.price.empty", "change.refresh.sku.price.old"}, dirty...), audit.Found{Entities: 5, Dirty: 2, Reshaped: 2}},
		{"reshapes no records while others have other shapes", func(s *audit.Sweeper) (audit.Found, error) { return s.Sweep(t.Context()) }, true,
			dirty, audit.Found{Entities: 5, Dirty: 2, Reshaped: 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := &line{}
			s := audit.New(audit.Config{Catalog: func() *catalog.Catalog { return cat }, Records: store, Bus: l, Log: log, Page: 2, Agreed: func() bool { return !c.others }})
			found, err := c.sweep(s)
			if err != nil {
				t.Fatal(err)
			}
			if found != c.found {
				t.Errorf("found %+v, want %+v", found, c.found)
			}
			slices.Sort(l.subjects)
			if diff := cmp.Diff(c.want, l.subjects); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestCompare(t *testing.T) {
	t.Parallel()
	cat, err := catalog.Parse([]byte(shop), "shop.yaml", catalog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	store, err := boltkv.Open(t.Context(), filepath.Join(t.TempDir(), "store.db"), boltkv.Options{Log: log})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	kind := cat.Kinds["sku"]
	build := func(id, record, blob string, shift uint64) {
		e := item.Entity{Kind: "sku", ID: id}
		res, err := store.PutRecords(t.Context(), []kv.Put{{RecordKey: kv.RecordKey{Entity: e, Dimension: "price"},
			Value: kv.Value{Header: kv.Header{Existence: kv.Alive, Shape: kind.Dimensions[0].Shape}, Body: []byte(record)}}})
		if err != nil {
			t.Fatal(err)
		}
		gen := res[0].State.Gens["price"]
		if blob != "" {
			v := kv.Value{Header: kv.Header{Existence: kv.Alive, Stamp: gen - shift, Shape: kind.Blobs[0].Shape}, Body: []byte(blob)}
			if _, err := store.PutBlobs(t.Context(), []kv.BlobPut{{BlobKey: kv.BlobKey{Entity: e, Blob: "offer"}, Value: v}}); err != nil {
				t.Fatal(err)
			}
		}
		if err := store.MarkBuilt(t.Context(), []kv.Built{{Entity: e, Gens: map[string]uint64{"offer": gen}, Shapes: map[string]uint32{"offer": kind.Blobs[0].Shape}}}); err != nil {
			t.Fatal(err)
		}
	}
	build("right", `{"a":1}`, `{"price":{"a":1}}`, 0)
	build("other", `{"a":1}`, `{"price":{"a":2}}`, 0)
	build("older", `{"a":1}`, `{"price":{"a":1}}`, 1)
	build("missing", `{"a":1}`, "", 0)
	l := &line{}
	repaired := map[string]int{}
	s := audit.New(audit.Config{Catalog: func() *catalog.Catalog { return cat }, Records: store, Blobs: store, Bus: l, Log: log, Page: 3,
		Repaired: func(cause string, n int) { repaired[cause] += n }})
	found, err := s.Compare(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(l.subjects)
	if diff := cmp.Diff([]string{"sync.refresh.sku.missing", "sync.refresh.sku.older", "sync.refresh.sku.other"}, l.subjects); diff != "" {
		t.Error(diff)
	}
	if found.Blobs != 3 || found.Entities != 4 || repaired["blob"] != 3 {
		t.Errorf("found %+v, repaired %v; want 3 wrong blobs of 4 entities, all repaired", found, repaired)
	}
	states, err := store.States(t.Context(), []item.Entity{{Kind: "sku", ID: "other"}, {Kind: "sku", ID: "right"}})
	if err != nil {
		t.Fatal(err)
	}
	if !audit.Dirty(kind, states[0]) || audit.Dirty(kind, states[1]) {
		t.Error("a wrong blob must be folded anew, over the gen it has, and a right one left alone")
	}
}

func TestBound(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		s        audit.Sampled
		min, max float64
	}{
		{audit.Sampled{}, 1, 1},
		{audit.Sampled{Checked: 1000}, 0.001, 0.003},
		{audit.Sampled{Checked: 1000, Stale: 10}, 0.015, 0.018},
		{audit.Sampled{Checked: 10, Stale: 10}, 1, 1},
		{audit.Sampled{Silent: 200}, 1, 1},
		{audit.Sampled{Checked: 900, Silent: 100}, 0.1, 0.12},
	} {
		if got := c.s.Bound(); got < c.min || got > c.max {
			t.Errorf("the bound of %+v is %f, want %f to %f", c.s, got, c.min, c.max)
		}
	}
}
