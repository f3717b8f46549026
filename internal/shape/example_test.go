package shape_test

import (
	"fmt"

	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/internal/shape"
)

const lampShop = `
version: 1
upstreams: { shop: { url: "http://127.0.0.1:8090" } }
entities:
  sku:
    dimensions:
      product: { from: shop, get: "/products/{id}", pick: "{title: .name}" }
      stock: { from: shop, get: "/stock/{id}" }
    blobs:
      item: { of: [product, stock], fold: "{product, available: (.stock.pieces > 0)}" }
pages:
  item: { path: "/item/{sku}.html", blob: item, template: item.html }
`

// Each answer of an upstream becomes a record, and the records of an entity become one blob.
func ExampleFold() {
	shop, err := catalog.Parse([]byte(lampShop), "shop.yaml", catalog.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	answers := map[string]string{
		"product": `{"name": "Lamp", "warehouse": "B 7"}`,
		"stock":   `{"pieces": 3}`,
	}
	records := map[string]kv.Record{}
	for dimension, answer := range answers {
		d, err := shop.Dimension("sku", dimension)
		if err != nil {
			fmt.Println(err)
			return
		}
		made, gone, err := shape.MakeRecord(d, []byte(answer))
		if err != nil || gone {
			fmt.Println(gone, err)
			return
		}
		records[dimension] = kv.Record{Value: kv.Value{Header: kv.Header{Existence: kv.Alive}, Body: made.Body}}
	}
	blob, err := shop.Blob("sku", "item")
	if err != nil {
		fmt.Println(err)
		return
	}
	folded, err := shape.Fold(blob, item.Entity{Kind: "sku", ID: "100012"}, records)
	fmt.Printf("%s %v\n", folded.Body, err)
	// Output:
	// {"available":true,"product":{"title":"Lamp"}} <nil>
}
