package heterog_test

import (
	"errors"
	"strings"
	"testing"

	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/kv"
)

// newer is the shop's catalog with another shape of prices.
func newer(t *testing.T) *catalog.Catalog {
	t.Helper()
	src := strings.Replace(shop, `get: "/q/{id}"`, `get: "/q/{id}", pick: "{cost: .amount}"`, 1)
	cat, err := catalog.Parse([]byte(src), "shop.yaml", catalog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return cat
}

func behind() error { return item.ErrCatalog }

func TestAnOlderCatalogWritesOverNothingNewer(t *testing.T) {
	b := newBench(t)
	older, now := b.worker.Catalog, newer(t)
	b.upstream.say("1", `{"amount":1}`)
	b.worker.Catalog = func() *catalog.Catalog { return now }
	b.must(change(item.Normal, "price", "1"))
	b.worker.Catalog = older
	b.worker.Head = behind
	if err := b.handle(change(item.Normal, "price", "1"))[0]; !errors.Is(err, item.ErrCatalog) {
		t.Errorf("error is %v", err)
	}
	if got := string(b.record("price", "1").Body); got != `{"cost":1}` {
		t.Errorf("record is %s", got)
	}
	b.worker.Head = func() error { return nil } // the catalog was rolled back to the one that the worker has
	b.must(change(item.Normal, "price", "1"))
	if got := b.record("price", "1"); string(got.Body) != `{"amount":1}` || b.state("1").Shapes["price"] != got.Shape {
		t.Errorf("record is %s", got.Body)
	}
}

func TestACatalogThatComesWhileItIsFetched(t *testing.T) {
	b := newBench(t)
	older, now := b.worker.Catalog(), newer(t)
	in := older
	b.worker.Catalog = func() *catalog.Catalog { return in }
	b.upstream.say("1", `{"amount":1}`)
	b.upstream.fetching = func() { in = now }
	if err := b.handle(change(item.Normal, "price", "1"))[0]; !errors.Is(err, item.ErrCatalog) {
		t.Errorf("error is %v", err)
	}
	if got := b.record("price", "1"); got.Existence != kv.Absent {
		t.Errorf("record is %s, of the older shape", got.Body)
	}
	b.must(change(item.Normal, "price", "1"))
	if got := string(b.record("price", "1").Body); got != `{"cost":1}` {
		t.Errorf("record is %s", got)
	}
}

// TestUnknownToTheCatalogBeforeIsNotFinal has a newer catalog arrive between the look-up of a change and the question
// whether the catalog looked up in is the one in force. The change must be tried again.
func TestUnknownToTheCatalogBeforeIsNotFinal(t *testing.T) {
	b := newBench(t)
	in, now := b.worker.Catalog(), newer(t)
	b.worker.Catalog = func() *catalog.Catalog { return in }
	b.worker.Head = func() error { in = now; return nil }
	if err := b.worker.Check(item.Change{Entity: item.Entity{Kind: "sku", ID: "1"}, Dimension: "news"}); !errors.Is(err, item.ErrCatalog) {
		t.Errorf("error is %v", err)
	}
}

func TestUnknownIsFinalOnlyByTheCatalogInForce(t *testing.T) {
	b := newBench(t)
	unknown := []item.Change{
		{Lane: item.Normal, Entity: item.Entity{Kind: "sku", ID: "1"}, Dimension: "news"},
		{Lane: item.Normal, Entity: item.Entity{Kind: "news", ID: "1"}, Dimension: item.All},
	}
	for _, head := range []struct {
		says error
		want error
	}{{item.ErrCatalog, item.ErrCatalog}, {item.ErrOwn, item.ErrOwn}, {nil, item.ErrUnknown}} {
		b.worker.Head = func() error { return head.says }
		for _, c := range unknown {
			task := change(c.Lane, c.Dimension, c.Entity.ID)
			task.Change = c
			if err := b.worker.Check(c); !errors.Is(err, head.want) {
				t.Errorf("head says %v: %s: check gives %v", head.says, c.Subject(), err)
			}
			if err := b.handle(task)[0]; !errors.Is(err, head.want) {
				t.Errorf("head says %v: %s: handle gives %v", head.says, c.Subject(), err)
			}
		}
	}
}

// TestAChangeOfARemovedDimensionIsNoDeadLetter has a worker with the previous catalog split a change of all into dimensions,
// one of which a push has removed. No dead letter may result.
func TestAChangeOfARemovedDimensionIsNoDeadLetter(t *testing.T) {
	b := newBench(t)
	b.worker.Removed = func(kind, dimension string) bool { return kind == "sku" && dimension == "old" }
	for dimension, want := range map[string]error{"old": item.ErrRemoved, "news": item.ErrUnknown} {
		task := change(item.Normal, dimension, "1")
		if err := b.worker.Check(task.Change); !errors.Is(err, want) {
			t.Errorf("%s: check gives %v", dimension, err)
		}
		if err := b.handle(task)[0]; !errors.Is(err, want) {
			t.Errorf("%s: handle gives %v", dimension, err)
		}
	}
	b.worker.Head = behind
	if err := b.worker.Check(change(item.Normal, "old", "1").Change); errors.Is(err, item.ErrRemoved) {
		t.Error("an older catalog drops it")
	}
}
