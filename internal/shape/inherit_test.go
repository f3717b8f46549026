package shape_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vitrine/internal/catalog"
	"vitrine/internal/kv"
	"vitrine/internal/shape"
)

// heirs returns a blob that inherits from another: sku.item from product.shared by the ref spu. Both have html fields.
func heirs(t testing.TB) (own, shared *catalog.Blob) {
	t.Helper()
	c, err := catalog.Parse([]byte(`version: 1
upstreams: { shop: { url: "http://127.0.0.1:1" } }
entities:
  sku:
    dimensions: { product: { from: shop, get: "/{id}", html: [note], refs: { spu: { kind: product, field: spu } } } }
    blobs: { item: { of: [product], inherit: { spu: shared } } }
  product: { dimensions: { product: { from: shop, get: "/{id}", html: [html, tabs.text] } }, blobs: { shared: { of: [product] } } }
pages: { item: { path: "/item/{sku}.html", blob: item, template: item.html } }
`), "shop.yaml", catalog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return c.Kinds["sku"].Blobs[0], c.Kinds["product"].Blobs[0]
}

func alive(b *catalog.Blob, body string) kv.Value {
	return kv.Value{Header: kv.Header{Existence: kv.Alive, Stamp: 3, Shape: b.Shape}, Body: []byte(body)}
}

// markedIn returns the texts that a value marks as HTML.
func markedIn(t testing.TB, v kv.Value) (html []string) {
	t.Helper()
	for _, at := range v.HTML {
		var text string
		if err := json.NewDecoder(strings.NewReader(string(v.Body[at:]))).Decode(&text); err != nil {
			t.Fatalf("no string begins at %d of %s: %v", at, v.Body, err)
		}
		html = append(html, text)
	}
	return html
}

func TestInherit(t *testing.T) {
	b, shared := heirs(t)
	for _, c := range []struct {
		name, own, from, want string
		html                  []string
	}{
		{"what is lacking", `{"product":{"title":"A","size":"S"}}`, `{"product":{"title":"B","brief":"b"},"specs":[1]}`, `{"product":{"title":"A","size":"S","brief":"b"},"specs":[1]}`, nil},
		{"null, an empty text and an empty list are lacking", `{"product":{"title":"","images":[],"x":null},"specs":null}`, `{"product":{"title":"B","images":["i"],"x":0},"specs":[]}`, `{"product":{"title":"B","images":["i"],"x":0}}`, nil},
		{"zero, false and an empty object are not", `{"a":0,"b":false,"c":{},"d":{"e":{}}}`, `{"a":1,"b":true,"c":{"x":1},"d":{"e":{"f":1}}}`, `{"a":0,"b":false,"c":{"x":1},"d":{"e":{}}}`, nil},
		{"what stands deeper is whole", `{"a":{"b":{"c":1}},"l":[{"x":1}]}`, `{"a":{"b":{"d":2}},"l":[{"y":2},{"z":3}]}`, `{"a":{"b":{"c":1}},"l":[{"x":1}]}`, nil},
		{"an object does not fill up a text", `{"a":"t","b":{"x":1}}`, `{"a":{"y":1},"b":"t"}`, `{"a":"t","b":{"x":1}}`, nil},
		{"a member given twice: the last counts", `{"a":1,"a":null,"b":{"c":1,"c":2}}`, `{"a":2,"a":3,"b":{"d":1,"d":4}}`, `{"a":3,"b":{"c":2,"d":4}}`, nil},
		{"numbers and escapes stay as written", `{"n":1.50,"q\"":"\u00e9"}`, `{"q\"":"x","é\\":9007199254740993}`, `{"n":1.50,"q\"":"\u00e9","é\\":9007199254740993}`, nil},
		{"HTML of either", `{"product":{"note":"<i>n</i>"}}`, `{"product":{"html":"<b>h</b>","tabs":[{"text":"<u>t</u>"}]}}`, `{"product":{"note":"<i>n</i>","html":"<b>h</b>","tabs":[{"text":"<u>t</u>"}]}}`, []string{"<i>n</i>", "<b>h</b>", "<u>t</u>"}},
		{"text under the name of the other's HTML", `{"product":{"html":"<script>"}}`, `{"product":{"html":"<b>h</b>","note":"<script>"}}`, `{"product":{"html":"<script>","note":"<script>"}}`, nil},
		{"HTML in place of an empty one", `{"product":{"note":""}}`, `{"product":{"note":"<script>"}}`, `{"product":{"note":"<script>"}}`, nil},
		{"nothing", `{}`, `{}`, `{}`, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := shape.Inherit(b, alive(b, c.own), []kv.Value{alive(shared, c.from)})
			if string(v.Body) != c.want || v.Stamp != 3 {
				t.Errorf("%s\nwant %s", v.Body, c.want)
			}
			if diff := cmp.Diff(c.html, markedIn(t, v)); diff != "" {
				t.Error(diff)
			}
			alone := shape.Inherit(b, alive(b, c.own), []kv.Value{{}})
			if gone := shape.Inherit(b, alive(b, c.own), []kv.Value{{Header: kv.Header{Existence: kv.Gone}, Body: []byte(c.from)}}); string(gone.Body) != string(alone.Body) {
				t.Errorf("what is deleted gives %s", gone.Body)
			}
		})
	}
}

