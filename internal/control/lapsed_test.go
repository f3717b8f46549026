package control_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vitrine/internal/bustest"
	"vitrine/internal/control"
)

const twoDimensions = `
version: 1
upstreams: { shop: { url: "http://127.0.0.1:9" } }
entities:
  sku:
    dimensions:
      product: { from: shop, get: "/p/{id}" }
      price: { from: shop, get: "/q/{id}" }
    blobs: { item: { of: [product] } }
pages: { item: { path: "/item/{sku}.html", blob: item, template: item.html } }
`

// TestLapsed proves that a name which one revision lacked has lapsed for whoever looks from that revision, from an
// earlier one, or from none. After a rollback of NATS to before the first sweep there is no mark, and later revisions
// must still be reported.
func TestLapsed(t *testing.T) {
	_, conn := bustest.Start(t)
	bucket := conn.Bucket(control.CatalogBucket)
	one := strings.Replace(twoDimensions, `price: { from: shop, get: "/q/{id}" }`, "", 1)
	var revisions []uint64
	for _, text := range []string{twoDimensions, one, "no catalog", twoDimensions, twoDimensions + "#"} {
		revision, err := bucket.Put(t.Context(), control.CatalogKey, []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		revisions = append(revisions, revision)
	}
	f := control.NewFollower(conn, slog.New(slog.DiscardHandler))
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- f.Run(ctx) }()
	defer func() { stop(); <-ended }()
	if err := f.Wait(ctx); err != nil {
		t.Fatal(err)
	}
	prices := map[string]bool{"sku.price": true}
	for _, c := range []struct {
		name  string
		since uint64
		want  map[string]bool
	}{
		{"from before", revisions[0], prices},
		{"from the one that has none", revisions[1], prices},
		{"from the next", revisions[3], map[string]bool{}},
		{"nothing was swept for yet", 0, prices},
		{"the bucket was made anew", revisions[4] + 100, prices},
	} {
		lapsed, newest, err := f.Lapsed(ctx, c.since)
		if err != nil || newest != revisions[4] {
			t.Errorf("%s: newest %d, %v", c.name, newest, err)
		}
		if diff := cmp.Diff(c.want, lapsed); diff != "" {
			t.Errorf("%s: the lapsed names differ: %s", c.name, diff)
		}
	}
}
