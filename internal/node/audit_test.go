package node_test

import (
	"log/slog"
	"net/http/httptest"
	"testing"

	"vitrine/detail"
	"vitrine/detail/blobcache"
	"vitrine/internal/audit"
	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/internal/kv/kvtest"
	"vitrine/internal/node"
	"vitrine/templates"
)

// TestTheAuditAsksForIDsByTheirRightName proves that ids are escaped in the audit's requests, even if they contain
// the separator or the escape character.
func TestTheAuditAsksForIDsByTheirRightName(t *testing.T) {
	store := kvtest.NewMemory()
	ids := []string{"7", "a,b", "a%2Cb", "a b+c", "a&ids=7"}
	store.Set(func(m *kvtest.Memory) {
		for i, id := range ids {
			m.Stored[kv.BlobKey{Entity: item.Entity{Kind: "sku", ID: id}, Blob: "item"}] = kv.Value{
				Header: kv.Header{Existence: kv.Alive, Stamp: uint64(i + 1)}, Body: []byte(`{"product":{}}`)}
		}
	})
	sku := &catalog.Kind{Name: "sku"}
	blob := &catalog.Blob{Kind: sku, Name: "item", Of: []*catalog.Dimension{{Kind: sku, Name: "product"}}}
	sku.Blobs = []*catalog.Blob{blob}
	c := &catalog.Catalog{Source: []byte("c"), Kinds: map[string]*catalog.Kind{"sku": sku},
		Pages: []*catalog.Page{{Name: "item", Prefix: "/item/", Suffix: ".html", Kind: sku, Blob: blob, Template: "item.html"}}}
	set, err := templates.LoadFolder(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	pages, err := detail.New(detail.Config{Catalog: func() *catalog.Catalog { return c }, Templates: func() *templates.Set { return set },
		Blobs: blobcache.Config{Tiers: []blobcache.Tier{{Name: "redis", Blobs: store}}}, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pages.Close)
	web := httptest.NewServer(pages.Handler())
	t.Cleanup(web.Close)
	for i, id := range ids {
		got, err := node.Served(t.Context(), web.Client(), web.URL, item.Entity{Kind: "sku", ID: id}, "item")
		if want := (audit.Served{There: true, Gen: uint64(i + 1)}); err != nil || got != want {
			t.Errorf("%q: %+v, want %+v: %v", id, got, want, err)
		}
	}
}