// TestInheritCleansOtherShapes proves that HTML stored in another shape is cleaned, and marked where the cleaned text stands.
func TestInheritCleansOtherShapes(t *testing.T) {
	b, shared := heirs(t)
	own, from := alive(b, `{"product":{"note":"<i>n\u003c/i><script>x()</script>","z":"<b>"}}`), alive(shared, `{"product":{"html":"<p onclick=x()>p</p>"}}`)
	own.Shape, from.Shape = 0, 0
	v := shape.Inherit(b, own, []kv.Value{from})
	if diff := cmp.Diff([]string{"<i>n</i>", "<p>p</p>"}, markedIn(t, v)); diff != "" {
		t.Errorf("%s:\n%s", v.Body, diff)
	}
	if strings.Contains(string(v.Body), "x()") || v.Shape != b.Shape || !json.Valid(v.Body) {
		t.Errorf("shape %x: %s", v.Shape, v.Body)
	}
}

func TestInheritedRefs(t *testing.T) {
	b, shared := heirs(t)
	own, from := alive(b, `{}`), alive(shared, `{}`)
	own.Refs = kv.Refs{"spu": {IDs: []string{"7"}}, "empty": {List: true}}
	from.Refs = kv.Refs{"spu": {IDs: []string{"8"}}, "brand": {IDs: []string{"b"}}, "empty": {IDs: []string{"1"}, List: true}}
	want := kv.Refs{"spu": {IDs: []string{"7"}}, "brand": {IDs: []string{"b"}}, "empty": {IDs: []string{"1"}, List: true}}
	if diff := cmp.Diff(want, shape.Inherit(b, own, []kv.Value{from}).Refs); diff != "" {
		t.Error(diff)
	}
	if len(own.Refs) != 2 {
		t.Error("the blob's own refs have changed, which others read")
	}
}

// FuzzInherit proves that what two documents give is a document that a decoder reads, without HTML that neither had.
func FuzzInherit(f *testing.F) {
	f.Add(`{"product":{"note":"<i>"}}`, `{"product":{"html":"<b>"}}`)
	f.Add(`{"a":{"":""},"a":[]}`, `{"\u0061":{"b":1e400}}`)
	b, shared := heirs(f)
	f.Fuzz(func(t *testing.T, own, from string) {
		var top map[string]json.RawMessage
		if json.Unmarshal([]byte(own), &top) != nil || top == nil {
			t.Skip("no blob")
		}
		v := shape.Inherit(b, alive(b, own), []kv.Value{alive(shared, from)})
		if err := json.Unmarshal(v.Body, &top); err != nil {
			t.Fatalf("%q: %v", v.Body, err)
		}
		for _, html := range markedIn(t, v) {
			if quoted, _ := json.Marshal(html); !strings.Contains(own+from, html) && !strings.Contains(own+from, string(quoted)) && !strings.ContainsAny(own+from, `\`) {
				t.Errorf("%q is in neither", html)
			}
		}
	})
}
