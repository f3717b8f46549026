package catalog_test

import (
	"strings"
	"testing"

	"vitrine/internal/catalog"
)

// TestPollFaults proves that each mistake in poll is named.
func TestPollFaults(t *testing.T) {
	const since = `{ from: shop, kind: sku, get: "/c?s={since}", items: .ids`
	for given, want := range map[string]string{
		since + `, mark: .m, start: 0, since: ". + 1", overlap: 10s, every: 5s }`:                                                 "",
		`{ from: shop, kind: sku, get: "/f?c={cursor}", items: .ids, next: .n }`:                                                  "",
		`{ from: shop, kind: sku, dimension: price, whole: true, get: "/all", items: .ids }`:                                      "",
		`{ from: shop, kind: sku, post: { path: /q, json: { a: "{since}", b: "{cursor}" } }, items: .ids, next: .n, lane: high }`: "",
		`{ from: shop, kind: sku, get: "/all", items: .ids }`:                                                                     "asks for the same each time",
		`{ from: shop, kind: sku, get: "/f?c={cursor}", items: .ids }`:                                                            "lacks next",
		`{ from: shop, kind: sku, whole: true, get: "/all", items: .ids }`:                                                        "lacks dimension",
		`{ from: shop, kind: sku, dimension: price, whole: true, get: "/c?s={since}", items: .ids }`:                              "not the whole list",
		`{ from: shop, kind: sku, dimension: prize, get: "/c?s={since}", items: .ids }`:                                           "no dimension of sku",
		`{ from: shop, kind: cart, get: "/c?s={since}", items: .ids }`:                                                            "names no kind",
		`{ from: shup, kind: sku, get: "/c?s={since}", items: .ids }`:                                                             "did you mean shop",
		`{ from: shop, kind: sku, get: "/c?s={since}&i={id}", items: .ids }`:                                                      "unknown placeholder",
		`{ from: shop, kind: sku, post: { path: /q, json: { a: "{ids}", b: "{since}" } }, items: .ids }`:                          "can't hold",
		`{ from: shop, kind: sku, items: .ids }`:                                                                                  "needs either get or post",
		`{ kind: sku, get: "/c?s={since}", items: .ids }`:                                                                         "lacks \"from\"",
		`{ from: shop, kind: sku, get: "/c?s={since}" }`:                                                                          "lacks \"items\"",
		since + `, pool: quick }`: "",
		since + `, pool: quik }`:  "did you mean quick",
		`{ from: db, kind: sku, get: "SELECT sku FROM p WHERE at > $since", items: .ids, mark: .m }`:     "",
		`{ from: db, kind: sku, get: "SELECT id, sku FROM o WHERE id > $cursor", items: .ids }`:          "",
		`{ from: db, kind: sku, get: "SELECT sku FROM p", items: .ids }`:                                 "asks for the same each time",
		`{ from: db, kind: sku, get: "SELECT sku FROM p WHERE at > $since AND id > $cursor", items: . }`: "either $since or $cursor",
		`{ from: db, kind: sku, get: "SELECT id FROM o WHERE id > $cursor", items: .ids, mark: .m }`:     "is for a request with {since}",
		since + `, next: .n }`:    "nothing takes",
		since + `, start: null }`: "start can't be null",
		since + `, every: 1ms }`:  "every",
		since + `, lane: slow }`:  "slow",
		`{ from: shop, kind: sku, get: "/f?c={cursor}", items: .ids, next: .n, mark: .m }`:                         "is for a request with {since}",
		`{ from: shop, kind: sku, post: { path: /q, json: { a: "{id}", b: "{cursor}" } }, items: .ids, next: .n }`: "can't hold",
	} {
		src := strings.NewReplacer("notify:", "poll:", `9" } }`, `9", pools: { quick: {} } }, db: { url: "postgres://reader@127.0.0.1:9/shop" } }`).Replace(noNotify)
		c, err := catalog.Parse([]byte(src+given+"\n"), "shop.yaml", catalog.Options{})
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v", given, err)
		}
		if pool := strings.Contains(given, "pool:"); want == "" && err == nil && pool != (c.Polls["s"].List.Pool != nil) {
			t.Errorf("%s: the pool is %v", given, c.Polls["s"].List.Pool)
		}
	}
}
