package node_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"vitrine/internal/bustest"
	"vitrine/internal/catalog"
	"vitrine/internal/node"
	"vitrine/internal/upstream"
)

const listedShop = `version: 1
site: { name: Test, lang: en, currency: EUR }
upstreams:
  shop: { url: "%s", timeout: 2s }
entities:
  sku:
    list: { from: shop, get: "/products?cursor={cursor}", ids: .ids, next: .next }
    dimensions:
      product: { from: shop, get: "/products/{id}" }
    blobs:
      item: { of: [product] }
pages:
  item: { path: "/item/{sku}.html", blob: item, template: item.html }
`

// TestAListThatFailsIsAskedAgain proves that the announcements at the start of up wait for an upstream that is slow
// or not there yet, and are given up if its answer is unusable. Neither ends the process.
func TestAListThatFailsIsAskedAgain(t *testing.T) {
	for _, c := range []struct {
		name   string
		fail   func(http.ResponseWriter)
		asked  int64
		listed uint64
	}{
		{"an upstream that is not there yet", func(w http.ResponseWriter) { w.WriteHeader(http.StatusServiceUnavailable) }, 2, 3},
		{"a connection that is cut", func(http.ResponseWriter) { panic(http.ErrAbortHandler) }, 2, 3},
		{"an answer of another form", func(w http.ResponseWriter) { fmt.Fprint(w, `{"ids":5}`) }, 1, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var asked atomic.Int64
			shop := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if asked.Add(1) == 1 {
					c.fail(w)
					return
				}
				fmt.Fprint(w, `{"ids":["1","2","3"]}`)
			}))
			defer shop.Close()
			cat, err := catalog.Parse(fmt.Appendf(nil, listedShop, shop.URL), "shop.yaml", catalog.Options{})
			if err != nil {
				t.Fatal(err)
			}
			_, conn := bustest.Start(t)
			client := upstream.New(upstream.Config{})
			defer client.Close()
			node.WalkList(t.Context(), conn, client, slog.New(slog.DiscardHandler), cat.Kinds["sku"])
			left, err := conn.Left(t.Context())
			if err != nil || left != c.listed || asked.Load() != c.asked {
				t.Errorf("%d changes are announced after %d calls, want %d after %d: %v", left, asked.Load(), c.listed, c.asked, err)
			}
		})
	}
}
