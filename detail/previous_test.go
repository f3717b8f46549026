package detail_test

import (
	"strings"
	"sync/atomic"
	"testing"

	"vitrine/detail"
	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/internal/kv/kvtest"
)

// moving is a shop whose catalog changes the item blob by name or by shape.
type moving struct {
	*shop
	now, before atomic.Pointer[catalog.Catalog]
}

func newMoving(t *testing.T, change func(*detail.Config)) *moving {
	m := &moving{}
	m.shop = open(t, func(c *detail.Config) {
		c.Catalog, c.Previous = m.now.Load, m.before.Load
		if change != nil {
			change(c)
		}
	})
	m.now.Store(m.catalog)
	return m
}

// push brings an edited catalog into force.
func (m *moving) push(t *testing.T, edit func(item, offer *catalog.Blob)) *catalog.Catalog {
	t.Helper()
	next := demo(t)
	item, err := next.Blob("sku", "item")
	if err != nil {
		t.Fatal(err)
	}
	offer, err := next.Blob("sku", "offer")
	if err != nil {
		t.Fatal(err)
	}
	edit(item, offer)
	next.Source = []byte("next")
	m.before.Store(m.now.Load())
	m.now.Store(next)
	return next
}

func renameItem(item, _ *catalog.Blob) { item.Name = "article" }

func (m *moving) shows(t *testing.T, id, text string) {
	t.Helper()
	if got := m.get(t, "/item/"+id+".json"); got.status != 200 || !strings.Contains(got.body, text) {
		t.Errorf("%s: want %s, got %d: %s", id, text, got.status, got.body)
	}
}

func (m *moving) announced(id, blob string, gen uint64) {
	m.server.Announced(item.Entity{Kind: "sku", ID: id}, map[string]uint64{blob: gen})
}

func TestARenamedBlobIsServedUntilTheNewOneIsBuilt(t *testing.T) {
	m := newMoving(t, nil)
	m.redis.Put("sku:1", "item", 5, `{"product":{"title":"Former"}}`)
	m.redis.Put("sku:1", "offer", 4, `{"price":{"amount":1}}`)
	m.shows(t, "1", `"Former"`)
	m.push(t, renameItem)
	m.shows(t, "1", `"Former"`)
	m.shows(t, "1", `"amount":1`)
	m.redis.Put("sku:1", "article", 5, `{"product":{"title":"Built"}}`)
	m.announced("1", "article", 5)
	m.shows(t, "1", `"Built"`)
	m.redis.Put("sku:2", "article", 9, `{"product":{"title":"New"}}`)
	m.shows(t, "2", `"New"`)
	if got := m.get(t, "/item/3.json"); got.status != 404 {
		t.Errorf("what nobody knows is %d", got.status)
	}
}

// TestAPageByTheFormerCatalogIsKeptUntilItsBlobsAreBuilt proves that a cached page is dropped once the blob that it
// waits for exists, as it is when one of its own blobs changes.
func TestAPageByTheFormerCatalogIsKeptUntilItsBlobsAreBuilt(t *testing.T) {
	m := newMoving(t, nil)
	m.redis.Put("sku:1", "item", 5, `{"product":{"title":"Former"}}`)
	m.push(t, renameItem)
	m.shows(t, "1", `"Former"`)
	m.redis.Put("sku:1", "article", 6, `{"product":{"title":"Edited"}}`)
	m.announced("1", "article", 6)
	m.shows(t, "1", `"Edited"`)
}

func TestARenamedOverlayIsNotMissed(t *testing.T) {
	m := newMoving(t, nil)
	m.redis.Put("sku:1", "item", 5, `{"product":{"title":"Tea"}}`)
	m.redis.Put("sku:1", "offer", 7, `{"price":{"amount":7}}`)
	m.push(t, func(_, offer *catalog.Blob) { offer.Name = "deal" })
	m.shows(t, "1", `"amount":7`)
	m.redis.Put("sku:1", "deal", 8, `{"price":{"amount":8}}`)
	m.announced("1", "deal", 8)
	m.shows(t, "1", `"amount":8`)
}

func TestLeftoverBlobsAreNotServedAfterARollback(t *testing.T) {
	m := newMoving(t, nil)
	m.redis.Put("sku:1", "item", 5, `{"product":{"title":"Left behind"}}`)
	m.push(t, renameItem)
	m.redis.Put("sku:1", "article", 6, `{"product":{"title":"Edited since"}}`)
	m.shows(t, "1", `"Edited since"`)
	m.push(t, func(_, _ *catalog.Blob) {})
	m.shows(t, "1", `"Edited since"`)
	m.redis.Put("sku:1", "item", 6, `{"product":{"title":"Built again"}}`)
	m.announced("1", "item", 6)
	m.shows(t, "1", `"Built again"`)
}

func TestABlobOfTheFormerShapeIsShownByTheFormerCatalog(t *testing.T) {
	m := newMoving(t, nil)
	put := func(gen uint64, shape uint32, title string) {
		m.redis.Set(func(r *kvtest.Memory) {
			r.Stored[kv.BlobKey{Entity: item.Entity{Kind: "sku", ID: "1"}, Blob: "item"}] = kv.Value{
				Header: kv.Header{Existence: kv.Alive, Stamp: gen, Shape: shape}, Body: []byte(`{"product":{"title":"` + title + `"}}`)}
		})
		m.announced("1", "item", gen)
	}
	gone := func(status int) {
		t.Helper()
		if got := m.get(t, "/item/1.json"); got.status != status {
			t.Errorf("status %d, want %d: %s", got.status, status, got.body)
		}
	}
	put(1, 0, "Tea")
	next := m.push(t, func(item, _ *catalog.Blob) { item.Shape = 5 })
	next.Pages[0].Rules = []*catalog.Rule{rule(t, `product.title == "Tea"`, catalog.Rule{Status: 418}, catalog.Path{"product", "title"})}
	gone(200) // the new rule applies to blobs of the new shape
	put(2, 5, "Tea")
	gone(418)
}

func TestThePreviousCatalogStopsToCount(t *testing.T) {
	m := newMoving(t, nil)
	m.redis.Put("sku:1", "item", 5, `{"product":{"title":"Former"}}`)
	m.push(t, renameItem)
	m.shows(t, "1", `"Former"`)
	m.before.Store(nil)
	m.redis.Put("sku:2", "item", 5, `{"product":{"title":"Former"}}`)
	if got := m.get(t, "/item/2.json"); got.status != 404 {
		t.Errorf("status %d: %s", got.status, got.body)
	}
}
