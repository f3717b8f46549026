package catalog_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vitrine/internal/catalog"
)

// whole is a catalog that uses every key of the grammar.
const whole = `version: 1
site: { name: Demo, origin: "https://shop.example", lang: en, currency: EUR, images: ["https://img.example"], prefix: "" }   # optional
images: { sizes: "https://small.example/{width}?of={url}" }
upstreams:
  products: { url: "http://127.0.0.1:9000", timeout: 800ms, concurrency: 16, headers: { Authorization: "env:PRODUCTS_TOKEN" } }
  rows: { url: "serve:rows" }
entities:
  sku:
    list: { from: products, get: "/products?cursor={cursor}", ids: '[.items[].sku]', next: .next }
    dimensions:
      product:
        from: products
        get: /products/{id}
        batch: /products?ids={ids}
        batch_max: 50
        id_field: sku
        pick: '{title: .name, images, kind: .type, category_id, brand_id}'
        version: updated_at
        refs: { brand: brand_id, siblings: { kind: sku, field: variants, max: 64 }, path: { kind: category, field: category_id, up: parent, max: 8 } }
        html: [overview]
        require: [title]
        max_bytes: 1MiB
      status: { from: products, get: "/products/{id}/status" }
      specs: { from: rows, batch: "/rows?ids={ids}", absent: gone }
      description: { from: products, get: "/products/{id}/description", html: [html] }
      price: { from: products, post: { path: /graphql, json: { query: "q", variables: { ids: "{ids}" } } }, items: .data.products, absent: gone }
      stock: { from: products, get: "/stock/{id}", gone: '. == null', fails: '.error != null' }
    blobs:
      item: { of: [product, status, specs] }
      offer: { of: [price, stock] }
      desc: { of: [description] }
  category:
    dimensions: { category: { from: products, get: "/categories/{id}", refs: { parent: { kind: category, field: parent_id, public: true } } } }
    blobs: { card: { of: [category], fold: .category } }
  brand:
    list: { from: products, post: { path: /graphql, json: { query: "q", page: "{cursor}" } }, first: 1, ids: .ids, next: '$cursor + 1', fails: .error }
    dimensions: { brand: { from: products, get: "/brands/{id}" } }
    blobs: { card: { of: [brand], fold: .brand } }
live:
  offer: { blob: offer }
  delivery: { from: products, get: "/delivery/{id}?area={area}", vary: { area: '[0-9-]{1,32}' }, deadline: 150ms, fresh: 2s, keep: 10m, fallback: last }
pages:
  item:
    path: /item/{sku}.html
    blob: item
    overlay: [offer]
    with: { brand: card, path: card, siblings: item }
    live: [offer, delivery]
    template: item.html
    cache: { max_age: 0s, shared: 60s, swr: 10m, sie: 24h }
    rules:
      - { when: 'product.kind == "virtual"', template: virtual.html }
      - { when: 'product.market == "global"', redirect: "https://global.example/item/{sku}.html" }
      - { when: 'product.market == "moved"', redirect: "/moved/{sku}.html", status: 301 }
      - { when: 'status.state == "off"', template: off.html, status: 410 }
  desc: { path: "/desc/{sku}.html", blob: desc, template: desc.html }
`

