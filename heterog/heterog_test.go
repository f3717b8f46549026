package heterog_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"vitrine/heterog"
	"vitrine/internal/bus"
	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/internal/kv/boltkv"
	"vitrine/internal/upstream"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const shop = `
version: 1
upstreams: { shop: { url: "http://127.0.0.1:9" } }
entities:
  sku:
    dimensions:
      product: { from: shop, get: "/p/{id}", version: v, refs: { brand: brand_id } }
      price: { from: shop, get: "/q/{id}" }
    blobs: { item: { of: [product] }, offer: { of: [price] } }
  brand:
    dimensions: { brand: { from: shop, get: "/b/{id}" } }
    blobs: { card: { of: [brand] } }
pages: { item: { path: "/item/{sku}.html", blob: item, template: item.html } }
`

// fakeUpstream is an upstream that gives the answers of a test. It first calls fetching, if that is set.
type fakeUpstream struct {
	mu       sync.Mutex // guards all below
	answers  map[string]upstream.Answer
	asked    []upstream.Ask
	fetching func()
}

func (o *fakeUpstream) say(id, body string) {
	o.answer(id, upstream.Answer{Status: upstream.OK, Body: []byte(body)})
}

func (o *fakeUpstream) answer(id string, a upstream.Answer) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.answers == nil {
		o.answers = map[string]upstream.Answer{}
	}
	if a.At.IsZero() {
		a.At = time.Now()
	}
	o.answers[id] = a
}

func (o *fakeUpstream) Fetch(_ context.Context, _ *catalog.Dimension, asks []upstream.Ask) []upstream.Answer {
	o.mu.Lock()
	out := make([]upstream.Answer, len(asks))
	for i, a := range asks {
		out[i] = o.answers[a.ID]
	}
	o.asked = append(o.asked, asks...)
	fetching := o.fetching
	o.fetching = nil
	o.mu.Unlock()
	if fetching != nil {
		fetching()
	}
	return out
}

// line records what is announced.
type line struct {
	mu      sync.Mutex // guards all below
	changes []string
	syncs   []string
	err     error
	lost    error // for changes only
}

func (l *line) PublishChanges(_ context.Context, changes []item.Change, _ bus.PublishOptions) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range changes {
		l.changes = append(l.changes, c.Subject())
	}
	if l.lost != nil {
		return l.lost
	}
	return l.err
}

func (l *line) PublishSyncs(_ context.Context, syncs []item.Change) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range syncs {
		l.syncs = append(l.syncs, item.SyncSubject(s.Lane, s.Entity))
	}
	return l.err
}

type bench struct {
	*testing.T
	config   heterog.Config // of the worker
	worker   *heterog.Worker
	upstream *fakeUpstream
	line     *line
	store    *boltkv.Store
	life     string    // of the store
	since    time.Time // when life began
}

