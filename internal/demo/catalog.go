package demo

import (
	_ "embed"
	"fmt"
	"strings"
)

//go:embed catalog.yaml
var catalogYAML string

// Catalog is the catalog file that declares the demo, in one language. Its upstreams are "serve:" and each
// of Upstreams; its pages' form to buy leads to the back office at address.
func Catalog(l Lang, address string) []byte {
	const english = "site: { name: Vitrine, lang: en, currency: EUR }"
	site := l.pick("name: Vitrine, lang: en, currency: EUR", "name: 橱窗, lang: zh, currency: CNY")
	site = fmt.Sprintf("site: { %s, buy: { url: %q, method: get } }", site, address+"/buy")
	return []byte(strings.Replace(catalogYAML, english, site, 1))
}

// Slots are templates for a place that the theme leaves empty, by file name: links to the back office at address.
func Slots(address string) map[string]string {
	return map[string]string{
		"bar.html": `<p class="demo"><a href="` + address + `/{{with text (get . "Page" "ID")}}edit/{{segment .}}{{end}}">{{say . "Edit this shop"}}</a></p>
`,
		"words.json": `{"zh": {"Edit this shop": "编辑此演示商店"}}
`,
	}
}
