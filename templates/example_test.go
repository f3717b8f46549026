package templates_test

import (
	"bytes"
	"fmt"
	"testing/fstest"

	"vitrine/templates"
)

// A shop's own files replace those of the built-in theme, file by file. A member that a page lacks is rendered as
// nothing.
func ExampleLoad() {
	theme, err := templates.Theme()
	if err != nil {
		fmt.Println(err)
		return
	}
	shop := fstest.MapFS{"item.html": {Data: []byte(`<h1>{{text .product.title}}</h1>{{text .product.brief}}`)}}
	set, err := templates.Load(shop, theme)
	if err != nil {
		fmt.Println(err)
		return
	}
	var page bytes.Buffer
	err = set.Render(&page, "item.html", map[string]any{"product": map[string]any{"title": "Lamp <5 W>"}})
	fmt.Println(page.String(), err)
	fmt.Println("gone.html is the theme's:", set.Has("gone.html"))
	// Output:
	// <h1>Lamp &lt;5 W&gt;</h1> <nil>
	// gone.html is the theme's: true
}
