package chaos_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"vitrine/internal/canary"
	"vitrine/internal/catalog"
)

// origin is the address of the shop's pages, as its sitemaps have it.
const origin = "https://chaos.example"

// revision is the nth catalog of a shop. Revisions differ in the shape of products, and every other one has the
// dimension stock.
func revision(n int, products, prices string) string {
	text := fmt.Sprintf(`
version: 1
site: { name: Chaos, lang: en, currency: EUR, origin: "ORIGIN" }
upstreams:
  products: { url: "%s", timeout: 700ms, concurrency: 16, HEADER }
  prices: { url: "%s", timeout: 700ms, concurrency: 16, HEADER }
entities:
  sku:
    list: { from: products, get: "/products?cursor={cursor}", ids: .ids, next: .next }
    dimensions:
      product:
        from: products
        get: /products/{id}
        batch: /products?ids={ids}
        batch_max: 20
        id_field: sku
        pick: '{title: .name, brand_id, shaped: %d}'
        version: v
        refs: { brand: { kind: brand, field: brand_id, public: true } }
        require: [title]
      price: { from: prices, get: "/prices/{id}", require: [amount] }
      STOCK
    blobs:
      item: { of: [product] }
      offer: { of: [price, stock] }
  brand:
    dimensions:
      brand: { from: products, get: "/brands/{id}", version: v, require: [title] }
    blobs:
      card: { of: [brand], fold: .brand }
pages:
  item:
    path: /item/{sku}.html
    blob: item
    overlay: [offer]
    with: { brand: card }
    template: item.html
`, products, prices, n)
	text = strings.ReplaceAll(text, "HEADER", canary.Header)
	text = strings.ReplaceAll(text, "ORIGIN", origin)
	if n%2 == 0 {
		text = strings.ReplaceAll(text, "STOCK\n", "\n")
		return strings.ReplaceAll(text, "[price, stock]", "[price]")
	}
	return strings.ReplaceAll(text, "STOCK", `stock: { from: prices, get: "/stocks/{id}", require: [quantity] }`)
}

// readCatalog compiles a catalog file.
func readCatalog(t *testing.T, file string) *catalog.Catalog {
	t.Helper()
	src, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	cat, err := catalog.Parse(src, file, catalog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return cat
}
