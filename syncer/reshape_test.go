package syncer_test

import (
	"errors"
	"strings"
	"testing"

	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/kv"
)

func TestANewShapeIsFoldedAgainInEveryLane(t *testing.T) {
	b := newBench(t)
	b.put("price", kv.Alive, `{"amount":1}`, nil)
	b.mustFold(item.Normal)
	gen := b.blob("offer").Stamp
	b.cat = parse(t, `"{cost: .price.amount}"`)
	b.mustFold(item.Normal)
	if got := b.blob("offer"); string(got.Body) != `{"cost":1}` || got.Stamp <= gen {
		t.Errorf("offer is %s at gen %d, was at %d", got.Body, got.Stamp, gen)
	}
	if s := b.state(); s.Built["offer"] != s.Gens["price"] || s.BuiltAs["offer"] != b.blob("offer").Shape {
		t.Errorf("the entity stays dirty: %+v", s)
	}
}

// TestBlobsThatRiseWithAReshapedOneAreFoldedToo covers two blobs of one root. Raising the gens for one puts the other
// behind too, and nobody else would announce it.
func TestBlobsThatRiseWithAReshapedOneAreFoldedToo(t *testing.T) {
	b := newBench(t)
	twin := func(fold string) *catalog.Catalog {
		src := strings.Replace(strings.Replace(shop, "%s", fold, 1), "offer: {", "twin: { of: [price] }, offer: {", 1)
		cat, err := catalog.Parse([]byte(src), "shop.yaml", catalog.Options{})
		if err != nil {
			t.Fatal(err)
		}
		return cat
	}
	b.cat = twin(".")
	b.put("price", kv.Alive, `{"amount":1}`, nil)
	b.mustFold(item.Normal)
	b.cat = twin(`"{cost: .price.amount}"`)
	b.mustFold(item.Normal)
	s := b.state()
	for _, name := range []string{"offer", "twin"} {
		if s.Built[name] != s.Gens["price"] || b.blob(name).Stamp != s.Gens["price"] {
			t.Errorf("%s is at gen %d, built %d, the root at %d", name, b.blob(name).Stamp, s.Built[name], s.Gens["price"])
		}
	}
}

func TestABlobOfRecordsOfAnotherShapeIsOfNone(t *testing.T) {
	b := newBench(t)
	b.put("price", kv.Alive, `{"amount":1}`, nil)
	b.mustFold(item.Normal)
	now := strings.Replace(strings.Replace(shop, "%s", ".", 1), `get: "/q/{id}"`, `get: "/q/{id}", html: [amount]`, 1)
	cat, err := catalog.Parse([]byte(now), "shop.yaml", catalog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	b.cat = cat
	b.mustFold(item.Normal)
	if s := b.state(); s.Built["offer"] != s.Gens["price"] {
		t.Errorf("a blob waits for its record to be fetched anew, and is not folded until then: %+v", s)
	}
	if err := b.store.Raise(t.Context(), sku, []string{"price"}); err != nil {
		t.Fatal(err)
	}
	b.mustFold(item.Normal) // dirty now, whatever the shape of its record
	if got := b.blob("offer").Shape; got != 0 {
		t.Errorf("the blob has shape %x, though its record was made for another catalog", got)
	}
}

func TestAnOlderCatalogReshapesNothing(t *testing.T) {
	b := newBench(t)
	b.put("price", kv.Alive, `{"amount":1}`, nil)
	b.mustFold(item.Normal)
	was := b.blob("offer")
	b.cat = parse(t, `"{cost: .price.amount}"`)
	b.folder.Head = func() error { return item.ErrCatalog }
	for _, lane := range item.Lanes() {
		if err := b.fold(lane); !errors.Is(err, item.ErrCatalog) {
			t.Errorf("lane %s: error is %v", lane, err)
		}
	}
	if got := b.blob("offer"); got.Stamp != was.Stamp || got.Shape != was.Shape {
		t.Errorf("offer is %s now", got.Body)
	}
	if err := b.folder.Check(item.Change{Entity: item.Entity{Kind: "news", ID: "1"}}); !errors.Is(err, item.ErrCatalog) {
		t.Errorf("a kind that an older catalog does not know: %v", err)
	}
	b.folder.Head = func() error { return nil }
	if err := b.folder.Check(item.Change{Entity: item.Entity{Kind: "news", ID: "1"}}); !errors.Is(err, item.ErrUnknown) {
		t.Errorf("a kind that the catalog in force does not know: %v", err)
	}
}

// TestABlobOfTheSameGenAndAnotherShapeIsReplaced has a syncer with an older catalog write first under a gen. The
// syncer with the newer catalog must replace that blob.
func TestABlobOfTheSameGenAndAnotherShapeIsReplaced(t *testing.T) {
	b := newBench(t)
	b.put("price", kv.Alive, `{"amount":1}`, nil)
	older, now := parse(t, "."), parse(t, `"{cost: .price.amount}"`)
	b.cat = now
	b.records.between = func() {
		b.cat = older
		b.mustFold(item.Normal)
		b.cat = now
	}
	if err := b.fold(item.Normal); !errors.Is(err, item.ErrChanged) {
		t.Errorf("error is %v", err)
	}
	b.mustFold(item.Normal)
	if got, s := b.blob("offer"), b.state(); string(got.Body) != `{"cost":1}` || s.Built["offer"] != s.Gens["price"] || s.BuiltAs["offer"] != got.Shape {
		t.Errorf("offer is %s; %+v", got.Body, s)
	}
}
