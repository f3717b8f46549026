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
		since + `, next: .n }`:    "nothing takes",
		since + `, start: null }`: "start can't be null",
		since + `, every: 1ms }`:  "every",
		since + `, lane: slow }`:  "slow",
		`{ from: shop, kind: sku, get: "/f?c={cursor}", items: .ids, next: .n, mark: .m }`:                         "is for a request with {since}",
		`{ from: shop, kind: sku, post: { path: /q, json: { a: "{id}", b: "{cursor}" } }, items: .ids, next: .n }`: "can't hold",
	} {
		_, err := catalog.Parse([]byte(strings.Replace(noNotify, "notify:", "poll:", 1)+given+"\n"), "shop.yaml", catalog.Options{})
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v", given, err)
		}
	}
}
