package templates_test

import (
	"encoding/json"
	"io/fs"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vitrine/templates"
)

// parse decodes JSON as for a page: numbers keep their digits.
func parse(t *testing.T, text string) any {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestMoneyByLanguage(t *testing.T) {
	set, err := load(t, map[string]string{"money.html": `{{money .v .code .lang}}`, "reduced.html": `{{reduced .list .amount}}`, "dir.html": `{{dir .lang}}`})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ lang, code, v, want string }{
		{"en", "GBP", "1234567.5", "£1,234,567.50"},
		{"zh-CN", "USD", "1234", "US$1,234.00"},
		{"pt-BR", "BRL", "1234.50", "R$\u00a01.234,50"},
		{"en", "KWD", "18.518", "KWD\u00a018.518"},
		{"en", "EUR", "-5", "-€5.00"},
		{"", "", "1234", "1,234"},
		{"en", "EUR", "1e3", "1e3"},
	} {
		if got := render(t, set, "money.html", map[string]any{"v": c.v, "code": c.code, "lang": c.lang}); got != c.want {
			t.Errorf("%s of %s in %q: %q, want %q", c.v, c.code, c.lang, got, c.want)
		}
	}
	for _, c := range []struct{ list, amount, want string }{{"20", "19.90", "20"}, {"19.9", "19.90", ""}, {"9", "10", ""}, {"-3", "-5", ""}, {"20", "soon", ""}, {"soon", "5", ""}} {
		if got := render(t, set, "reduced.html", map[string]any{"list": c.list, "amount": c.amount}); got != c.want {
			t.Errorf("%s reduced to %s: %q, want %q", c.list, c.amount, got, c.want)
		}
	}
	for lang, want := range map[string]string{"ar": "rtl", "de": "ltr", "": "ltr"} {
		if got := render(t, set, "dir.html", map[string]any{"lang": lang}); got != want {
			t.Errorf("%s: money is written %q, want %q", lang, got, want)
		}
	}
}

func TestSay(t *testing.T) {
	set, err := load(t, map[string]string{
		"words.json": `{"fr":{"Delivery":"Livraison","{} of {}":"{} sur {}"},"zh":{"Delivery":"送货"},"fr-CA":{"Specifications":"Détails"}}`,
		"say.html":   `{{say . "Delivery"}}|{{say . "{} of {}" 1 "<2>"}}|{{say . "Specifications"}}`,
	})
	if err != nil {
		t.Fatal(err)
	}
	for lang, want := range map[string]string{
		"fr":    "Livraison|1 sur &lt;2&gt;|Caractéristiques",
		"fr-CA": "Livraison|1 sur &lt;2&gt;|Détails",
		"zh-CN": "送货|1 of &lt;2&gt;|规格参数",
		"xx":    "Delivery|1 of &lt;2&gt;|Specifications",
	} {
		if got := render(t, set, "say.html", parse(t, `{"Site":{"Lang":"`+lang+`"}}`)); got != want {
			t.Errorf("%s: %q, want %q", lang, got, want)
		}
	}
}

const familyTemplate = `{{with family .}}{{range .Choices}}{{.Name}}:{{range .Values}} {{.Text}}{{if .Current}}*{{end}}{{with .URL}}={{.}}{{end}}{{if .Exact}}!{{end}}{{end}}
{{end}}{{range .Rest}}rest {{get . "URL"}}
{{end}}{{end}}`

func TestFamily(t *testing.T) {
	set, err := load(t, map[string]string{"family.html": familyTemplate})
	if err != nil {
		t.Fatal(err)
	}
	product := func(path string, options ...string) string {
		var all []string
		for _, o := range options {
			name, value, _ := strings.Cut(o, "=")
			all = append(all, `{"name":"`+name+`","value":"`+value+`"}`)
		}
		return `"URL":"` + path + `","product":{"title":"T","options":[` + strings.Join(all, ",") + `]}`
	}
	own := func(path string, options ...string) string {
		return strings.Replace(product(path, options...), `"URL":"`+path+`"`, `"Page":{"Path":"`+path+`"}`, 1)
	}
	page := func(own string, siblings ...string) string {
		return `{` + own + `,"siblings":[{` + strings.Join(siblings, "},{") + `}]}`
	}
	for name, c := range map[string]struct{ page, want string }{
		"one option": {
			page(own("/2", "Colour=Blue"), product("/1", "Colour=Red"), product("/10", "Colour=Black")),
			"Colour: Red=/1! Blue* Black=/10!\n",
		},
		"two options: the most alike is led to, and what differs in both is not exact": {
			page(own("/1", "Colour=Red", "Size=S"), product("/2", "Colour=Red", "Size=M"), product("/3", "Colour=Blue", "Size=M")),
			"Colour: Red* Blue=/3\nSize: S* M=/2!\n",
		},
		"siblings without the option are listed":      {page(own("/1", "Colour=Red"), product("/2")), "rest /2\n"},
		"siblings with the same options are listed":   {page(own("/1", "Colour=Red"), product("/2", "Colour=Red")), "rest /2\n"},
		"a product without options has a list":        {page(own("/1"), product("/2", "Colour=Red")), "rest /2\n"},
		"what has no page is left out":                {page(own("/1", "Colour=Red"), product("", "Colour=Blue")), ""},
		"a family list may name the product itself":   {page(own("/1", "A=x"), product("/1", "A=x"), product("/2", "A=y")), "A: x* y=/2!\n"},
		"an only child has nothing to choose":         {`{` + own("/1", "Colour=Red") + `}`, ""},
		"an option named twice counts once":           {page(own("/1", "A=x", "A=y"), product("/2", "A=z")), "A: y* z=/2!\n"},
		"no type breaks it":                           {`{"product":{"options":[1,null,{"name":{}}]},"siblings":{"a":1}}`, ""},
		"values are written as text, never as markup": {page(own("/1", "A=<b>"), product("/2", "A=c")), "A: &lt;b&gt;* c=/2!\n"},
	} {
		if diff := cmp.Diff(c.want, render(t, set, "family.html", parse(t, c.page))); diff != "" {
			t.Errorf("%s: the family differs: %s", name, diff)
		}
	}
}

