package syncer_test

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"testing"

	"vitrine/internal/bus"
	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/internal/kv/boltkv"
	"vitrine/internal/slug"
	"vitrine/syncer"
)

const slugShop = `
version: 1
upstreams: { shop: { url: "http://127.0.0.1:9" } }
entities:
  sku:
    dimensions: { product: { from: shop, get: "/p/{id}" } }
    blobs: { item: { of: [product] } }
pages: { item: { path: "/p/{slug}.html", kind: sku, slug: product.title, blob: item, template: item.html } }
`

func slugBench(t *testing.T) *bench {
	b := newBench(t)
	b.cat = parseText(t, slugShop)
	return b
}

func parseText(t *testing.T, src string) *catalog.Catalog {
	t.Helper()
	cat, err := catalog.Parse([]byte(src), "shop.yaml", catalog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return cat
}

// title stores the record of an article, and folds it.
func (b *bench) title(id, title string) {
	b.Helper()
	b.record(id, `{"title":"`+title+`"}`)
	if err := b.foldOf(item.Normal, item.Entity{Kind: "sku", ID: id}); err != nil {
		b.Fatal(err)
	}
}

func (b *bench) record(id, body string) {
	b.Helper()
	key := kv.RecordKey{Entity: item.Entity{Kind: "sku", ID: id}, Dimension: "product"}
	held, err := b.store.Records(b.Context(), []kv.RecordKey{key})
	if err != nil {
		b.Fatal(err)
	}
	d, err := b.cat.Dimension("sku", "product")
	if err != nil {
		b.Fatal(err)
	}
	put := kv.Put{RecordKey: key, Expect: held[0].Stamp, Value: kv.Value{Header: kv.Header{Existence: kv.Alive, Shape: d.Shape}, Body: []byte(body)}}
	if res, err := b.store.PutRecords(b.Context(), []kv.Put{put}); err != nil || res[0].Outcome != kv.Applied {
		b.Fatal(res, err)
	}
}

func (b *bench) foldOf(lane item.Lane, entities ...item.Entity) error {
	var tasks []bus.Task
	for _, e := range entities {
		tasks = append(tasks, bus.Task{Change: item.Change{Lane: lane, Entity: e}, Attempt: 1})
	}
	return errors.Join(b.folder.Handle(b.Context(), tasks)...)
}

func slugEntity(text string) item.Entity {
	return item.Entity{Kind: catalog.SlugKind, ID: slug.Key(text)}
}

// foldSlugs folds what the syncers were told to.
func (b *bench) foldSlugs() {
	b.Helper()
	syncs := b.line.syncs
	b.line.syncs = nil
	for _, s := range syncs {
		if err := b.foldOf(s.Lane, s.Entity); err != nil {
			b.Fatal(err)
		}
	}
}

// claims are those in the blob of a slug.
func (b *bench) claims(text string) []string {
	b.Helper()
	got, err := b.store.Blobs(b.Context(), []kv.BlobKey{{Entity: slugEntity(text), Blob: "item"}})
	if err != nil {
		b.Fatal(err)
	}
	if got[0].Existence != kv.Alive {
		return nil
	}
	return slug.ParseClaims(got[0].Body[len(`{"item":`) : len(got[0].Body)-1])
}

func (b *bench) wantClaims(text string, want ...string) {
	b.Helper()
	if got := b.claims(text); !slices.Equal(got, want) {
		b.Errorf("claims of %s are %v, want %v", text, got, want)
	}
}

func TestFoldsClaimTheirSlugs(t *testing.T) {
	b := slugBench(t)
	b.title("10", "Tea Pot")
	b.title("9", "Tea pot!")
	b.title("8", "Cup")
	b.title("8", "Bowl")
	b.foldSlugs()
	b.wantClaims("tea-pot", "9", "10")
	b.wantClaims("cup", "8")
	b.wantClaims("bowl", "8")
	b.title("10", "Tea Pot") // a new gen, and nothing that is not claimed
	if len(b.line.syncs) != 0 {
		t.Errorf("a claim that was made before is announced again: %v", b.line.syncs)
	}
}

// TestAClaimWithoutItsBlobIsAnnouncedAgain replays the end of a syncer between its claim and the announcement of that.
func TestAClaimWithoutItsBlobIsAnnouncedAgain(t *testing.T) {
	b := slugBench(t)
	b.record("1", `{"title":"Cup"}`)
	b.line.err = item.ErrUnavailable
	if err := b.foldOf(item.Normal, item.Entity{Kind: "sku", ID: "1"}); !errors.Is(err, item.ErrOwn) {
		t.Fatal(err)
	}
	b.line.err, b.line.syncs = nil, nil
	if err := b.foldOf(item.Normal, item.Entity{Kind: "sku", ID: "1"}); err != nil {
		t.Fatal(err)
	}
	b.foldSlugs()
	b.wantClaims("cup", "1")
}

// interrupted has another syncer claim between the reading of claims and the put.
type interrupted struct {
	*boltkv.Store
	between func()
}

func (s *interrupted) PutRecords(ctx context.Context, puts []kv.Put) ([]kv.PutResult, error) {
	if between := s.between; between != nil {
		s.between = nil
		between()
	}
	return s.Store.PutRecords(ctx, puts)
}

func TestTwoClaimAtOnce(t *testing.T) {
	b := slugBench(t)
	b.record("1", `{"title":"Cup"}`)
	b.record("2", `{"title":"Cup"}`)
	other := *b.folder
	b.folder.Records = &interrupted{b.store, func() {
		if err := other.Handle(t.Context(), []bus.Task{{Change: item.Change{Lane: item.Normal, Entity: item.Entity{Kind: "sku", ID: "2"}}}})[0]; err != nil {
			t.Error(err)
		}
	}}
	if err := b.foldOf(item.Normal, item.Entity{Kind: "sku", ID: "1"}); err != nil {
		t.Fatal(err)
	}
	b.foldSlugs()
	b.wantClaims("cup", "1", "2")
}

// TestAnEntityIsNotCleanBeforeItHasClaimed proves that a crash between leaves something to go on from.
func TestAnEntityIsNotCleanBeforeItHasClaimed(t *testing.T) {
	b := slugBench(t)
	b.record("1", `{"title":"Cup"}`)
	b.folder.Records = &interrupted{b.store, func() {
		if built := b.state().Built["item"]; built != 0 {
			t.Errorf("built is %d before the slug is claimed", built)
		}
	}}
	b.mustFold(item.Normal)
	if built := b.state().Built["item"]; built == 0 {
		t.Error("nothing is built")
	}
}

// TestLostClaimsAreMadeAgain proves that a look at a clean entity, as there is after a store has lost something, makes its claim again; and
// that of a record that was lost the claims in its blob remain.
func TestLostClaimsAreMadeAgain(t *testing.T) {
	b := slugBench(t)
	b.title("1", "Cup")
	b.title("2", "Cup")
	b.foldSlugs()
	empty, err := boltkv.Open(t.Context(), filepath.Join(t.TempDir(), "records.db"), boltkv.Options{Log: b.folder.Log})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { empty.Close() })
	b.folder.Records = shards{Store: b.store, slugs: empty}
	if err := b.foldOf(item.Refresh, item.Entity{Kind: "sku", ID: "1"}); err != nil {
		t.Fatal(err)
	}
	b.foldSlugs()
	b.wantClaims("cup", "1", "2")
	held, err := empty.Records(t.Context(), []kv.RecordKey{{Entity: slugEntity("cup"), Dimension: "item"}})
	if err != nil || !slices.Equal(slug.ParseClaims(held[0].Body), []string{"1", "2"}) {
		t.Errorf("the record says %s, %v", held[0].Body, err)
	}
}

