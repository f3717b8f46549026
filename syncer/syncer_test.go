package syncer_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"vitrine/internal/bus"
	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/internal/kv/boltkv"
	"vitrine/syncer"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const shop = `
version: 1
upstreams: { shop: { url: "http://127.0.0.1:9" } }
entities:
  sku:
    dimensions:
      product: { from: shop, get: "/p/{id}", refs: { brand: brand_id } }
      specs: { from: shop, get: "/s/{id}" }
      price: { from: shop, get: "/q/{id}" }
    blobs: { item: { of: [product, specs] }, offer: { of: [price], fold: %s } }
  brand:
    dimensions: { brand: { from: shop, get: "/b/{id}" } }
    blobs: { card: { of: [brand] } }
pages: { item: { path: "/item/{sku}.html", blob: item, template: item.html } }
`

// line records what is announced. It first calls announcing, if that is set.
type line struct {
	mu         sync.Mutex // guards all below
	blobs      []bus.Announcement
	changes    []string
	syncs      []item.Change
	announcing func()
	err        error
}

func (l *line) Announce(_ context.Context, a []bus.Announcement) error {
	if l.announcing != nil {
		l.announcing()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.blobs = append(l.blobs, a...)
	return l.err
}

func (l *line) PublishSyncs(_ context.Context, syncs []item.Change) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.syncs = append(l.syncs, syncs...)
	return l.err
}

func (l *line) PublishChanges(_ context.Context, changes []item.Change, _ bus.PublishOptions) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range changes {
		l.changes = append(l.changes, c.Subject())
	}
	return nil
}

// slowRecords calls a function of the test between the reading of gens and the reading of records.
type slowRecords struct {
	*boltkv.Store
	between func()
}

func (s *slowRecords) Records(ctx context.Context, keys []kv.RecordKey) ([]kv.Record, error) {
	if between := s.between; between != nil {
		s.between = nil
		between()
	}
	return s.Store.Records(ctx, keys)
}

type bench struct {
	*testing.T
	store   *boltkv.Store
	records *slowRecords
	line    *line
	folder  *syncer.Worker
	cat     *catalog.Catalog
}

var sku = item.Entity{Kind: "sku", ID: "1"}

