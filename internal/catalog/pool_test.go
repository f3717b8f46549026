package catalog_test

import (
	"strings"
	"testing"

	"vitrine/internal/catalog"
)

const pooled = "timeout: 800ms, pools: { quick: { concurrency: 4 }, bulk: {} }, rate: 12.5, burst: 5,"

// TestPools proves that pools, a rate and their uses are read, and are no part of a shape: how often and beside what an
// upstream is asked has nothing fetched again.
func TestPools(t *testing.T) {
	with := strings.NewReplacer("timeout: 800ms,", pooled, "status: { from: products,", "status: { from: products, pool: quick,",
		"list: { from: products, get", "list: { pool: bulk, from: products, get", "delivery: { from: products,", "delivery: { from: products, pool: quick,").Replace(whole)
	c := parse(t, with)
	u := c.Upstreams["products"]
	status, _ := c.Dimension("sku", "status")
	if u.Rate != 12.5 || u.Burst != 5 || u.Places(u.Pools["quick"]) != 4 || u.Places(u.Pools["bulk"]) != 16 || u.Places(nil) != 16 {
		t.Errorf("%+v", u)
	}
	if status.Pool != u.Pools["quick"] || c.Kinds["sku"].List.Pool != u.Pools["bulk"] || c.Live["delivery"].Pool != u.Pools["quick"] || u.Place(status.Pool) != "products-quick" {
		t.Error("a pool is not where it was named")
	}
	if c.Shapes != parse(t, whole).Shapes {
		t.Error("pools or a rate changed the shapes")
	}
}

func TestFaultsOfPools(t *testing.T) {
	for _, c := range []struct{ old, new, says string }{
		{"status: { from: products,", "status: { from: products, pool: quik,", "did you mean quick"},
		{"specs: { from: rows,", "specs: { from: rows, pool: quick,", "that is a pool of products, and a pool belongs to one upstream"},
		{"specs: { from: rows,", "specs: { from: rows, pool: other,", "give the upstream one: pools: { other: { concurrency: 8 } }"},
		{"offer: { blob: offer }", "offer: { blob: offer, pool: quick }", "pool is for what has from"},
		{"concurrency: 4 }", "concurrency: 0 }", "concurrency must be a whole number"},
		{"concurrency: 4 }", "concurency: 4 }", "did you mean concurrency"},
		{"quick: {", "qu-ick: {", "can't be a name"},
		{"rate: 12.5", "rate: 0", "rate must be a number of requests in a second"},
		{"rate: 12.5", "rate: -3", "rate must be a number of requests in a second"},
		{"rate: 12.5", "rate: 1000000000", "rate must be a number of requests in a second"},
		{"rate: 12.5", "rate: 5/s", "rate must be a number of requests in a second"},
		{"burst: 5", "burst: 0", "burst must be a whole number"},
		{"rate: 12.5, ", "", "burst is for an upstream with rate"},
	} {
		base := strings.Replace(whole, "timeout: 800ms,", pooled, 1)
		src := strings.Replace(base, c.old, c.new, 1)
		if src == base {
			t.Fatalf("%q is not in the catalog", c.old)
		}
		_, err := catalog.Parse([]byte(src), "shop.yaml", catalog.Options{Serve: map[string]string{"rows": "http://127.0.0.1:1"}})
		if err == nil || !strings.Contains(err.Error(), c.says) || !strings.HasPrefix(err.Error(), "shop.yaml:") {
			t.Errorf("%s: it says %v, want %q", c.new, err, c.says)
		}
	}
}