// shards has the slugs in another store than all else.
type shards struct {
	*boltkv.Store
	slugs *boltkv.Store
}

func (s shards) of(e item.Entity) *boltkv.Store {
	if e.Kind == catalog.SlugKind {
		return s.slugs
	}
	return s.Store
}

func (s shards) States(ctx context.Context, entities []item.Entity) ([]kv.State, error) {
	return s.of(entities[0]).States(ctx, entities)
}

func (s shards) Records(ctx context.Context, keys []kv.RecordKey) ([]kv.Record, error) {
	return s.of(keys[0].Entity).Records(ctx, keys)
}

func (s shards) PutRecords(ctx context.Context, puts []kv.Put) ([]kv.PutResult, error) {
	return s.of(puts[0].Entity).PutRecords(ctx, puts)
}

func (s shards) MarkBuilt(ctx context.Context, built []kv.Built) error {
	return s.of(built[0].Entity).MarkBuilt(ctx, built)
}

// damagedClaims has a damaged record of claims until it is written.
type damagedClaims struct {
	*boltkv.Store
	mended *bool
}

func (s damagedClaims) Records(ctx context.Context, keys []kv.RecordKey) ([]kv.Record, error) {
	records, err := s.Store.Records(ctx, keys)
	for i, k := range keys {
		if k.Entity.Kind == catalog.SlugKind && !*s.mended {
			records[i] = kv.Record{Value: kv.Value{Header: kv.Header{Stamp: records[i].Stamp}}, Damaged: true}
		}
	}
	return records, err
}

func (s damagedClaims) PutRecords(ctx context.Context, puts []kv.Put) ([]kv.PutResult, error) {
	*s.mended = true
	return s.Store.PutRecords(ctx, puts)
}

func TestDamagedClaimsAreRestored(t *testing.T) {
	b := slugBench(t)
	b.title("1", "Cup")
	b.title("2", "Cup")
	b.foldSlugs()
	if err := b.store.Raise(t.Context(), slugEntity("cup"), []string{"item"}); err != nil {
		t.Fatal(err)
	}
	mended := false
	b.folder.Records = damagedClaims{b.store, &mended}
	b.line.changes = nil
	if err := b.foldOf(item.Normal, slugEntity("cup")); err != nil {
		t.Fatal(err)
	}
	b.foldSlugs()
	b.wantClaims("cup", "1", "2")
	if !mended || len(b.line.changes) != 0 {
		t.Errorf("mended: %t; upstreams are asked: %v", mended, b.line.changes)
	}
}

// TestACatalogWithSlugsHasThemClaimed proves that slugs of what was folded before are claimed once a catalog wants them.
func TestACatalogWithSlugsHasThemClaimed(t *testing.T) {
	b := newBench(t)
	b.cat = parseText(t, `
version: 1
upstreams: { shop: { url: "http://127.0.0.1:9" } }
entities: { sku: { dimensions: { product: { from: shop, get: "/p/{id}" } }, blobs: { item: { of: [product] } } } }
pages: { item: { path: "/p/{sku}.html", blob: item, template: item.html } }
`)
	b.title("1", "Cup")
	b.cat = parseText(t, slugShop)
	b.mustFold(item.Normal)
	b.foldSlugs()
	b.wantClaims("cup", "1")
}

var _ syncer.Records = shards{}