func TestJSONLD(t *testing.T) {
	set, err := load(t, map[string]string{"ld.html": `<script type="application/ld+json">{{jsonld .}}</script>`})
	if err != nil {
		t.Fatal(err)
	}
	const site = `"Site":{"Origin":"https://shop.example","Currency":"EUR"},"Page":{"ID":"1","URL":"https://shop.example/item/1.html"}`
	for name, c := range map[string]struct{ page, want string }{
		"everything": {
			`{` + site + `,"product":{"title":"A </script><b>","brief":"b","images":["/a.svg",{"url":"//cdn.example/b.png"},"data:x"]},"price":{"amount":5.10},"stock":{"state":"low"},
				"brand":{"title":"B"},"shop":{"title":"S"},"path":[{"title":"Home","url":"/"},{"title":"Lamps"}]}`,
			`{"@context":"https://schema.org","@graph":[
				{"@type":"Product","@id":"https://shop.example/item/1.html#product","name":"A </script><b>","sku":"1","description":"b","url":"https://shop.example/item/1.html","image":["https://shop.example/a.svg","https://cdn.example/b.png"],
				 "brand":{"@type":"Brand","name":"B"},
				 "offers":{"@type":"Offer","price":"5.10","priceCurrency":"EUR","url":"https://shop.example/item/1.html","availability":"https://schema.org/LimitedAvailability","seller":{"@type":"Organization","name":"S"}}},
				{"@type":"BreadcrumbList","itemListElement":[{"@type":"ListItem","position":1,"name":"Home","item":"https://shop.example/"},{"@type":"ListItem","position":2,"name":"Lamps"}]}]}`,
		},
		"off the shelf": {
			`{` + site + `,"product":{"title":"T","images":["/a.svg"]},"price":{"amount":"5","currency":"USD"},"stock":{"state":"in"},"status":{"state":"off"}}`,
			`{"@context":"https://schema.org","@graph":[{"@type":"Product","@id":"https://shop.example/item/1.html#product","name":"T","sku":"1","url":"https://shop.example/item/1.html",
				"image":["https://shop.example/a.svg"],
				"offers":{"@type":"Offer","price":"5","priceCurrency":"USD","url":"https://shop.example/item/1.html","availability":"https://schema.org/OutOfStock"}}]}`,
		},
		"a price that is none makes no offer, and no product": {
			`{` + site + `,"product":{"title":"T","images":["/a.svg"]},"price":{"amount":"on request"},"path":[{"title":"Home"}]}`,
			`{"@context":"https://schema.org","@graph":[{"@type":"BreadcrumbList","itemListElement":[{"@type":"ListItem","position":1,"name":"Home"}]}]}`,
		},
		"without a picture there is no product; a step of the path without an address leads to its page": {
			`{` + site + `,"product":{"title":"T","images":["data:x"]},"price":{"amount":"5"},"path":[{"title":"Home","URL":"/category/1.html"}]}`,
			`{"@context":"https://schema.org","@graph":[{"@type":"BreadcrumbList","itemListElement":[{"@type":"ListItem","position":1,"name":"Home","item":"https://shop.example/category/1.html"}]}]}`,
		},
	} {
		body, ok := strings.CutPrefix(render(t, set, "ld.html", parse(t, c.page)), `<script type="application/ld+json">`)
		body, closed := strings.CutSuffix(body, "</script>")
		if !ok || !closed || strings.Contains(body, "<") {
			t.Fatalf("%s: no script with safe structured data: %s", name, body)
		}
		if diff := cmp.Diff(parse(t, c.want), parse(t, body)); diff != "" {
			t.Errorf("%s: the structured data differ: %s", name, diff)
		}
	}
	if got := render(t, set, "ld.html", parse(t, `{"product":{}}`)); !strings.Contains(got, "null") {
		t.Error("without a title:", got)
	}
}

// TestThemeIsSmallAndTranslated holds the theme's own files to a size, and to words in every language.
func TestThemeIsSmallAndTranslated(t *testing.T) {
	theme, err := templates.Theme()
	if err != nil {
		t.Fatal(err)
	}
	var size int
	var translated map[string]map[string]string
	said := map[string]bool{}
	call := regexp.MustCompile(`say (?:\.|\$) "((?:[^"\\]|\\.)*)"`)
	err = fs.WalkDir(theme, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		file, err := fs.ReadFile(theme, path)
		switch {
		case err != nil:
			return err
		case strings.HasPrefix(path, "assets/"):
			size += len(file)
		case path == "words.json":
			return json.Unmarshal(file, &translated)
		default:
			for _, match := range call.FindAllSubmatch(file, -1) {
				said[string(match[1])] = true
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if size == 0 || size > 32<<10 {
		t.Errorf("CSS and script are %d bytes together", size)
	}
	if len(said) < 20 {
		t.Errorf("only %d texts found", len(said))
	}
	for english := range said {
		if translated["zh"][english] == "" {
			t.Errorf("no Chinese for %q", english)
		}
	}
}