func parse(t *testing.T, fold string) *catalog.Catalog {
	t.Helper()
	src := []byte(strings.Replace(shop, "%s", fold, 1))
	cat, err := catalog.Parse(src, "shop.yaml", catalog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return cat
}

func newBench(t *testing.T) *bench {
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	store, err := boltkv.Open(t.Context(), filepath.Join(t.TempDir(), "store.db"), boltkv.Options{Log: log})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	b := &bench{T: t, store: store, records: &slowRecords{Store: store}, line: &line{}, cat: parse(t, ".")}
	b.folder = syncer.New(syncer.Config{
		Catalog: func() *catalog.Catalog { return b.cat }, Records: b.records, Blobs: store, Bus: b.line, Log: log,
	})
	return b
}

// put stores a record as heterog does.
func (b *bench) put(dimension string, life kv.Existence, body string, refs kv.Refs) {
	b.Helper()
	key := kv.RecordKey{Entity: sku, Dimension: dimension}
	held, err := b.store.Records(b.Context(), []kv.RecordKey{key})
	if err != nil {
		b.Fatal(err)
	}
	d, err := b.cat.Dimension("sku", dimension)
	if err != nil {
		b.Fatal(err)
	}
	v := kv.Value{Header: kv.Header{Existence: life, Shape: d.Shape}, Body: []byte(body)}
	res, err := b.store.PutRecords(b.Context(), []kv.Put{{RecordKey: key, Expect: held[0].Stamp, Value: v, Refs: refs}})
	if err != nil || res[0].Outcome != kv.Applied {
		b.Fatalf("put %s: %v %v", dimension, res, err)
	}
}

func (b *bench) fold(lane item.Lane) error {
	return b.folder.Handle(b.Context(), []bus.Task{{Change: item.Change{Lane: lane, Entity: sku}, Attempt: 1}})[0]
}

func (b *bench) mustFold(lane item.Lane) {
	b.Helper()
	if err := b.fold(lane); err != nil {
		b.Fatal(err)
	}
}

func (b *bench) blob(name string) kv.Blob {
	b.Helper()
	got, err := b.store.Blobs(b.Context(), []kv.BlobKey{{Entity: sku, Blob: name}})
	if err != nil {
		b.Fatal(err)
	}
	return got[0]
}

func (b *bench) state() kv.State {
	b.Helper()
	s, err := b.store.States(b.Context(), []item.Entity{sku})
	if err != nil {
		b.Fatal(err)
	}
	return s[0]
}

func TestRecordsBecomeBlobs(t *testing.T) {
	b := newBench(t)
	brand := kv.Refs{"brand": {IDs: []string{"5"}}}
	b.put("product", kv.Alive, `{"title":"A","brand_id":5}`, brand)
	b.put("price", kv.Alive, `{"amount":5.10}`, nil)
	b.mustFold(item.Normal)

	got, s := b.blob("item"), b.state()
	if string(got.Body) != `{"product":{"title":"A","brand_id":5}}` || !got.Refs.Equal(brand) || got.Stamp != s.Gens["product"] {
		t.Errorf("item is %s, refs %v, gen %d; state %+v", got.Body, got.Refs, got.Stamp, s)
	}
	if want := map[string]uint64{"item": s.Gens["product"], "offer": s.Gens["price"]}; !cmp.Equal(s.Built, want) {
		t.Errorf("built is %v, want %v", s.Built, want)
	}
	if diff := cmp.Diff([]bus.Announcement{{Entity: sku, Gens: s.Built}}, b.line.blobs); diff != "" {
		t.Errorf("announced:\n%s", diff)
	}
	of := kv.Relation{Target: item.Entity{Kind: "brand", ID: "5"}, Kind: "sku", Ref: "brand"}
	if ids, _, err := b.store.Related(t.Context(), of, "", 10); err != nil || !cmp.Equal(ids, []string{"1"}) {
		t.Errorf("SKUs of brand 5 are %v, %v", ids, err)
	}
}

func TestAPriceLeavesTheItemAlone(t *testing.T) {
	b := newBench(t)
	b.put("product", kv.Alive, `{}`, nil)
	b.put("price", kv.Alive, `{"amount":1}`, nil)
	b.mustFold(item.Normal)
	gen := b.blob("item").Stamp
	b.put("price", kv.Alive, `{"amount":2}`, nil)
	b.mustFold(item.Normal)
	if b.blob("item").Stamp != gen || string(b.blob("offer").Body) != `{"price":{"amount":2}}` {
		t.Errorf("item went from gen %d to %d; offer is %s", gen, b.blob("item").Stamp, b.blob("offer").Body)
	}
	if got := b.line.blobs[1].Gens; got["item"] != gen || got["offer"] != b.blob("offer").Stamp {
		t.Errorf("the whole vector is announced; got %v", got)
	}
}

func TestWithoutARootThereIsNoBlob(t *testing.T) {
	b := newBench(t)
	b.put("specs", kv.Alive, `[]`, nil)
	b.mustFold(item.Normal)
	if got := b.blob("item").Existence; got != kv.Unknown && got != kv.Absent {
		t.Errorf("life is %d", got)
	}
	b.put("product", kv.Alive, `{}`, nil)
	b.mustFold(item.Normal)
	if got := b.blob("item"); got.Existence != kv.Alive || string(got.Body) != `{"product":{},"specs":[]}` {
		t.Errorf("item is %s", got.Body)
	}
	b.put("product", kv.Gone, ``, nil)
	b.mustFold(item.Normal)
	if got := b.blob("item").Existence; got != kv.Gone {
		t.Errorf("life after the root's deletion is %d, want Gone", got)
	}
}

// TestARecordPutMeanwhileIsFoldedAgain replays the interleaving for which gens are read first: a record is put after
// the gens were read.
func TestARecordPutMeanwhileIsFoldedAgain(t *testing.T) {
	b := newBench(t)
	b.put("price", kv.Alive, `{"amount":1}`, nil)
	b.records.between = func() { b.put("price", kv.Alive, `{"amount":2}`, nil) }
	b.mustFold(item.Normal)
	s := b.state()
	if s.Built["offer"] >= s.Gens["price"] {
		t.Fatalf("built %d, gen %d: the newer record would never be folded", s.Built["offer"], s.Gens["price"])
	}
	b.mustFold(item.Normal)
	if s := b.state(); s.Built["offer"] != s.Gens["price"] || string(b.blob("offer").Body) != `{"price":{"amount":2}}` {
		t.Errorf("state %+v, offer %s", s, b.blob("offer").Body)
	}
}

func TestNothingIsMarkedBuiltBeforeItIsAnnounced(t *testing.T) {
	b := newBench(t)
	b.put("price", kv.Alive, `{"amount":1}`, nil)
	b.line.announcing = func() {
		if built := b.state().Built["offer"]; built != 0 {
			t.Errorf("built is %d while it is announced", built)
		}
	}
	b.line.err = item.ErrUnavailable
	if err := b.fold(item.Normal); !errors.Is(err, item.ErrUnavailable) {
		t.Errorf("error is %v", err)
	}
	if built := b.state().Built["offer"]; built != 0 {
		t.Errorf("built is %d though nobody was told", built)
	}
}

func TestALostBlobIsPutAgainByARefresh(t *testing.T) {
	b := newBench(t)
	b.put("price", kv.Alive, `{"amount":1}`, nil)
	other, err := boltkv.Open(t.Context(), filepath.Join(t.TempDir(), "blobs.db"), boltkv.Options{Log: b.folder.Log})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { other.Close() })
	b.mustFold(item.Normal)
	b.folder.Blobs = other // as if the store of blobs had been replaced by an empty one
	b.mustFold(item.Refresh)
	got, err := other.Blobs(t.Context(), []kv.BlobKey{{Entity: sku, Blob: "offer"}})
	if err != nil || string(got[0].Body) != `{"price":{"amount":1}}` {
		t.Errorf("offer is %s, %v", got[0].Body, err)
	}
}

