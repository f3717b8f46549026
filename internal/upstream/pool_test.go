package upstream_test

import (
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/upstream"
)

// graph is a catalog of one GraphQL server, with slow queries and quick ones.
const graph = `version: 1
upstreams: { shop: { url: "%s", timeout: 60s, concurrency: 4, pools: { quick: { concurrency: 2 } } } }
entities:
  sku:
    dimensions:
      product: { from: shop, post: { path: /graphql, json: { query: product, id: "{id}" } } }
      price: { from: shop, pool: quick, post: { path: /graphql, json: { query: price, id: "{id}" } } }
      stock: { from: shop, pool: quick, post: { path: /graphql, json: { query: stock, id: "{id}" } } }
    blobs: { item: { of: [product] }, offer: { of: [price, stock] } }
live: { delivery: { from: shop, pool: quick, get: "/delivery/{id}", deadline: 60s } }
pages: { item: { path: "/item/{sku}.html", blob: item, overlay: [offer], live: [delivery], template: item.html } }
`

func graphCatalog(t *testing.T, address string) *catalog.Catalog {
	t.Helper()
	cat, err := catalog.Parse(fmt.Appendf(nil, graph, address), "shop.yaml", catalog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return cat
}

func named(t *testing.T, cat *catalog.Catalog, name string) *catalog.Dimension {
	t.Helper()
	d, err := cat.Dimension("sku", name)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestQuickQueriesDoNotWaitForSlowOnes proves that prices in a pool of their own are fetched while product queries of the same
// server take all of its other places, and while the breaker of those is open; and that the reverse holds.
func TestQuickQueriesDoNotWaitForSlowOnes(t *testing.T) {
	var slow atomic.Int64
	var failing atomic.Value
	failing.Store("")
	gate := make(chan struct{})
	cat := graphCatalog(t, serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		query := failing.Load().(string)
		switch {
		case query != "" && strings.Contains(string(body), query):
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		case strings.Contains(string(body), "product"):
			slow.Add(1)
			<-gate
		}
		io.WriteString(w, `{"a":1}`)
	}))
	product, price, stock := named(t, cat, "product"), named(t, cat, "price"), named(t, cat, "stock")
	c := client(t)
	var wait sync.WaitGroup
	wait.Go(func() {
		for _, a := range c.Fetch(t.Context(), product, asks("1", "2", "3", "4", "5", "6", "7", "8")) {
			if a.Err != nil {
				t.Error(a.Err)
			}
		}
	})
	until(t, func() bool { return slow.Load() == 4 })
	for _, d := range []*catalog.Dimension{price, stock} {
		for _, a := range c.Fetch(t.Context(), d, asks("1", "2", "3", "4", "5", "6", "7", "8")) {
			if a.Err != nil {
				t.Errorf("%s behind slow products: %v", d.Name, a.Err)
			}
		}
	}
	if _, err := c.Live(t.Context(), cat.Live["delivery"], "1", nil); err != nil {
		t.Errorf("delivery behind slow products: %v", err)
	}
	if n := slow.Load(); n != 4 {
		t.Errorf("%d slow queries were sent, of a pool of 4", n)
	}
	close(gate)
	wait.Wait()
	for _, side := range []struct {
		query    string
		sick, ok []*catalog.Dimension
	}{{"price", []*catalog.Dimension{price, stock}, []*catalog.Dimension{product}}, {"product", []*catalog.Dimension{product}, []*catalog.Dimension{price, stock}}} {
		c := client(t)
		failing.Store(side.query)
		place := side.sick[0].From.Place(side.sick[0].Pool)
		for range 20 {
			c.Fetch(t.Context(), side.sick[0], asks("1"))
		}
		if n := c.Capacity(place); n == math.MaxInt {
			t.Errorf("20 failures left %s closed", place)
		}
		for _, d := range side.sick[1:] {
			if a := c.Fetch(t.Context(), d, asks("1"))[0]; !errors.Is(a.Err, item.ErrNotAsked) || !strings.Contains(a.Err.Error(), place) {
				t.Errorf("%s shares the pool %s that fails: %v", d.Name, place, a.Err)
			}
		}
		for _, d := range side.ok {
			if a := c.Fetch(t.Context(), d, asks("1"))[0]; a.Err != nil {
				t.Errorf("%s beside %s that fails: %v", d.Name, place, a.Err)
			}
		}
	}
}

// TestARefreshProbesAfterWhatIsUrgent proves that, of an upstream that failed, one call of the refresh lane at most is on its
// way until it is well again, so that the other probes are left to what is urgent.
func TestARefreshProbesAfterWhatIsUrgent(t *testing.T) {
	var failing atomic.Bool
	failing.Store(true)
	gate, here := make(chan struct{}), make(chan string, 10)
	d := dimension(t, serve(t, func(w http.ResponseWriter, r *http.Request) {
		if failing.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		here <- r.URL.Path
		<-gate
		io.WriteString(w, `{}`)
	}), single)
	d.From.Timeout = time.Minute
	c := client(t)
	for c.Capacity(d.From.Name) == math.MaxInt {
		c.Fetch(t.Context(), d, asks("1"))
	}
	failing.Store(false)
	until(t, func() bool { return c.Capacity(d.From.Name) > 0 })
	var wait sync.WaitGroup
	fetch := func(id string, lane item.Lane) {
		wait.Go(func() {
			if a := c.Fetch(t.Context(), d, []upstream.Ask{{ID: id, Lane: lane}})[0]; a.Err != nil {
				t.Errorf("%s: %v", id, a.Err)
			}
		})
	}
	fetch("bulk", item.Refresh)
	<-here
	for range 5 {
		a := c.Fetch(t.Context(), d, []upstream.Ask{{ID: "more", Lane: item.Refresh}})[0]
		if !errors.Is(a.Err, item.ErrNotAsked) {
			t.Errorf("a second refresh beside the one that probes: %v", a.Err)
		}
	}
	fetch("urgent", item.High)
	fetch("usual", item.Normal)
	<-here
	<-here
	close(gate)
	wait.Wait()
	if a := c.Fetch(t.Context(), d, []upstream.Ask{{ID: "2", Lane: item.Refresh}, {ID: "3", Lane: item.Refresh}}); a[0].Err != nil || a[1].Err != nil {
		t.Errorf("it is well, and refuses bulk: %v, %v", a[0].Err, a[1].Err)
	}
}