func newBench(t *testing.T) *bench {
	cat, err := catalog.Parse([]byte(shop), "shop.yaml", catalog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	store, err := boltkv.Open(t.Context(), filepath.Join(t.TempDir(), "store.db"), boltkv.Options{Log: log})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	b := &bench{T: t, upstream: &fakeUpstream{}, line: &line{}, store: store}
	b.config = heterog.Config{
		Catalog: func() *catalog.Catalog { return cat }, Store: store, Upstream: b.upstream, Bus: b.line, Log: log,
		Patience: time.Hour, Life: func() string { return b.life }, Since: func() time.Time { return b.since },
	}
	b.worker = heterog.New(b.config)
	return b
}

func change(lane item.Lane, dimension, id string) bus.Task {
	return bus.Task{Change: item.Change{Lane: lane, Entity: item.Entity{Kind: "sku", ID: id}, Dimension: dimension}, Attempt: 1}
}

func (b *bench) handle(tasks ...bus.Task) []error { return b.worker.Handle(b.Context(), tasks) }

func (b *bench) must(tasks ...bus.Task) {
	b.Helper()
	for i, err := range b.handle(tasks...) {
		if err != nil && !errors.Is(err, bus.ErrSecondLook) {
			b.Fatalf("%s: %v", tasks[i].Change.Subject(), err)
		}
	}
}

func (b *bench) record(dimension, id string) kv.Record {
	b.Helper()
	r, err := b.store.Records(b.Context(), []kv.RecordKey{{Entity: item.Entity{Kind: "sku", ID: id}, Dimension: dimension}})
	if err != nil {
		b.Fatal(err)
	}
	return r[0]
}

func (b *bench) state(id string) kv.State {
	b.Helper()
	s, err := b.store.States(b.Context(), []item.Entity{{Kind: "sku", ID: id}})
	if err != nil {
		b.Fatal(err)
	}
	return s[0]
}

func TestAChangeBecomesARecord(t *testing.T) {
	b := newBench(t)
	b.upstream.say("1", `{"v":7,"title":"A","brand_id":5}`)
	b.must(change(item.Normal, "product", "1"))

	r := b.record("product", "1")
	if r.Existence != kv.Alive || string(r.Body) != `{"v":7,"title":"A","brand_id":5}` || r.Version.String() != "7" {
		t.Errorf("record is %+v: %s", r.Header, r.Body)
	}
	if diff := cmp.Diff([]string{"sync.normal.sku.1"}, b.line.syncs); diff != "" {
		t.Errorf("announced to the syncer:\n%s", diff)
	}
	if diff := cmp.Diff([]string{"change.refresh.brand.all.5"}, b.line.changes); diff != "" {
		t.Errorf("a referred entity without records is announced:\n%s", diff)
	}
}

func TestAllIsSplitIntoDimensions(t *testing.T) {
	b := newBench(t)
	b.must(change(item.High, "all", "1"))
	if diff := cmp.Diff([]string{"change.high.sku.product.1", "change.high.sku.price.1"}, b.line.changes); diff != "" {
		t.Error(diff)
	}
}

// TestAnOvertakenAnswerIsFetchedAgain replays the interleaving for which stamps exist: this worker has fetched the
// old state when another one fetches and puts the new one.
func TestAnOvertakenAnswerIsFetchedAgain(t *testing.T) {
	for _, c := range []struct{ name, before, other, last string }{
		{"the other worker put something new", ``, `{"title":"new"}`, `{"title":"new"}`},
		{"the other worker put what stood there", `{"title":"new"}`, `{"title":"new"}`, `{"title":"new"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t)
			if c.before != "" {
				b.upstream.say("1", c.before)
				b.must(change(item.Normal, "price", "1"))
			}
			b.upstream.say("1", `{"title":"old"}`)
			b.upstream.fetching = func() {
				b.upstream.say("1", c.other)
				b.must(change(item.Normal, "price", "1"))
			}
			b.must(change(item.Normal, "price", "1"))
			if got := string(b.record("price", "1").Body); got != c.last {
				t.Errorf("record is %s, want %s", got, c.last)
			}
		})
	}
}

func TestUnchangedContentMovesTheStampAndNotTheGen(t *testing.T) {
	b := newBench(t)
	b.upstream.say("1", `{"amount":1}`)
	b.must(change(item.Normal, "price", "1"))
	before, gen := b.record("price", "1"), b.state("1").Gens["price"]
	b.must(change(item.Normal, "price", "1"))
	after := b.record("price", "1")
	if after.Stamp <= before.Stamp {
		t.Errorf("stamp went from %d to %d", before.Stamp, after.Stamp)
	}
	if got := b.state("1").Gens["price"]; got != gen {
		t.Errorf("gen went from %d to %d", gen, got)
	}
}

func TestAnnouncementIsSparedOnlyWhereAllIsBuilt(t *testing.T) {
	b := newBench(t)
	b.upstream.say("1", `{"amount":1}`)
	b.must(change(item.Normal, "price", "1"))
	b.line.syncs = nil
	b.must(change(item.Normal, "price", "1"))
	if len(b.line.syncs) != 1 {
		t.Errorf("unchanged, not yet built: announced %v, want once", b.line.syncs)
	}
	e := item.Entity{Kind: "sku", ID: "1"}
	if err := b.store.MarkBuilt(t.Context(), []kv.Built{{Entity: e, Gens: map[string]uint64{"offer": b.state("1").Gens["price"]}}}); err != nil {
		t.Fatal(err)
	}
	for lane, want := range map[item.Lane]int{item.Normal: 0, item.High: 1, item.Refresh: 1} {
		b.line.syncs = nil
		b.must(change(lane, "price", "1"))
		if len(b.line.syncs) != want {
			t.Errorf("unchanged and built, lane %s: announced %v, want %d", lane, b.line.syncs, want)
		}
	}
}

func TestOnlyADeletionDeletes(t *testing.T) {
	for _, c := range []struct {
		name   string
		answer upstream.Answer
		err    error
		life   kv.Existence
	}{
		{"gone", upstream.Answer{Status: upstream.Gone}, nil, kv.Gone},
		{"unavailable", upstream.Answer{Err: item.ErrUnavailable}, item.ErrUnavailable, kv.Alive},
		{"refused", upstream.Answer{Err: item.ErrRefused}, item.ErrRefused, kv.Alive},
		{"no JSON", upstream.Answer{Status: upstream.OK, Body: []byte("<html>")}, item.ErrRefused, kv.Alive},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t)
			b.upstream.say("1", `{"amount":1}`)
			b.must(change(item.Normal, "price", "1"))
			b.upstream.answer("1", c.answer)
			if err := b.handle(change(item.Normal, "price", "1"))[0]; !errors.Is(err, c.err) {
				t.Errorf("error is %v, want %v", err, c.err)
			}
			if got := b.record("price", "1").Existence; got != c.life {
				t.Errorf("life is %d, want %d", got, c.life)
			}
		})
	}
}

func TestAnEntityThatWasNeverAliveIsForgotten(t *testing.T) {
	b := newBench(t)
	b.upstream.answer("1", upstream.Answer{Status: upstream.Gone})
	b.must(change(item.Normal, "price", "1"))
	if got := b.record("price", "1").Existence; got != kv.Unknown {
		t.Errorf("life is %d, want Unknown", got)
	}
}

func TestValidatorsAreOffered(t *testing.T) {
	b := newBench(t)
	b.upstream.answer("1", upstream.Answer{Status: upstream.OK, Body: []byte(`{"amount":1}`), ETag: `"x"`})
	b.must(change(item.Normal, "price", "1"))
	b.upstream.answer("1", upstream.Answer{Status: upstream.NotModified, ETag: `"x"`})
	b.must(change(item.Normal, "price", "1"))
	if got := b.upstream.asked[1].ETag; got != `"x"` {
		t.Errorf("asked with ETag %q", got)
	}
	if r := b.record("price", "1"); string(r.Body) != `{"amount":1}` || r.ETag != `"x"` {
		t.Errorf("after 304 the record is %s with ETag %q", r.Body, r.ETag)
	}
	forced := change(item.Normal, "price", "1")
	forced.Force = true
	b.upstream.say("1", `{"amount":1}`)
	gen := b.state("1").Gens["price"]
	b.must(forced)
	if got := b.upstream.asked[2].ETag; got != "" {
		t.Errorf("forced, asked with ETag %q", got)
	}
	if b.state("1").Gens["price"] <= gen {
		t.Error("forced, and the gen did not rise")
	}
}

func TestOneBadAnswerFailsAlone(t *testing.T) {
	b := newBench(t)
	b.upstream.say("1", `{"amount":1}`)
	b.upstream.say("2", `nonsense`)
	b.upstream.say("3", `{"amount":3}`)
	errs := b.handle(change(item.Normal, "price", "1"), change(item.Normal, "price", "2"), change(item.Normal, "price", "3"))
	if errs[0] != nil || !errors.Is(errs[1], item.ErrRefused) || errs[2] != nil {
		t.Errorf("errors are %v", errs)
	}
	slices.Sort(b.line.syncs)
	if diff := cmp.Diff([]string{"sync.normal.sku.1", "sync.normal.sku.3"}, b.line.syncs); diff != "" {
		t.Error(diff)
	}
}

func TestAFailedAnnouncementFailsTheChange(t *testing.T) {
	b := newBench(t)
	b.upstream.say("1", `{"amount":1}`)
	b.line.err = item.ErrUnavailable
	if err := b.handle(change(item.Normal, "price", "1"))[0]; !errors.Is(err, item.ErrUnavailable) {
		t.Errorf("error is %v: the change would be acknowledged, and nobody fold it", err)
	}
}