func TestANewShapeIsFoldedAgainByARefresh(t *testing.T) {
	b := newBench(t)
	b.put("price", kv.Alive, `{"amount":1}`, nil)
	b.mustFold(item.Normal)
	gen := b.blob("offer").Stamp
	b.cat = parse(t, `"{cost: .price.amount}"`)
	b.mustFold(item.Refresh)
	if got := b.blob("offer"); string(got.Body) != `{"cost":1}` || got.Stamp <= gen {
		t.Errorf("offer is %s at gen %d, was at %d", got.Body, got.Stamp, gen)
	}
	if s := b.state(); s.Built["offer"] != s.Gens["price"] {
		t.Errorf("the entity stays dirty: %+v", s)
	}
}

func TestARefIsDroppedFromTheIndex(t *testing.T) {
	b := newBench(t)
	b.put("product", kv.Alive, `{"brand_id":5}`, kv.Refs{"brand": {IDs: []string{"5"}}})
	b.mustFold(item.Normal)
	b.put("product", kv.Alive, `{"brand_id":6}`, kv.Refs{"brand": {IDs: []string{"6"}}})
	b.mustFold(item.Normal)
	for id, want := range map[string]int{"5": 0, "6": 1} {
		of := kv.Relation{Target: item.Entity{Kind: "brand", ID: id}, Kind: "sku", Ref: "brand"}
		if ids, _, err := b.store.Related(t.Context(), of, "", 10); err != nil || len(ids) != want {
			t.Errorf("SKUs of brand %s are %v, %v; want %d", id, ids, err, want)
		}
	}
}

func TestAnEntityThatCannotBeFoldedKeepsItsBlob(t *testing.T) {
	b := newBench(t)
	b.put("price", kv.Alive, `{"amount":1}`, nil)
	b.mustFold(item.Normal)
	b.cat = parse(t, `"error(\"no\")"`)
	b.put("price", kv.Alive, `{"amount":2}`, nil)
	if err := b.fold(item.Normal); !errors.Is(err, item.ErrRefused) {
		t.Errorf("error is %v, want ErrRefused", err)
	}
	if got := string(b.blob("offer").Body); got != `{"price":{"amount":1}}` {
		t.Errorf("offer is %s", got)
	}
}

// partly fails for one entity, as a Cluster does when one of its nodes is away.
type partly struct {
	*boltkv.Store
	away item.Entity
}

