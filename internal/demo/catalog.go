package demo

import (
	_ "embed"
	"strings"
)

//go:embed catalog.yaml
var catalogYAML string

// Catalog is the catalog file that declares the demo, in one language. Its upstreams are "serve:" and each
// of Upstreams.
func Catalog(l Lang) []byte {
	site := l.pick("site: { name: Vitrine, lang: en, currency: EUR }", "site: { name: 橱窗, lang: zh, currency: CNY }")
	return []byte(strings.Replace(catalogYAML, "site: { name: Vitrine, lang: en, currency: EUR }", site, 1))
}

// Slots are templates for two places that the theme leaves empty, by file name: links to the back office at
// address, and the button to buy.
func Slots(address string) map[string]string {
	return map[string]string{
		"bar.html": `<p class="demo"><a href="` + address + `/{{with text (get . "Page" "ID")}}edit/{{segment .}}{{end}}">{{say . "Edit this shop"}}</a></p>
`,
		"buy.html": `<a class="buy" href="` + address + `/buy/{{segment (get . "Page" "ID")}}">{{say . "Buy"}}</a>
`,
		"words.json": `{"zh": {"Edit this shop": "编辑此演示商店", "Buy": "立即购买"}}
`,
	}
}
