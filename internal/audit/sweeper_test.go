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

func TestSweep(t *testing.T) {
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
	put := func(kind, id string, shape uint32, built bool) {
		key := kv.RecordKey{Entity: item.Entity{Kind: kind, ID: id}, Dimension: "price"}
		res, err := store.PutRecords(t.Context(), []kv.Put{{RecordKey: key, Value: kv.Value{Header: kv.Header{Life: kv.Alive, Shape: shape}, Body: []byte("{}")}}})
		if err != nil {
			t.Fatal(err)
		}
		if built {
			gens := map[string]uint64{"offer": res[0].State.Gens["price"]}
			if err := store.MarkBuilt(t.Context(), []kv.Built{{Entity: key.Entity, Gens: gens}}); err != nil {
				t.Fatal(err)
			}
		}
	}
	today := cat.Kinds["sku"].Dimensions[0].Shape
	put("sku", "clean", today, true)
	put("sku", "dirty", today, false)
	put("sku", "old", today+1, true)
	put("left_over", "1", today, false)
	for _, c := range []struct {
		name     string
		thorough bool
		want     []string
	}{
		{"finds what is dirty", false, []string{"sync.refresh.sku.dirty"}},
		{"finds another shape when thorough, and has all blobs looked at", true,
			[]string{"change.refresh.sku.price.old", "sync.refresh.sku.clean", "sync.refresh.sku.dirty", "sync.refresh.sku.old"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := &line{}
			s := audit.New(audit.Config{Catalog: func() *catalog.Catalog { return cat }, Records: store, Bus: l, Log: log, Page: 2})
			if _, err := s.Sweep(t.Context(), c.thorough); err != nil {
				t.Fatal(err)
			}
			slices.Sort(l.subjects)
			if diff := cmp.Diff(c.want, l.subjects); diff != "" {
				t.Error(diff)
			}
		})
	}
}
