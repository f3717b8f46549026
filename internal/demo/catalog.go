package demo

import (
	_ "embed"
	"fmt"
	"strings"
)

//go:embed catalog.yaml
var catalogYAML string

// Catalog returns the YAML file of the demo's catalog, in one language. The URLs of its upstreams are "serve:NAME", for each NAME of
// Upstreams. The form to buy leads to the back office, whose base URL is address.
func Catalog(l Lang, address string) []byte {
	const english = "site: { name: Vitrine, lang: en, currency: EUR }"
	site := l.pick("name: Vitrine, lang: en, currency: EUR", "name: 橱窗, lang: zh, currency: CNY")
	site = fmt.Sprintf("site: { %s, buy: { url: %q, method: get } }", site, address+"/buy")
	return []byte(strings.Replace(catalogYAML, english, site, 1))
}

// Slots returns template files, by file name, that fill a place which the theme leaves empty. They link to the back office, whose base URL
// is address.
func Slots(address string) map[string]string {
	return map[string]string{
		"bar.html": `<p class="demo"><a href="` + address + `/{{with text (get . "Page" "ID")}}edit/{{segment .}}{{end}}">{{say . "Edit this shop"}}</a></p>
`,
		"words.json": `{"zh": {"Edit this shop": "编辑此演示商店"}}
`,
	}
}
