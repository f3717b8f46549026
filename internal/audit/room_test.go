package audit_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"vitrine/internal/audit"
	"vitrine/internal/bus"
	"vitrine/internal/bustest"
	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/internal/kv/boltkv"
	"vitrine/internal/shape"
	"vitrine/internal/upstream"
)

// room is a store, a queue and an upstream of prices, all of them real.
type room struct {
	*testing.T
	catalog *catalog.Catalog
	store   *boltkv.Store
	conn    *bus.Conn
	client  *upstream.Client
	told    atomic.Int64 // records compared by samplers

	mu     sync.Mutex // guards all below
	prices map[string]int
	asked  map[string]int // id → number of requests
	broken bool           // answers have status 200 and lack what a record needs
}

const roomShop = `
version: 1
upstreams: { shop: { url: "%s", timeout: 10s } }
entities:
  sku:
    dimensions: { price: { from: shop, get: "/p/{id}", batch: "/p?ids={ids}", batch_max: 4, id_field: id, require: [amount] } }
    blobs: { offer: { of: [price] } }
pages: { item: { path: "/item/{sku}.html", blob: offer, template: item.html } }
`

func newRoom(t *testing.T) *room {
	t.Helper()
	r := &room{T: t, prices: map[string]int{}, asked: map[string]int{}}
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	var err error
	r.catalog, err = catalog.Parse(fmt.Appendf(nil, roomShop, server.URL), "shop.yaml", catalog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	r.store, err = boltkv.Open(t.Context(), filepath.Join(t.TempDir(), "store.db"), boltkv.Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.store.Close() })
	_, r.conn = bustest.Start(t)
	r.client = upstream.New(upstream.Config{})
	t.Cleanup(r.client.Close)
	return r
}

// ServeHTTP answers /p/ID and /p?ids=A,B.
func (r *room) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if id, one := strings.CutPrefix(req.URL.Path, "/p/"); one {
		r.asked[id]++
		price, ok := r.prices[id]
		if !ok {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		fmt.Fprint(w, r.row(id, price))
		return
	}
	rows := []json.RawMessage{}
	for id := range strings.SplitSeq(req.URL.Query().Get("ids"), ",") {
		if price, ok := r.prices[id]; ok {
			r.asked[id]++
			rows = append(rows, json.RawMessage(r.row(id, price)))
		}
	}
	_ = json.NewEncoder(w).Encode(rows)
}

// row is called with mu held.
func (r *room) row(id string, price int) string {
	if r.broken {
		return fmt.Sprintf(`{"id":%q,"error":"sorry"}`, id)
	}
	return priceOf(id, price)
}

func priceOf(id string, price int) string { return fmt.Sprintf(`{"id":%q,"amount":%d}`, id, price) }

// sell changes prices at the upstream without announcing them.
func (r *room) sell(price int, ids ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, id := range ids {
		r.prices[id] = price
	}
}

func (r *room) breakDown(broken bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.broken = broken
}

func (r *room) price() *catalog.Dimension { return r.catalog.Kinds["sku"].Dimensions[0] }

func priceKey(id string) kv.RecordKey {
	return kv.RecordKey{Entity: item.Entity{Kind: "sku", ID: id}, Dimension: "price"}
}

// put stores what a worker would make of an upstream's answer.
func (r *room) put(price int, ids ...string) {
	r.Helper()
	for _, id := range ids {
		rec, _, err := shape.MakeRecord(r.price(), []byte(priceOf(id, price)))
		if err != nil {
			r.Fatal(err)
		}
		r.write(id, kv.Value{Header: kv.Header{Existence: kv.Alive, Shape: r.price().Shape, Fetched: time.Now()}, Body: rec.Body})
	}
}

func (r *room) write(id string, v kv.Value) {
	r.Helper()
	held, err := r.store.Records(r.Context(), []kv.RecordKey{priceKey(id)})
	if err != nil {
		r.Fatal(err)
	}
	res, err := r.store.PutRecords(r.Context(), []kv.Put{{RecordKey: priceKey(id), Expect: held[0].Stamp, Value: v}})
	if err != nil || res[0].Outcome == kv.Changed {
		r.Fatal(res, err)
	}
}

func (r *room) sweeper() *audit.Sweeper {
	return audit.New(audit.Config{
		Catalog: func() *catalog.Catalog { return r.catalog }, Records: r.store, Blobs: r.store, Upstream: r.client, Bus: r.conn,
		Log: slog.New(slog.DiscardHandler), Settle: time.Millisecond,
	})
}

func (r *room) sample(n int) audit.Sampled {
	r.Helper()
	out, err := r.sweeper().Sample(r.Context(), n)
	if err != nil {
		r.Fatal(err)
	}
	return out
}

func ids(n int) (all []string) {
	for i := range n {
		all = append(all, fmt.Sprintf("sku%04d", i))
	}
	return all
}