func parse(t *testing.T, src string) *catalog.Catalog {
	t.Helper()
	c, err := catalog.Parse([]byte(src), "shop.yaml", catalog.Options{Serve: map[string]string{"rows": "http://127.0.0.1:1"}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestTheWholeGrammar(t *testing.T) {
	c := parse(t, whole)
	product, err := c.Dimension("sku", "product")
	if err != nil {
		t.Fatal(err)
	}
	price, _ := c.Dimension("sku", "price")
	specs, _ := c.Dimension("sku", "specs")
	page, err := c.Page("item")
	if err != nil {
		t.Fatal(err)
	}
	for name, pair := range map[string][2]any{
		"site":              {c.Site.Origin + c.Site.Lang + c.Site.Currency, "https://shop.exampleenEUR"},
		"header from env":   {c.Upstreams["products"].Headers["Authorization"], "env:PRODUCTS_TOKEN"},
		"timeout":           {c.Upstreams["products"].Timeout, 800 * time.Millisecond},
		"served":            {c.Upstreams["rows"].URL, "http://127.0.0.1:1"},
		"batch_max":         {product.BatchMax, 50},
		"id_field":          {product.IDField.String(), "sku"},
		"version":           {product.Version.String(), "updated_at"},
		"max_bytes":         {product.MaxBytes, int64(1 << 20)},
		"small pictures":    {c.Site.Sizes + c.Site.Images[len(c.Site.Images)-1], "https://small.example/{width}?of={url}https://small.example"},
		"short ref":         {product.Refs[0].Kind.Name + product.Refs[0].Field.String(), "brandbrand_id"},
		"ref up":            {product.Refs[2].Up, "parent"},
		"post is a batch":   {price.Post.Batch, true},
		"first":             {string(c.Kinds["brand"].List.First), "1"},
		"default batch":     {price.BatchMax, 50},
		"absent":            {specs.Keep, false},
		"root":              {page.Blob.Of[0].Name, "product"},
		"prefix":            {page.Prefix + "*" + page.Suffix, "/item/*.html"},
		"overlay":           {page.Overlay[0].Name, "offer"},
		"with":              {len(page.With), 3},
		"live":              {page.Live[1].Deadline, 150 * time.Millisecond},
		"shared":            {page.Cache.Shared, time.Minute},
		"rule paths":        {page.Rules[0].When.Paths[0].String(), "product.kind"},
		"redirect for good": {page.Rules[2].Status, 301},
		"redirect":          {page.Rules[1].Redirect, "https://global.example/item/{sku}.html"},
		"status":            {page.Rules[3].Status, 410},
	} {
		if !cmp.Equal(pair[0], pair[1]) {
			t.Errorf("%s is %v, want %v", name, pair[0], pair[1])
		}
	}
}

// TestFaultsAreReportedWithTheirPlace makes one edit of a sound catalog for each fault. The error must point at the edit
// and say what to do.
func TestFaultsAreReportedWithTheirPlace(t *testing.T) {
	for _, c := range []struct{ old, new, says string }{
		{"version: 1\n", "version: 1\n\tsite: {}\n", "indented with spaces, not with tabs"},
		{"{title: .name", "{title: .größe", `is quoted: ."größe"`},
		{"id_field: sku", "id_field: Art. No.", "in double quotes"},
		{"version: 1", "version: 2", `shop.yaml:1:10: version "2" is not known`},
		{"pick: '{title", "pik: '{title", "did you mean pick"},
		{"from: products\n", "from: product\n", "did you mean products"},
		{"timeout: 800ms", "timeout: 800", "must be a duration"},
		{"max_bytes: 1MiB", "max_bytes: 1MB", "must be a size"},
		{"{title: .name, images", "{title: .name, images,,", "is no jq"},
		{"[.items[].sku]", "[input]", "uses input"},
		{"id_field: sku", "id_field: 'a b'", "is no path"},
		{"get: /products/{id}\n", "get: /products/{idd}\n", "lacks the placeholder {id}"},
		{"get: /products/{id}\n", "get: products/{id}\n", "must be a path"},
		{"brand: brand_id,", "brnd: brand_id,", "refers to no kind"},
		{"up: parent, max", "up: parnt, max", "did you mean parent"},
		{"of: [product, status", "of: [produkt, status", "did you mean product"},
		{"of: [description]", "of: [description, description]", "twice"},
		{"overlay: [offer]", "overlay: [ofer]", "did you mean offer"},
		{"siblings: item }", "brothers: item }", "has a ref \"brothers\""},
		{"live: [offer, delivery]", "live: [offer, delivry]", "did you mean delivery"},
		{"path: /item/{sku}.html", "path: /item/{skuu}.html", "names no kind"},
		{"path: /item/{sku}.html", "path: /item/{sku}", "must end in .html"},
		{"\"/desc/{sku}.html\"", "\"/item/{sku}.html\"", "have the same path"},
		{`product.kind == "virtual"`, `product.kind == `, "does not compile"},
		{"status: 410", "status: 42", "from 200 to 599"},
		{"global.example/item/{sku}", "global.example/item/{id}", "unknown placeholder {id}"},
		{"{sku}.html\" }", "{sku}.html\", status: 410 }", "status 410 is no redirect"},
		{"{sku}.html\" }", "{sku}.html\", template: off.html }", "can't have a template"},
		{"{width}?of={url}", "?of={url}", "needs {url} and {width} once each"},
		{"https://small.example/{width}?of={url}", "javascript:{width}{url}", "leads nowhere"},
		{"https://small.example/{width}?of={url}", "https://{width}/{url}", "no host of its own"},
		{"fallback: last", "fallback: lost", "fallback can't be"},
		{"'[0-9-]{1,32}'", "'[0-9'", "no regular expression"},
		{"category_id, brand_id}'\n", "category_id, brand_id}'\n        pick: .\n", "already defined"},
		{"      status: {", "      all: {", "stands for all of them"},
		{"absent: gone", "absent: maybe", "gone or keep"},
		{"/rows?ids={ids}", "/rows/{ids*}", "must be the value of one parameter"},
		{"/rows?ids={ids}", "/rows?ids=x{ids*}", "must be the value of one parameter"},
		{"/rows?ids={ids}", "/rows?ids={ids*},{ids}", "unknown placeholder {ids}"},
		{`ids: "{ids}"`, `ids: "x"`, "exactly one"},
		{"http://127.0.0.1:9000", "ftp://127.0.0.1", "no base URL"},
		{"serve:rows", "serve:files", "--serve files=FILE"},
		{"template: item.html", "template: ../item.html", "name of an .html file"},
		{"upstreams:", "upstreams: &a", ""},
	} {
		t.Run(c.new, func(t *testing.T) {
			src := strings.Replace(whole, c.old, c.new, 1)
			if src == whole {
				t.Fatalf("%q is not in the catalog", c.old)
			}
			_, err := catalog.Parse([]byte(src), "shop.yaml", catalog.Options{Serve: map[string]string{"rows": "http://127.0.0.1:1"}})
			if err == nil {
				t.Fatal("it was taken")
			}
			if !strings.Contains(err.Error(), c.says) || !strings.HasPrefix(err.Error(), "shop.yaml:") || !strings.Contains(err.Error(), "^") {
				t.Errorf("want %q, with a place, in:\n%s", c.says, err)
			}
		})
	}
}

func TestHostileFilesAreRefused(t *testing.T) {
	for name, src := range map[string]string{
		"empty":            "",
		"two documents":    "version: 1\n---\nversion: 1\n",
		"a list":           "[1, 2]",
		"aliases":          "version: &v 1\nupstreams: *v\n",
		"deep flow":        strings.Repeat("[", 100_000),
		"deep block":       strings.Repeat("- ", 50_000) + "x",
		"a NUL":            "version: 1\x00",
		"two megabytes":    strings.Repeat("# long\n", 300_000),
		"not YAML":         "version: 'unclosed\n",
		"a tag":            "version: !!binary aGk=\n",
		"lacks everything": "version: 1\n",
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := catalog.Parse([]byte(src), "shop.yaml", catalog.Options{}); err == nil {
				t.Error("it was taken")
			}
		})
	}
}

func TestShapeFollowsTheFormAlone(t *testing.T) {
	shapes := func(src string) [2]uint32 {
		c := parse(t, src)
		d, _ := c.Dimension("sku", "product")
		b, _ := c.Blob("sku", "item")
		return [2]uint32{d.Shape, b.Shape}
	}
	base := shapes(whole)
	for _, c := range []struct {
		old, new     string
		record, blob bool
	}{
		{"timeout: 800ms", "timeout: 900ms", false, false},
		{"batch_max: 50", "batch_max: 20", false, false},
		{"origin: \"https://shop.example\"", "origin: \"https://www.shop.example\"", false, false},
		{"get: /products/{id}\n", "get: /v2/products/{id}\n", true, true},
		{"batch: /products?ids={ids}\n", "batch: /v2/products?ids={ids}\n", true, true},
		{"id_field: sku", "id_field: id", true, true},
		{"Authorization: \"env:PRODUCTS_TOKEN\"", "X-Token: \"env:PRODUCTS_TOKEN\"", true, true},
		{"http://127.0.0.1:9000", "http://127.0.0.1:9001", true, true},
		{"require: [title]", "require: [title, images]", true, true},
		{"{title: .name, images", "{title: .label, images", true, true},
		{"version: updated_at", "version: rev", true, true},
		{"html: [overview]", "html: [summary]", true, true},
		{"field: variants, max: 64", "field: variants, max: 32", true, true},
		{"item: { of: [product, status, specs] }", "item: { of: [product, status] }", false, true},
		{"item: { of: [product, status, specs] }", "item: { of: [product, status, specs], fold: . }", false, true},
	} {
		got := shapes(strings.Replace(whole, c.old, c.new, 1))
		if (got[0] != base[0]) != c.record || (got[1] != base[1]) != c.blob {
			t.Errorf("%s → %s: record changed %v, blob changed %v", c.old, c.new, got[0] != base[0], got[1] != base[1])
		}
	}
}

func TestAllShapesTogetherHaveAMark(t *testing.T) {
	base := parse(t, whole).Shapes
	for _, c := range []struct {
		old, new string
		changed  bool
	}{
		{"timeout: 800ms", "timeout: 900ms", false},
		{"html: [overview]", "html: [summary]", true},
		{"offer: { of: [price, stock] }", "deal: { of: [price, stock] }", true},
		{"offer: { of: [price, stock] }", "offer: { of: [stock, price] }", true},
	} {
		src := strings.Replace(whole, c.old, c.new, 1)
		if strings.HasPrefix(c.new, "deal") {
			src = strings.NewReplacer("overlay: [offer]", "overlay: [deal]", "blob: offer", "blob: deal").Replace(src)
		}
		if got := parse(t, src).Shapes; (got != base) != c.changed {
			t.Errorf("%s → %s: changed %v", c.old, c.new, got != base)
		}
	}
	if again := parse(t, whole).Shapes; again != base {
		t.Error("the same catalog has another mark")
	}
}

func TestRulesListThePathsThatTheyRead(t *testing.T) {
	for rule, want := range map[string]string{
		`product.kind == "virtual"`:                   "product.kind",
		`product?.kind == "x" and status.state != ""`: "product.kind status.state",
		`any(product.tags, # == "x")`:                 "product.tags",
		`product["kind"] in ["a", "b"]`:               "product.kind",
		`len(siblings) > 3`:                           "siblings",
		`price.amount > 10 && price.amount < 20`:      "price.amount",
	} {
		c := parse(t, strings.Replace(whole, `'product.kind == "virtual"'`, "'"+rule+"'", 1))
		var got []string
		for _, p := range c.Pages[0].Rules[0].When.Paths {
			got = append(got, p.String())
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s reads %v, want %s", rule, got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(whole))
	f.Add([]byte("version: 1\nupstreams: {a: {url: 'http://x'}}\nentities: {a: {dimensions: {b: {from: a, get: '/{id}'}}}}\npages: {}\n"))
	f.Fuzz(func(t *testing.T, src []byte) {
		c, err := catalog.Parse(src, "fuzz.yaml", catalog.Options{})
		if (c == nil) == (err == nil) {
			t.Errorf("catalog %v, error %v", c, err)
		}
	})
}

// TestTheReferencesExampleParses proves that the example in the reference, which people copy, is a valid catalog.
func TestTheReferencesExampleParses(t *testing.T) {
	text, err := os.ReadFile("../../docs/catalog.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "```yaml\n")
	example, _, ok := strings.Cut(rest, "```")
	if !ok {
		t.Fatal("docs/catalog.md has no example")
	}
	if _, err := catalog.Parse([]byte(example), "docs/catalog.md", catalog.Options{}); err != nil {
		t.Error(err)
	}
}