func (p partly) States(ctx context.Context, entities []item.Entity) ([]kv.State, error) {
	states, err := p.Store.States(ctx, entities)
	if err != nil {
		return nil, err
	}
	errs := make([]error, len(entities))
	for i, e := range entities {
		if e == p.away {
			states[i] = kv.State{}
			errs[i] = fmt.Errorf("%w: its node", item.ErrUnavailable)
		}
	}
	return states, kv.Partial(errs)
}

func TestAnEntityWhoseNodeIsAwayHoldsNobodyUp(t *testing.T) {
	b := newBench(t)
	b.put("price", kv.Alive, `{"amount":1}`, nil)
	other := item.Entity{Kind: "sku", ID: "2"}
	b.folder.Records = partly{b.store, other}
	errs := b.folder.Handle(t.Context(), []bus.Task{{Change: item.Change{Lane: item.Normal, Entity: other}}, {Change: item.Change{Lane: item.Normal, Entity: sku}}})
	if !errors.Is(errs[0], item.ErrOwn) || !errors.Is(errs[0], item.ErrUnavailable) {
		t.Errorf("the one whose node is away: %v", errs[0])
	}
	if errs[1] != nil || string(b.blob("offer").Body) != `{"price":{"amount":1}}` {
		t.Errorf("the other one: %v, offer is %s", errs[1], b.blob("offer").Body)
	}
}

// TestRecordsThatCannotBeRead proves that if the store returns no records at all, as an embedded one does after a
// task's deadline, each entity of the batch gets the error.
func TestRecordsThatCannotBeRead(t *testing.T) {
	b := newBench(t)
	b.put("price", kv.Alive, `{"amount":1}`, nil)
	ctx, cancel := context.WithCancel(t.Context())
	b.records.between = cancel
	errs := b.folder.Handle(ctx, []bus.Task{{Change: item.Change{Lane: item.Normal, Entity: sku}}})
	if !errors.Is(errs[0], item.ErrOwn) || !errors.Is(errs[0], context.Canceled) {
		t.Errorf("error is %v", errs[0])
	}
	b.mustFold(item.Normal)
	if got := string(b.blob("offer").Body); got != `{"price":{"amount":1}}` {
		t.Errorf("offer is %s", got)
	}
}

// damagedBooks reports the state of every entity as damaged and unreadable.
type damagedBooks struct{ *boltkv.Store }

func (d damagedBooks) States(_ context.Context, entities []item.Entity) ([]kv.State, error) {
	states := make([]kv.State, len(entities))
	for i := range states {
		states[i].Damaged = true
	}
	return states, nil
}

func TestADamagedStateHasItsUpstreamsAskedAgain(t *testing.T) {
	b := newBench(t)
	b.put("product", kv.Alive, `{"brand_id":5}`, kv.Refs{"brand": {IDs: []string{"5"}}})
	b.mustFold(item.Normal)
	b.folder.Records = damagedBooks{b.store}
	b.line.changes = nil
	b.mustFold(item.Normal)
	if diff := cmp.Diff([]string{"change.high.sku.product.1", "change.high.sku.specs.1", "change.high.sku.price.1"}, b.line.changes); diff != "" {
		t.Errorf("asked again (-want +got):\n%s", diff)
	}
	of := kv.Relation{Target: item.Entity{Kind: "brand", ID: "5"}, Kind: "sku", Ref: "brand"}
	if ids, _, err := b.store.Related(t.Context(), of, "", 10); err != nil || len(ids) != 1 {
		t.Errorf("SKUs of the brand are %v, %v: what is missing was taken for unwanted", ids, err)
	}
}

func TestABlobOfAForgottenEntityIsRemoved(t *testing.T) {
	b := newBench(t)
	b.put("price", kv.Alive, `{"amount":1}`, nil)
	b.put("product", kv.Alive, `{}`, nil)
	b.mustFold(item.Normal)
	empty, err := boltkv.Open(t.Context(), filepath.Join(t.TempDir(), "records.db"), boltkv.Options{Log: b.folder.Log})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { empty.Close() })
	b.folder.Records = empty // as if the records had been lost, and the entity had been deleted since
	b.mustFold(item.Normal)
	for _, name := range []string{"offer", "item"} {
		if got := b.blob(name); got.Existence != kv.Unknown {
			t.Errorf("%s has life %d, body %s", name, got.Existence, got.Body)
		}
	}
}
