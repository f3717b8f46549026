package detail_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/internal/kv/kvtest"
)

// TestHTMLOfAnotherShapeIsCleanedOnTheWayOut proves that a field is cleaned when it is served, since it may have been
// stored before the catalog declared it as html.
func TestHTMLOfAnotherShapeIsCleanedOnTheWayOut(t *testing.T) {
	const evil = `{"description":{"html":"<p>Fine <b>tea</b></p><script>steal()<\/script><img src=x onerror=steal()>"}}`
	s := open(t)
	blob, err := s.catalog.Blob("sku", "desc")
	if err != nil {
		t.Fatal(err)
	}
	blob.Shape = 5
	for id, shape := range map[string]uint32{"mixed": 0, "older": 4, "today": 5} {
		key := kv.BlobKey{Entity: item.Entity{Kind: "sku", ID: id}, Blob: "desc"}
		s.redis.Set(func(m *kvtest.Memory) {
			m.Stored[key] = kv.Value{Header: kv.Header{Existence: kv.Alive, Stamp: 1, Shape: shape}, Body: []byte(evil)}
		})
		got := s.get(t, "/desc/"+id+".html")
		if got.status != 200 || !strings.Contains(got.body, "<b>tea</b>") {
			t.Fatalf("%s: status %d, want 200 with the cleaned HTML: %s", id, got.status, got.body)
		}
		if dirty := strings.Contains(got.body, "steal()"); dirty != (shape == blob.Shape) {
			t.Errorf("%s: what is not of the catalog's shape has to be cleaned, and only that: %s", id, got.body)
		}
	}
}

const htmlCatalog = `version: 1
upstreams: { shop: { url: "http://127.0.0.1:1" } }
entities:
  sku:
    dimensions:
      product: { from: shop, get: "/{id}", html: [html, tabs.text] }
      description: { from: shop, get: "/{id}", html: [html] }
    blobs:
      item: { of: [product], fold: '{title: .product.title, moved: .product.html, tabs: [{text: .product.title}, .product.tabs[]], product: {html: .product.title}} + (.product.more // {})' }
      plain: { of: [product] }
      desc: { of: [description] }
pages:
  item: { path: "/item/{sku}.html", blob: item, overlay: [desc], template: all.html }
  plain: { path: "/plain/{sku}.html", blob: plain, template: plain.html }
`

// TestHTMLOfAFold proves that HTML is shown as HTML wherever a fold has put it, and text as text, whatever name a fold gives it and
// whatever another part of the page has under that name.
func TestHTMLOfAFold(t *testing.T) {
	s := openCatalog(t, htmlCatalog, fstest.MapFS{
		"all.html":   {Data: []byte(`title={{.title}} moved={{.moved}} tabs={{range .tabs}}[{{.text}}]{{end}} named={{.product.html}} overlaid={{.description.html}}`)},
		"plain.html": {Data: []byte(`tabs={{range .product.tabs}}[{{.text}}]{{end}}`)},
	})
	answers := map[string]string{
		"product":     `{"title":"<u>T</u>","html":"<b>H</b><script>steal()</script>","tabs":[{"text":"<i>1</i>"},{"text":"<i>2</i>"}]}`,
		"description": `{"html":"<p>D</p>"}`,
	}
	s.answer(t, "sku:1", 1, answers)
	if got, want := s.get(t, "/item/1.html").body, `title=&lt;u&gt;T&lt;/u&gt; moved=<b>H</b> tabs=[&lt;u&gt;T&lt;/u&gt;][<i>1</i>][<i>2</i>] named=&lt;u&gt;T&lt;/u&gt; overlaid=<p>D</p>`; got != want {
		t.Errorf("the page is %s\nwant        %s", got, want)
	}
	if got, want := s.get(t, "/plain/1.html").body, `tabs=[<i>1</i>][<i>2</i>]`; got != want {
		t.Errorf("without a fold the page is %s\nwant %s", got, want)
	}
	answers["product"] = `{"title":"T","html":"","tabs":[],"more":{"description":{"html":"<script>steal()</script>"}}}`
	s.answer(t, "sku:2", 1, answers)
	if got := s.get(t, "/item/2.html").body; !strings.HasSuffix(got, "overlaid=&lt;script&gt;steal()&lt;/script&gt;") {
		t.Errorf("what stands under the name of another part's HTML is trusted: %s", got)
	}
}
