package catalog_test

import (
	"strings"
	"testing"
)

// sound is a catalog with every kind of name that can be mistyped.
const sound = `version: 1
upstreams: { shop: { url: "http://127.0.0.1:9000" } }
entities:
  sku:
    dimensions:
      product: { from: shop, get: "/p/{id}", pick: '{title: .name, text, brand_id}', html: [text], require: [title], refs: { brand: brand_id } }
      price: { from: shop, get: "/prices/{id}" }
    blobs: { item: { of: [product] }, offer: { of: [price] }, flat: { of: [product], fold: '{label: .product.title, brand: "x"}' } }
  brand: { dimensions: { maker: { from: shop, get: "/b/{id}" } }, blobs: { card: { of: [maker] } } }
pages:
  item:
    path: /item/{sku}.html
    blob: item
    overlay: [offer]
    with: { brand: card }
    template: item.html
    rules: [{ when: 'product.title == "x"', status: 410 }]
`

// TestMistakenNames proves that a check names members that do not exist or exist twice, though the catalog works.
func TestMistakenNames(t *testing.T) {
	if c := parse(t, sound); len(c.Mistakes) > 0 {
		t.Fatalf("a sound catalog has mistakes: %v", c.Mistakes)
	}
	for _, c := range []struct{ old, new, says string }{
		{"brand: brand_id", "brand: brand", `shop.yaml:6:133: ref brand names "brand", which pick does not give`},
		{"brand: brand_id", "brand: { field: brand }", `names "brand", which pick does not give`},
		{"brand: brand_id", "brand: brandId", "did you mean brand_id?"},
		{"html: [text]", "html: [overview]", `html names "overview"`},
		{"require: [title]", "require: [name]", `require names "name"`},
		{"overlay: [offer]", "overlay: [offer, item]", `page item has two members "product": that of blob item, and that of blob item`},
		{"blob: item", "blob: flat", `two members "brand": that of blob flat, and with brand`},
		{"'product.title ==", "'status.state ==", `the rule reads status.state, and page item has no member "status"`},
		{"'product.title ==", "'product.titl ==", "did you mean title?"},
	} {
		found := parse(t, strings.Replace(sound, c.old, c.new, 1)).Mistakes
		if len(found) == 0 || !strings.Contains(found.Error(), c.says) {
			t.Errorf("%s: %v, want %q", c.new, found, c.says)
		}
	}
}

func TestMissingTemplatesAreReportedWithTheirPlace(t *testing.T) {
	c := parse(t, strings.Replace(strings.Replace(sound, "template: item.html", "template: itme.html", 1), "status: 410", "template: of.html", 1))
	has := func(name string) bool { return name == "item.html" }
	missing := c.MissingTemplates("shop.yaml", []string{"item.html", "off.html"}, has).Error()
	for _, want := range []string{"shop.yaml:16:5: page item names the template", "did you mean item.html?", "shop.yaml:17:45: a rule of page item", "did you mean off.html?"} {
		if !strings.Contains(missing, want) {
			t.Errorf("%q is not in\n%s", want, missing)
		}
	}
}
