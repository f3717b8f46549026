package catalog_test

import (
	"strings"
	"testing"

	"vitrine/internal/catalog"
)

const heritage = `version: 1
upstreams: { shop: { url: "http://127.0.0.1:9000" } }
entities:
  sku:
    dimensions: { product: { from: shop, get: "/p/{id}", pick: '{size, spu}', refs: { spu: { kind: product, field: spu } } }, price: { from: shop, get: "/c/{id}" } }
    blobs: { item: { of: [product], inherit: { spu: shared } }, offer: { of: [price] } }
  product:
    dimensions: { product: { from: shop, get: "/p/{id}", pick: '{title, maker}', refs: { brand: { kind: maker, field: maker } } } }
    blobs: { shared: { of: [product] }, poor: { of: [product], fold: '{price: .product.title, maker: 1}' } }
  maker: { dimensions: { about: { from: shop, get: "/m/{id}" } }, blobs: { card: { of: [about] } } }
pages:
  item:
    path: /p/{slug}-{sku}.html
    slug: product.title
    blob: item
    overlay: [offer]
    with: { brand: card }
    template: item.html
    rules: [{ when: 'product.title == nil', status: 410 }]
  maker: { path: "/m/{maker}.html", blob: card, template: list.html, lists: { kind: sku, ref: brand } }
`

// TestInherit proves that what a page inherits is its own to a check: members, refs to join, and refs to list by.
func TestInherit(t *testing.T) {
	c := parse(t, heritage)
	if len(c.Mistakes) > 0 {
		t.Fatalf("a sound catalog has mistakes: %v", c.Mistakes)
	}
	b := c.Pages[0].Blob
	if len(b.Inherit) != 1 || b.Inherit[0].Ref.Name != "spu" || b.Inherit[0].Blob != c.Kinds["product"].Blobs[0] || !c.Inherits() {
		t.Errorf("inherit is %+v", b.Inherit)
	}
	if l := c.Pages[1].Lists; l.By == nil || l.By.Ref.Name != "spu" || l.Ref.Kind.Name != "maker" {
		t.Errorf("the list is by %+v, %+v", l.By, l.Ref)
	}
	without := parse(t, strings.NewReplacer(", inherit: { spu: shared }", "", "with: { brand: card }", "", ", lists: { kind: sku, ref: brand }", "").Replace(heritage))
	if without.Shapes != c.Shapes {
		t.Error("inherit changes a shape: all would be folded again for nothing")
	}
	for _, m := range []struct{ old, new, says string }{
		{"spu: shared", "family: shared", `no dimension of blob item has a ref "family"`},
		{"spu: shared", "spu: shred", "did you mean shared?"},
		{"of: [product], fold: '{price", "of: [product], inherit: { brand: card }, fold: '{price", ""},
		{"shared: { of: [product] }", "shared: { of: [product], inherit: { brand: card } }", "which inherits itself"},
		{"'{size, spu}', refs: {", "'{size, spu}', refs: { brand: { kind: sku, field: size },", "the ref brand of sku refers to a sku, and that of product to a maker"},
		{"spu: shared", "spu: poor", `page item has two members "price"`},
		{"product.title == nil", "produce.title == nil", "did you mean product?"},
		{"slug: product.title", "slug: produce.title", "did you mean product?"},
		{"ref: brand }", "ref: bran }", "did you mean brand?"},
	} {
		changed := strings.Replace(heritage, m.old, m.new, 1)
		got, err := catalog.Parse([]byte(changed), "shop.yaml", catalog.Options{})
		found := ""
		if err != nil {
			found = err.Error()
		} else if len(got.Mistakes) > 0 {
			found = got.Mistakes.Error()
		}
		if m.says == "" && found != "" || !strings.Contains(found, m.says) {
			t.Errorf("%s: %q, want %q", m.new, found, m.says)
		}
	}
}
