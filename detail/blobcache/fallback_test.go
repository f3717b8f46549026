package blobcache

import (
	"context"
	"fmt"
	"testing"
	"time"

	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/internal/upstream"
	"vitrine/switches"
)

// upstreams answers for each dimension except price, whose upstream is down.
type upstreams struct{}

func (upstreams) Fetch(_ context.Context, d *catalog.Dimension, asks []upstream.Ask) []upstream.Answer {
	answers := make([]upstream.Answer, len(asks))
	for i := range asks {
		answers[i] = upstream.Answer{Status: upstream.OK, At: time.Now(), Body: []byte(`{"of":"` + d.Name + `"}`)}
		if d.Name == "price" {
			answers[i] = upstream.Answer{Err: fmt.Errorf("%w: 500", item.ErrUnavailable)}
		}
	}
	return answers
}

const shopOfThree = `version: 1
upstreams: { shop: { url: "http://127.0.0.1:8090" } }
entities:
  sku:
    dimensions:
      product: { from: shop, get: "/products/{id}" }
      price: { from: shop, get: "/prices/{id}" }
      stock: { from: shop, get: "/stock/{id}" }
    blobs: { item: { of: [product, price, stock] } }
pages: { item: { path: "/item/{sku}.html", blob: item, template: item.html } }
`

// TestADimensionThatFailsIsLeftOut proves that a page is served without the price whose upstream is down. Its blob keeps
// the shape of the catalog, so that nobody takes it for a blob of an older catalog.
func TestADimensionThatFailsIsLeftOut(t *testing.T) {
	c, err := catalog.Parse([]byte(shopOfThree), "shop.yaml", catalog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	panel := switches.NewPanel(switches.Identity{})
	f := NewFallback(upstreams{}, nil, panel)
	t.Cleanup(f.Close)
	page := c.Pages[0]
	parts := []Part{{Key: kv.BlobKey{Blob: "item"}}}
	f.Fill(t.Context(), page, item.Entity{Kind: "sku", ID: "1"}, parts, false)
	got := parts[0]
	if got.Err != nil || got.Tier != UpstreamTier || !got.Stale {
		t.Fatalf("the part is %+v, want a stale one of the upstream", got)
	}
	if want := `{"product":{"of":"product"},"stock":{"of":"stock"}}`; string(got.Value.Body) != want {
		t.Errorf("blob %s, want %s", got.Value.Body, want)
	}
	if want := page.Blob.Shape; got.Value.Shape != want {
		t.Errorf("shape %x, want the catalog's, %x", got.Value.Shape, want)
	}
}
