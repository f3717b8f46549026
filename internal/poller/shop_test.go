package poller_test

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"go.uber.org/goleak"

	"vitrine/internal/bus"
	"vitrine/internal/bustest"
	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/internal/kv/boltkv"
	"vitrine/internal/poller"
	"vitrine/internal/testlog"
	"vitrine/internal/upstream"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const source = `
version: 1
upstreams: { shop: { url: "URL", timeout: 30s } }
entities:
  sku:
    list: { from: shop, get: /ids, ids: . }
    dimensions: { product: { from: shop, get: "/{id}", version: updated } }
    blobs: { item: { of: [product] } }
pages: { item: { path: "/item/{sku}.html", blob: item, template: item.html } }
poll:
  changed:
    from: shop
    kind: sku
    dimension: product
    get: "/changed?since={since}&page={cursor}"
    first: 1
    next: .next
    items: '[.products[].sku]'
    mark: '[.products[].updated] | max'
  numbered: { from: shop, kind: sku, get: "/numbered?since={since}", items: .ids, mark: .mark, start: 0, since: '. + 1' }
  clocked: { from: shop, kind: sku, get: "/clocked?since={since}", items: '.ids', overlap: 30s, since: '.[0:19] | sub("T"; " ")' }
  feed: { from: shop, kind: sku, dimension: product, post: { path: /feed, json: { after: "{cursor}" } }, items: '[.events[].sku]', next: .last }
  whole: { from: shop, kind: sku, dimension: product, whole: true, get: "/all?page={cursor}", first: 1, next: .next, items: '[.products[] | {id: .sku, version: .updated}]' }
`

// world is a shop, a NATS and a store, and what has become of the polls.
type world struct {
	*testing.T
	cat   *catalog.Catalog
	conn  *bus.Conn
	store *boltkv.Store
	log   *testlog.Buffer
	sub   *nats.Subscription
	nats  *nats.Conn

	mu     sync.Mutex // guards all below
	now    time.Time
	answer func(path string) (status int, body string)
	asked  []string
}

func open(t *testing.T) *world {
	w := &world{T: t, now: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC), log: &testlog.Buffer{}}
	shop := httptest.NewServer(http.HandlerFunc(w.serve))
	t.Cleanup(shop.Close)
	var err error
	w.cat, err = catalog.Parse([]byte(strings.Replace(source, "URL", shop.URL, 1)), "shop.yaml", catalog.Options{})
	w.must(err)
	server, conn := bustest.Start(t)
	w.conn = conn
	w.store, err = boltkv.Open(t.Context(), filepath.Join(t.TempDir(), "store.db"), boltkv.Options{Log: slog.New(slog.DiscardHandler), NoSync: true})
	w.must(err)
	t.Cleanup(func() { w.store.Close() })
	w.nats, err = nats.Connect(server.URL())
	w.must(err)
	t.Cleanup(w.nats.Close)
	w.sub, err = w.nats.SubscribeSync("change.>")
	w.must(err)
	w.must(w.nats.Flush())
	return w
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// serve answers a request to the shop. What was asked is kept with the body of a POST.
func (w *world) serve(rw http.ResponseWriter, r *http.Request) {
	asked := r.URL.String()
	if r.Method == http.MethodPost {
		var body json.RawMessage
		_ = json.NewDecoder(r.Body).Decode(&body) // what is no JSON is kept as nothing
		asked += string(body)
	}
	w.mu.Lock()
	w.asked = append(w.asked, asked)
	status, body := w.answer(asked)
	w.mu.Unlock()
	rw.WriteHeader(status)
	_, _ = rw.Write([]byte(body))
}

// says has the shop answer requests by what they ask; anything else is answered with 503.
func (w *world) says(answers map[string]string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answer = func(path string) (int, string) {
		body, ok := answers[path]
		status, rest, short := strings.Cut(body, " ")
		if n, err := strconv.Atoi(status); short && err == nil && n > 399 {
			return n, rest
		}
		if !ok {
			return http.StatusServiceUnavailable, "not prepared: " + path
		}
		return http.StatusOK, body
	}
}

func (w *world) requests() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	asked := w.asked
	w.asked = nil
	return asked
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) later(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

// config is that of a process of its own.
func (w *world) config() poller.Config {
	client := upstream.New(upstream.Config{})
	w.Cleanup(client.Close)
	return poller.Config{
		Catalog: func() *catalog.Catalog { return w.cat }, Upstream: client, Records: w.store, Bus: w.conn, Notes: w.conn.Bucket("marks"),
		Log: slog.New(slog.NewTextHandler(w.log, nil)), Clock: w.clock, Page: 2,
	}
}

// turn takes a turn of a poll, in a process of its own.
func (w *world) turn(poll string) (wait time.Duration, err error) {
	w.Helper()
	return poller.New(w.config()).Turn(w.Context(), w.cat, w.cat.Polls[poll])
}

// turned takes a turn that must succeed, and lists what it announced.
func (w *world) turned(poll string) []string {
	w.Helper()
	w.later(10 * time.Minute)
	_, err := w.turn(poll)
	w.must(err)
	return w.announced()
}

// announced lists the changes that came since the last call, as LANE.DIMENSION.ID.
func (w *world) announced() (changes []string) {
	w.Helper()
	w.must(w.nats.Flush()) // afterwards all that NATS has acknowledged has arrived here
	n, _, err := w.sub.Pending()
	w.must(err)
	for range n {
		m, err := w.sub.NextMsg(time.Minute)
		w.must(err)
		c, err := item.ParseChange(m.Subject)
		w.must(err)
		changes = append(changes, string(c.Lane)+"."+c.Dimension+"."+c.Entity.ID)
	}
	slices.Sort(changes)
	return changes
}

// stores puts records of these versions: ID=VERSION.
func (w *world) stores(records ...string) {
	w.Helper()
	for _, r := range records {
		id, version, _ := strings.Cut(r, "=")
		v, err := item.NewVersion(version)
		w.must(err)
		_, err = w.store.PutRecords(w.Context(), []kv.Put{{
			RecordKey: kv.RecordKey{Entity: item.Entity{Kind: "sku", ID: id}, Dimension: "product"},
			Value:     kv.Value{Header: kv.Header{Existence: kv.Alive, Shape: 1, Version: v}, Body: []byte("{}")},
		}})
		w.must(err)
	}
}
