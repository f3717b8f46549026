package cli_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"vitrine/internal/canary"
)

// shop is an external upstream with an HTTP interface, whose state the tests edit.
type shop struct {
	URL   string
	Calls atomic.Int64

	mu       sync.Mutex // guards all below
	products map[string]*product
	delay    time.Duration
	inFlight int
	together int           // calls that must be in flight before any is answered
	arrived  chan struct{} // closed when they are in flight
}

// product is what the shop knows of a SKU.
type product struct {
	Title    string
	Brand    string
	Price    int
	Variants []string
	Version  int // rises with every change, across deletion and re-creation too
	Gone     bool
}

// shopCatalog declares a shop; %s stands for its address.
const shopCatalog = `
version: 1
site: { name: Test, lang: en, currency: EUR }
upstreams:
  shop: { url: "%s", timeout: 2s, concurrency: 32, ` + canary.Header + ` }
entities:
  sku:
    list: { from: shop, get: "/products?cursor={cursor}", ids: '[.items[].sku]', next: .next }
    dimensions:
      product:
        from: shop
        get: /products/{id}
        batch: /products?ids={ids}
        batch_max: 20
        id_field: sku
        pick: '{title: .name, brand_id}'
        version: updated_at
        refs: { brand: { kind: brand, field: brand_id, public: true } }
        require: [title]
      price: { from: shop, get: "/prices/{id}" }
    blobs:
      item: { of: [product] }
      offer: { of: [price] }
  brand:
    dimensions:
      brand: { from: shop, get: "/brands/{id}" }
    blobs:
      card: { of: [brand], fold: .brand }
live:
  offer: { blob: offer }
pages:
  item:
    path: /item/{sku}.html
    blob: item
    overlay: [offer]
    with: { brand: card }
    live: [offer]
    template: item.html
    cache: { max_age: 0s, shared: 60s, swr: 10m, sie: 24h }
`

func newShop(t testing.TB) *shop {
	s := &shop{products: map[string]*product{}}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	s.URL = server.URL
	shops.add(s.URL)
	return s
}

// shops are the origins of the upstreams that tests have started.
var shops origins

type origins struct {
	mu   sync.Mutex // guards list
	list []string
}

func (o *origins) add(origin string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if strings.HasPrefix(origin, "http://") && !slices.Contains(o.list, origin) {
		o.list = append(o.list, origin)
	}
}

func (o *origins) all() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.list)
}

// Put creates or edits a product and raises its version.
func (s *shop) Put(id string, edit func(*product)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.products[id]
	if p == nil {
		p = &product{}
		s.products[id] = p
	}
	p.Version++
	p.Gone = false
	edit(p)
}

// Delete removes a product.
func (s *shop) Delete(id string) {
	s.Put(id, func(p *product) { p.Gone = true })
}

// Get returns what the shop knows of a product now.
func (s *shop) Get(id string) (product, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.products[id]
	if p == nil {
		return product{}, false
	}
	return *p, true
}

// Slow delays every answer by d.
func (s *shop) Slow(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.delay = d
}

// Together delays every answer until n calls are in flight.
func (s *shop) Together(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.together, s.arrived = n, make(chan struct{})
}

// arrive registers a call, and returns what it has to wait for.
func (s *shop) arrive() (delay time.Duration, arrived <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inFlight++
	if s.inFlight == s.together {
		close(s.arrived)
		s.together = 0
	}
	return s.delay, s.arrived
}

func (s *shop) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inFlight--
}

func (s *shop) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.Calls.Add(1)
	delay, arrived := s.arrive()
	defer s.leave()
	for _, until := range []<-chan struct{}{arrived, after(delay)} {
		if until == nil {
			continue
		}
		select {
		case <-until:
		case <-r.Context().Done():
			return
		}
	}
	what, escaped, one := strings.Cut(strings.TrimPrefix(r.URL.EscapedPath(), "/"), "/")
	id, err := url.PathUnescape(escaped)
	switch {
	case err != nil || strings.Contains(escaped, "/"):
		http.Error(w, "bad path", http.StatusBadRequest)
	case one:
		s.one(w, what, id)
	case r.URL.Query().Has("ids"):
		s.batch(w, what, r.URL.RawQuery)
	default:
		s.list(w, r.URL.Query().Get("cursor"))
	}
}

func (s *shop) one(w http.ResponseWriter, what, id string) {
	if what == "brands" {
		fmt.Fprintf(w, `{"title":%q}`, "Brand "+id)
		return
	}
	p, ok := s.Get(id)
	if !ok || p.Gone {
		http.NotFound(w, nil)
		return
	}
	json.NewEncoder(w).Encode(row(what, id, p))
}

func row(what, id string, p product) map[string]any {
	if what == "prices" {
		return map[string]any{"amount": p.Price, "currency": "EUR"}
	}
	return map[string]any{"sku": id, "name": p.Title, "brand_id": p.Brand, "variants": p.Variants, "updated_at": p.Version}
}

func (s *shop) batch(w http.ResponseWriter, what, query string) {
	rows := []any{}
	for _, part := range strings.Split(strings.TrimPrefix(query, "ids="), ",") {
		id, err := url.QueryUnescape(part)
		if p, ok := s.Get(id); err == nil && ok && !p.Gone {
			rows = append(rows, row(what, id, p))
		}
	}
	json.NewEncoder(w).Encode(rows)
}

// list answers with up to 500 existing products after cursor, in the order of their ids.
func (s *shop) list(w http.ResponseWriter, cursor string) {
	type listed struct {
		SKU string `json:"sku"`
	}
	page := struct {
		Items []listed `json:"items"`
		Next  *string  `json:"next"`
	}{Items: []listed{}}
	for _, id := range s.IDs() {
		if p, _ := s.Get(id); p.Gone || cmp.Compare(id, cursor) <= 0 {
			continue
		}
		if len(page.Items) == 500 {
			page.Next = &page.Items[499].SKU
			break
		}
		page.Items = append(page.Items, listed{id})
	}
	json.NewEncoder(w).Encode(page)
}

// IDs returns all ids that ever existed, sorted.
func (s *shop) IDs() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.products))
}

// oddID returns the nth of a set of ids as shops have them: with digits, dots, slashes, spaces and Chinese
// characters.
func oddID(n int) string {
	return fmt.Sprintf([]string{"%d", "%d.1", "a/%d", "new item %d", "茶壶-%d", "x=%d%%2F"}[n%6], 100000+n)
}

func mustJSON(t testing.TB, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// after returns a channel that receives after d, or nil for no delay.
func after(d time.Duration) <-chan struct{} {
	if d == 0 {
		return nil
	}
	c := make(chan struct{})
	time.AfterFunc(d, func() { close(c) })
	return c
}
