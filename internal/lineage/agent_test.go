package lineage_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	"vitrine/internal/bus"
	"vitrine/internal/bustest"
	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/internal/kv/boltkv"
	"vitrine/internal/kv/rediskv"
	"vitrine/internal/lineage"
	"vitrine/internal/redistest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const shop = `
version: 1
upstreams: { shop: { url: "http://127.0.0.1:9" } }
entities:
  sku:
    list: { from: shop, get: "/{cursor}", ids: ".ids", next: ".next" }
    dimensions: { price: { from: shop, get: "/{id}" } }
    blobs: { offer: { of: [price] } }
  brand:
    dimensions: { brand: { from: shop, get: "/{id}" } }
    blobs: { card: { of: [brand] } }
  shop:
    list: { from: shop, get: "/shops", ids: ".ids" }
    dimensions: { shop: { from: shop, get: "/{id}" } }
    blobs: { card: { of: [shop] } }
pages: { item: { path: "/item/{sku}.html", blob: offer, template: item.html } }
`

// upstream serves lists of ids, page by page, by kind.
type upstream struct {
	mu    sync.Mutex // guards all below
	pages map[string][][]string
	fails map[string]bool // kind, or kind and cursor
	asked []string        // kind and cursor of each request
}

func (u *upstream) List(_ context.Context, l *catalog.List, cursor string) ([]string, string, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	kind := "sku"
	if l.Get == "/shops" {
		kind = "shop"
	}
	u.asked = append(u.asked, kind+cursor)
	if u.fails[kind] || u.fails[kind+cursor] {
		return nil, "", fmt.Errorf("%w: 500", item.ErrUnavailable)
	}
	n := 0
	fmt.Sscan(cursor, &n)
	next := ""
	if n+1 < len(u.pages[kind]) {
		next = fmt.Sprint(n + 1)
	}
	if n >= len(u.pages[kind]) {
		return nil, "", nil
	}
	return u.pages[kind][n], next, nil
}

func (u *upstream) fail(what string, fails bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.fails[what] = fails
}

// room is a set of stores, a NATS, and an agent that a test drives look by look.
type room struct {
	t        *testing.T
	js       jetstream.JetStream // to change things without the agent
	conn     *bus.Conn
	records  kv.Records
	blobs    kv.Blobs
	upstream *upstream
	agent    *lineage.Agent
	refused  map[string]int
	mended   int
}

func newRoom(t *testing.T, records kv.Records, blobs kv.Blobs) *room {
	t.Helper()
	server, conn := bustest.Start(t)
	raw, err := nats.Connect(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(raw.Close)
	js, err := jetstream.New(raw)
	if err != nil {
		t.Fatal(err)
	}
	r := &room{t: t, js: js, conn: conn, records: records, blobs: blobs, refused: map[string]int{},
		upstream: &upstream{pages: map[string][][]string{}, fails: map[string]bool{}}}
	r.agent = r.newAgent(nil)
	return r
}

func (r *room) newAgent(machine lineage.Machine) *lineage.Agent {
	cat, err := catalog.Parse([]byte(shop), "shop.yaml", catalog.Options{})
	if err != nil {
		r.t.Fatal(err)
	}
	cfg := lineage.Config{
		Catalog: func() *catalog.Catalog { return cat }, Records: r.records, Blobs: r.blobs, Upstream: r.upstream,
		Bus: r.conn, Bucket: r.conn.Bucket("catalog"), Log: slog.New(slog.DiscardHandler),
		Refused: func(kind string, n int) { r.refused[kind] += n },
		Mended:  func(context.Context) error { r.mended++; return nil },
		Backoff: time.Nanosecond, Skew: time.Nanosecond, Lag: time.Nanosecond, Term: time.Nanosecond, Machine: machine,
	}
	return lineage.New(cfg)
}

func (r *room) look() {
	r.t.Helper()
	if err := r.agent.Check(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
}

// announced handles all waiting changes and folds, and returns their subjects, sorted.
func (r *room) announced() []string {
	r.t.Helper()
	subjects := []string{}
	for _, stream := range []string{bus.Changes, bus.Syncs} {
		subjects = append(subjects, r.take(stream)...)
	}
	slices.Sort(subjects)
	return subjects
}

func (r *room) take(name string) (subjects []string) {
	r.t.Helper()
	stream, err := r.js.Stream(r.t.Context(), name)
	if err != nil {
		r.t.Fatal(err)
	}
	state := stream.CachedInfo().State
	for seq := max(state.FirstSeq, 1); seq <= state.LastSeq; seq++ {
		m, err := stream.GetMsg(r.t.Context(), seq)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			continue
		}
		if err != nil {
			r.t.Fatal(err)
		}
		subject := strings.Replace(m.Subject, "!.", ".", 1) // removes the mark of a forced change
		if subject != m.Subject {
			subject += " forced"
		}
		subjects = append(subjects, subject)
	}
	if err := stream.Purge(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
	return subjects
}

func (r *room) eventually(what string, ok func() bool) {
	r.t.Helper()
	deadline := time.After(time.Minute)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			r.t.Fatalf("never happened: %s", what)
		}
	}
}

func (r *room) expect(want ...string) {
	r.t.Helper()
	slices.Sort(want)
	if want == nil {
		want = []string{}
	}
	if diff := cmp.Diff(want, r.announced()); diff != "" {
		r.t.Error(diff)
	}
}

// change publishes a change, stores its record, and acknowledges it.
func (r *room) change(kind, dimension, id string) {
	r.t.Helper()
	key := kv.RecordKey{Entity: item.Entity{Kind: kind, ID: id}, Dimension: dimension}
	held, err := r.records.Records(r.t.Context(), []kv.RecordKey{key})
	if err != nil {
		r.t.Fatal(err)
	}
	put := kv.Put{RecordKey: key, Expect: held[0].Stamp, Value: kv.Value{Header: kv.Header{Existence: kv.Alive}, Body: []byte(`1`)}}
	if _, err := r.records.PutRecords(r.t.Context(), []kv.Put{put}); err != nil {
		r.t.Fatal(err)
	}
	r.acknowledge(kind, dimension, id)
}

// acknowledge publishes a change, and acknowledges it.
func (r *room) acknowledge(kind, dimension, id string) {
	r.t.Helper()
	c := item.Change{Lane: item.Normal, Entity: item.Entity{Kind: kind, ID: id}, Dimension: dimension}
	if err := r.conn.PublishChanges(r.t.Context(), []item.Change{c}, bus.PublishOptions{}); err != nil {
		r.t.Fatal(err)
	}
	r.expect(c.Subject())
	r.inHistory()
}

// inHistory waits until HISTORY holds everything that CHANGES held.
func (r *room) inHistory() {
	r.t.Helper()
	r.eventually("HISTORY has all changes", func() bool {
		at, err := r.conn.ChangesAt(r.t.Context())
		m, err2 := r.conn.MarkNow(r.t.Context(), bus.Mark{})
		return errors.Join(err, err2) == nil && m.History.Seq == at.Seq
	})
}

func openBolt(t *testing.T, path string) *boltkv.Store {
	t.Helper()
	s, err := boltkv.Open(t.Context(), path, boltkv.Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func bolt(t *testing.T) *room {
	s := openBolt(t, filepath.Join(t.TempDir(), "store.db"))
	return newRoom(t, s, s)
}

func redis(t *testing.T, url string) *rediskv.Store {
	t.Helper()
	s, err := rediskv.Open(t.Context(), rediskv.Config{URL: url, Log: slog.New(slog.DiscardHandler), Timeout: 20 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func all(kind string, ids ...string) (subjects []string) {
	for _, id := range ids {
		subjects = append(subjects, "change.refresh."+kind+".all."+id)
	}
	return subjects
}

func TestANewRoomIsLeftAlone(t *testing.T) {
	t.Parallel()
	r := bolt(t)
	r.upstream.pages["sku"] = [][]string{{"1"}}
	r.look()
	r.look()
	r.expect()
}

// TestAnEmptyPageIsNoEmptyStore proves that an empty page of a scan, which Redis may return at any time, does not
// count as an empty store.
func TestAnEmptyPageIsNoEmptyStore(t *testing.T) {
	t.Parallel()
	srv := redistest.Single(t)
	s := redis(t, srv.URL)
	r := newRoom(t, emptyPages{s}, s)
	if _, err := s.PutRecords(t.Context(), []kv.Put{{RecordKey: kv.RecordKey{Entity: item.Entity{Kind: "brand", ID: "7"}, Dimension: "brand"},
		Value: kv.Value{Header: kv.Header{Existence: kv.Alive}, Body: []byte(`1`)}}}); err != nil {
		t.Fatal(err)
	}
	r.look()
	r.expect(all("brand", "7")...)
}

// store is kv.Records under a name that, when embedded, hides none of its methods.
type store = kv.Records

// emptyPages returns an empty first page, as Redis may at any time.
type emptyPages struct{ store }

func (e emptyPages) ScanEntities(ctx context.Context, cursor string, limit int) ([]item.Entity, string, error) {
	if cursor == "" {
		return nil, "0@@@", nil
	}
	return e.store.ScanEntities(ctx, cursor, limit)
}
