package blobcache_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"vitrine/detail/blobcache"
	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/internal/kv/rediskv"
	"vitrine/internal/redistest"
)

const shopOfTwo = `version: 1
upstreams: { shop: { url: "http://127.0.0.1:8090" } }
entities:
  sku:
    dimensions:
      product: { from: shop, get: "/products/{id}" }
      price: { from: shop, get: "/prices/{id}" }
    blobs: { item: { of: [product, price] }, offer: { of: [price] } }
pages: { item: { path: "/item/{sku}.html", blob: item, template: item.html } }
`

func newCache(t *testing.T, tiers ...blobcache.Tier) *blobcache.Cache {
	t.Helper()
	c, err := blobcache.New(blobcache.Config{Tiers: tiers, ReadDeadline: time.Minute, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// withRecords starts a Redis Cluster that serves without one of its nodes too, with the records of n entities and no
// blobs.
func withRecords(t *testing.T, n int) (c *redistest.Servers, store *rediskv.Store, entities []item.Entity) {
	t.Helper()
	c = redistest.Cluster(t)
	for _, node := range c.Nodes {
		node.Do("CONFIG", "SET", "cluster-require-full-coverage", "no")
	}
	store, err := rediskv.Open(t.Context(), rediskv.Config{URL: c.URL, Timeout: 10 * time.Second, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	var puts []kv.Put
	for i := range n {
		e := entity(t, fmt.Sprintf("sku:%d", i))
		entities = append(entities, e)
		for _, dimension := range []string{"product", "price"} {
			v := kv.Value{Header: kv.Header{Existence: kv.Alive, Fetched: time.Now()}, Body: []byte(`{}`)}
			puts = append(puts, kv.Put{RecordKey: kv.RecordKey{Entity: e, Dimension: dimension}, Value: v})
		}
	}
	if _, err := store.PutRecords(t.Context(), puts); err != nil {
		t.Fatal(err)
	}
	return c, store, entities
}

// TestBlobsAreFoldedWithoutANode takes a node of the Cluster away. Blobs whose records are on other nodes must be
// folded, even if they are requested together with unavailable ones.
func TestBlobsAreFoldedWithoutANode(t *testing.T) {
	shop, err := catalog.Parse([]byte(shopOfTwo), "shop.yaml", catalog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	servers, store, entities := withRecords(t, 20)
	tier := blobcache.FromRecords(store, func() *catalog.Catalog { return shop })
	tier.Timeout = 10 * time.Second
	cache := newCache(t, blobcache.Tier{Name: "redis", Blobs: store, Timeout: 10 * time.Second}, tier)
	servers.Nodes[1].Stop()
	_, away := store.States(t.Context(), entities)
	errs := kv.ItemErrors(away, len(entities))
	for _, blob := range []string{"item", "offer"} {
		var keys []kv.BlobKey
		for _, e := range entities {
			keys = append(keys, kv.BlobKey{Entity: e, Blob: blob})
		}
		there := 0
		for i, part := range cache.Read(t.Context(), keys, blobcache.Policy{}) {
			switch {
			case errs[i] != nil && !errors.Is(part.Err, item.ErrUnavailable):
				t.Errorf("%s, whose node is away: life %d, error %v", part.Key, part.Existence, part.Err)
			case errs[i] == nil && (part.Err != nil || part.Tier != blobcache.RecordsTier || part.Existence != kv.Alive || part.Stamp == 0):
				t.Errorf("%s: life %d, gen %d of tier %q, error %v", part.Key, part.Existence, part.Stamp, part.Tier, part.Err)
			case errs[i] == nil:
				there++
			}
		}
		if there == 0 || there == len(keys) {
			t.Errorf("%d of %d are there", there, len(keys))
		}
	}
}

// bare is a store that returns an error for one item, and nothing for the others.
type bare struct{}

func (bare) Blobs(_ context.Context, keys []kv.BlobKey) ([]kv.Blob, error) {
	items := make([]error, len(keys))
	items[0] = errDown
	return nil, kv.Partial(items)
}

// TestATierThatGivesTooLittle proves that a tier that returns fewer items than requested counts as failed, whatever
// its error says.
func TestATierThatGivesTooLittle(t *testing.T) {
	cache := newCache(t, blobcache.Tier{Name: "redis", Blobs: bare{}})
	keys := []kv.BlobKey{{Entity: entity(t, "sku:1"), Blob: "item"}, {Entity: entity(t, "sku:2"), Blob: "item"}}
	for _, part := range cache.Read(t.Context(), keys, blobcache.Policy{}) {
		if !errors.Is(part.Err, item.ErrUnavailable) {
			t.Errorf("%s: life %d, error %v", part.Key, part.Existence, part.Err)
		}
	}
}
