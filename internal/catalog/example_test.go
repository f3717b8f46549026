package catalog_test

import (
	"errors"
	"fmt"

	"vitrine/internal/catalog"
)

const lampShop = `
version: 1
upstreams: { shop: { url: "http://127.0.0.1:8090" } }
entities:
  sku:
    dimensions:
      product: { from: shop, get: "/products/{id}" }
      price: { from: shop, get: "/prices/{id}" }
    blobs:
      item: { of: [product] }
      offer: { of: [price] }
pages:
  item: { path: "/item/{sku}.html", blob: item, overlay: [offer], template: item.html }
`

// The smallest shop has two dimensions, a blob of each, and one page made of both.
func ExampleParse() {
	shop, err := catalog.Parse([]byte(lampShop), "shop.yaml", catalog.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, d := range shop.Kinds["sku"].Dimensions {
		fmt.Println("copied:", d.Name, "from", d.From.Name)
	}
	for _, p := range shop.Pages {
		fmt.Println("served:", p.Prefix+"…"+p.Suffix, "of", p.Blob.Name)
	}
	// Output:
	// copied: product from shop
	// copied: price from shop
	// served: /item/….html of item
}

// All mistakes in a file are found at once, and each is shown with its place.
func ExampleParse_mistake() {
	_, err := catalog.Parse([]byte(`version: 1
upstreams: { shop: { url: "http://127.0.0.1:8090" } }
entities: { sku: { dimensions: { product: { form: shop, get: "/products/{id}" } }, blobs: { item: { of: [product] } } } }
pages: { item: { path: "/item/{sku}.html", blob: item, template: item.html } }
`), "shop.yaml", catalog.Options{})
	var mistakes catalog.Errors
	if errors.As(err, &mistakes) {
		for _, m := range mistakes {
			fmt.Printf("%s:%d:%d: %s\n", m.File, m.Line, m.Column, m.Msg)
		}
	}
	// Output:
	// shop.yaml:3:34: dimension product lacks from
	// shop.yaml:3:45: dimension product has no key "form"
}
