package shape_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/internal/shape"
)

// foldHTML folds two records, and returns the blob and the texts that it marks as HTML, in their order.
func foldHTML(t testing.TB, fold, product, specs string) (v kv.Value, html []string) {
	t.Helper()
	k := declare(t, ", html: [html, tabs.text]", `, fold: '`+fold+`'`)
	records := map[string]kv.Record{}
	for name, answer := range map[string]string{"product": product, "specs": specs} {
		d, err := k.Dimension(name)
		if err != nil {
			t.Fatal(err)
		}
		record, _, err := shape.MakeRecord(d, []byte(answer))
		if err != nil {
			t.Fatal(err)
		}
		records[name] = kv.Record{Value: kv.Value{Header: kv.Header{Existence: kv.Alive, Shape: d.Shape}, Body: record.Body}}
	}
	v, err := shape.Fold(k.Blobs[0], item.Entity{Kind: "sku", ID: "1"}, records)
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range v.HTML {
		var text string
		if err := json.NewDecoder(strings.NewReader(string(v.Body[at:]))).Decode(&text); err != nil {
			t.Fatalf("no string begins at %d of %s: %v", at, v.Body, err)
		}
		html = append(html, text)
	}
	return v, html
}

// TestHTMLStaysHTMLThroughAFold proves which strings of a folded blob count as HTML: those that a record has as cleaned HTML, wherever the
// fold puts them, and nothing else, whatever it says.
func TestHTMLStaysHTMLThroughAFold(t *testing.T) {
	const product = `{"title": "<b>bold</b>", "note": "n", "html": "<b>bold</b><script>x()</script>", "tabs": [{"name": "A", "text": "<i>a \"quoted\\\"</i>"}, {"name": "B", "text": "b"}]}`
	const specs = `{"care": "<b>bold</b>", "b": "b", "html": "<i>x</i>"}`
	const bold, quoted = "<b>bold</b>", `<i>a &#34;quoted\&#34;</i>`
	for _, c := range []struct {
		name, fold string
		want       []string
	}{
		{"the same", `.`, []string{bold, quoted, "b"}},
		{"renamed", `{description: .product.html}`, []string{bold}},
		{"nested", `{a: {b: [{"x\"y": .product.html}, .product.title]}}`, []string{bold}},
		{"twice, among plain texts of the same content", `{a: .product.title, b: .product.html, c: .specs.care, d: .product.html}`, []string{bold, bold}},
		{"in a list beside plain text", `{tabs: [.product.tabs[] | .text], more: [{text: .product.html}, {text: .product.title}]}`, []string{bold, quoted, "b"}},
		{"through functions that keep values", `.product | with_entries(select(.key == "html")) + {first: ([.tabs[].text] | sort | first)} | .html //= "none"`, []string{quoted, bold}},
		{"short texts of the same content", `{plain: .specs.b, html: .product.tabs[1].text, name: "b"}`, []string{"b"}},
		{"plain text under the name of HTML", `{product: {html: .specs.care}}`, nil},
		{"another dimension's member of that name", `{product: .specs}`, nil},
		{"made longer", `{product: {html: (.product.html + .specs.html)}}`, nil},
		{"made shorter", `{product: {html: .product.html[0:5]}, rest: (.product.html | ltrimstr("<b>")), end: (.product.html | rtrimstr("</b>"))}`, nil},
		{"changed", `{product: {html: (.product.html | gsub("bold"; "<script>"))}}`, nil},
		{"put together to the same content", `{product: {html: ("<b>" + "bold" + "</b>")}, split: (.product.html | split("o") | join("o"))}`, nil},
		{"encoded and decoded", `{product: (.product | tojson | fromjson)}`, nil},
		{"a name", `{(.product.html): .product.note}`, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			v, html := foldHTML(t, c.fold, product, specs)
			if diff := cmp.Diff(c.want, html); diff != "" {
				t.Errorf("HTML in %s (-want +got):\n%s", v.Body, diff)
			}
			if !slices.IsSorted(v.HTML) {
				t.Errorf("offsets %v; want them to rise", v.HTML)
			}
		})
	}
}

// FuzzFoldedHTML proves that only texts that were cleaned are marked: whatever the records say, each is as it came out of Clean.
func FuzzFoldedHTML(f *testing.F) {
	f.Add("<b>x</b>", "<script>x</script>", "<b>x</b>")
	f.Add("\"\\", "\u2028", "</")
	f.Fuzz(func(t *testing.T, html, title, care string) {
		quote := func(s string) string {
			b, err := json.Marshal(s)
			if err != nil {
				t.Fatal(err)
			}
			return string(b)
		}
		if _, err := shape.Clean(html); err != nil {
			t.Skip("refused")
		}
		product, specs := `{"title":`+quote(title)+`,"html":`+quote(html)+`}`, `{"care":`+quote(care)+`}`
		_, marked := foldHTML(t, `{x: [.specs.care, .product.title, {y: .product.html}], z: (.product.title + .product.html), product: {html: .specs.care}}`, product, specs)
		clean, err := shape.Clean(strings.ToValidUTF8(html, "\ufffd"))
		if err != nil {
			t.Fatal(err)
		}
		want := []string{clean}
		if clean == "" || title == "" {
			return // the sum is then the HTML itself
		}
		if diff := cmp.Diff(want, marked); diff != "" {
			t.Error(diff)
		}
	})
}
