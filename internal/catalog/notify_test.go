package catalog_test

import (
	"strings"
	"testing"

	"vitrine/internal/catalog"
)

const noNotify = `version: 1
upstreams: { shop: { url: "http://127.0.0.1:9" } }
entities: { sku: { dimensions: { price: { from: shop, get: "/{id}" } }, blobs: { offer: { of: [price] } } } }
pages: { item: { path: "/item/{sku}.html", blob: offer, template: item.html } }
notify:
  s: `

// TestNotifyFaults proves that each mistake in notify is named.
func TestNotifyFaults(t *testing.T) {
	for given, want := range map[string]string{
		`{ form: shopify, secret: env:S, map: "[]" }`:                                                           "",
		`{ form: debezium, subject: "shop.public.>", tables: { p: { kind: sku, dimension: price, key: id } } }`: "",
		`{ form: cloudevents, subject: "events.*", secret: env:S, signature: { header: X-Sig } }`:               "",
		`{ form: shopfy, secret: env:S, map: "[]" }`:                                                            "did you mean shopify",
		`{ secret: env:S }`:                                                         "lacks map",
		`{ map: "[]" }`:                                                             "neither secret nor subject",
		`{ secret: geheim, map: "[]" }`:                                             "names no variable",
		`{ secret: env:S, map: "[" }`:                                               "is no jq",
		`{ secret: env:S, map: "input" }`:                                           "not to be had",
		`{ secret: env:S, map: "[]", lane: slow }`:                                  "slow",
		`{ secret: env:S, map: "[]", tables: {} }`:                                  "form debezium",
		`{ form: debezium, secret: env:S }`:                                         "lacks tables",
		`{ form: debezium, secret: env:S, tables: { p: { kind: sku } } }`:           "lacks key",
		`{ form: debezium, secret: env:S, tables: { p: { kind: cart, key: id } } }`: "no kind called",
		`{ form: debezium, secret: env:S, tables: { p: { kind: sku, dimension: prize, key: id } } }`: "no dimension of sku",
		`{ subject: "change.>", map: "[]" }`:                                     "Vitrine's own",
		`{ subject: "*.public", map: "[]" }`:                                     "subject can't be",
		`{ subject: ">", map: "[]" }`:                                            "subject can't be",
		`{ subject: "a..b", map: "[]" }`:                                         "subject can't be",
		`{ subject: "$JS.API.>", map: "[]" }`:                                    "subject can't be",
		`{ subject: "a.b", signature: { header: X }, map: "[]" }`:                "needs a secret",
		`{ form: shopify, secret: env:S, signature: { header: X }, map: "[]" }`:  "of its own",
		`{ secret: env:S, signature: { header: "X Y" }, map: "[]" }`:             "which \"X Y\" can't be",
		`{ secret: env:S, signature: { header: X, encoding: hexx }, map: "[]" }`: "did you mean hex",
	} {
		_, err := catalog.Parse([]byte(noNotify+given+"\n"), "shop.yaml", catalog.Options{})
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("notify %s: error %v, want %q", given, err, want)
		}
	}
}
