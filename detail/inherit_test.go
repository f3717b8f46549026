package detail_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"vitrine/detail"
	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/internal/kv/kvtest"
)

// familyCatalog is of a shop whose articles (sku) share what their product says.
const familyCatalog = `version: 1
site: { name: Family, lang: en, currency: EUR, origin: "https://shop.example" }
upstreams: { shop: { url: "http://127.0.0.1:1" } }
entities:
  sku:
    dimensions:
      product: { from: shop, get: "/{id}", refs: { family: { kind: product, field: family_id } } }
      status: { from: shop, get: "/{id}" }
      price: { from: shop, get: "/{id}" }
    blobs:
      item: { of: [product, status], inherit: { family: shared } }
      offer: { of: [price] }
  product:
    dimensions:
      product:
        from: shop
        get: "/{id}"
        html: [html]
        refs: { path: { kind: category, field: category_id, up: parent }, siblings: { kind: sku, field: articles } }
      specs: { from: shop, get: "/{id}" }
    blobs:
      shared: { of: [product, specs], fold: '{product: (.product | del(.articles, .category_id)), specs: (.specs.groups // [])}' }
  category:
    dimensions: { category: { from: shop, get: "/{id}", refs: { parent: { kind: category, field: parent_id } } } }
    blobs: { card: { of: [category], fold: .category } }
live: { offer: { blob: offer } }
pages:
  item:
    path: /p/{slug}-{sku}.html
    slug: product.title
    blob: item
    overlay: [offer]
    with: { path: card, siblings: item }
    live: [offer]
    template: item.html
    rules:
      - { when: 'status.state == "off"', template: off.html, status: 410 }
      - { when: 'product.title == nil', template: off.html, status: 410 }
  category: { path: "/c/{category}.html", blob: card, lists: { kind: sku, ref: path }, template: list.html }
`

// openFamily opens a shop with the product 7, of which there are the articles 1 to 3.
func openFamily(t testing.TB, change ...func(*detail.Config)) *shop {
	t.Helper()
	s := openCatalog(t, familyCatalog, nil, change...)
	s.answer(t, "category:5", 1, map[string]string{"category": `{"title":"Lamps"}`})
	s.answer(t, "product:7", 1, map[string]string{
		"product": `{"title":"Oslo Lamp","brief":"Warm light","images":["https://img.example/oslo.jpg"],"html":"<p>Made of <b>oak</b></p><script>steal()</script>","category_id":5,"articles":[1,2,3]}`,
		"specs":   `{"groups":[{"group":"Data","rows":[{"name":"Height","value":"40 cm"}]}]}`,
	})
	for id, own := range map[string]string{
		"1": `{"family_id":7,"title":"","images":[],"options":[{"name":"Colour","value":"White"}]}`,
		"2": `{"family_id":7,"title":"Oslo Lamp, black edition","images":["https://img.example/black.jpg"],"options":[{"name":"Colour","value":"Black"}]}`,
		"3": `{"family_id":7,"options":[{"name":"Colour","value":"Red"}]}`,
	} {
		state := map[bool]string{true: "off", false: "on"}[id == "3"]
		s.answer(t, "sku:"+id, 1, map[string]string{"product": own, "status": `{"state":"` + state + `"}`, "price": `{"amount":"49.00"}`})
	}
	return s
}

func wantAll(t *testing.T, page string, want ...string) {
	t.Helper()
	for _, text := range want {
		if !strings.Contains(page, text) {
			t.Errorf("the page lacks %s", text)
		}
	}
	if t.Failed() {
		t.Log(page)
	}
}

// TestAPageShowsWhatItsArticleInherits proves that all of a page has what only the article's product says: title, address, pictures,
// description as HTML, breadcrumbs, data for machines, and the choice of variants without those off the shelf.
func TestAPageShowsWhatItsArticleInherits(t *testing.T) {
	s := openFamily(t)
	if got := s.get(t, "/p/1.html"); got.status != http.StatusMovedPermanently || got.header.Get("Location") != "/p/oslo-lamp-1.html" {
		t.Fatalf("%d to %q", got.status, got.header.Get("Location"))
	}
	page := s.get(t, "/p/oslo-lamp-1.html").body
	wantAll(t, page, "<h1>Oslo Lamp</h1>", `<title>Oslo Lamp`, `<link rel="canonical" href="https://shop.example/p/oslo-lamp-1.html">`,
		`https://img.example/oslo.jpg`, `<p>Made of <b>oak</b></p></section>`, "40 cm", `content="Warm light`,
		`"name":"Oslo Lamp"`, `"price":"49.00"`, ">Lamps</a>", `href="/p/oslo-lamp-black-edition-2.html"`)
	if strings.Contains(page, "-3.html") || strings.Contains(page, "steal()") {
		t.Errorf("an article off the shelf is a choice, or HTML was not cleaned:\n%s", page)
	}
	wantAll(t, s.get(t, "/p/oslo-lamp-black-edition-2.html").body, "<h1>Oslo Lamp, black edition</h1>", `https://img.example/black.jpg`, `<p>Made of <b>oak</b></p></section>`)
	if got := s.get(t, "/p/oslo-lamp-3.html").status; got != http.StatusGone {
		t.Errorf("an article off the shelf answers %d", got)
	}
}

// TestTheTwinHasWhatTemplatesSee proves that the JSON of a page has the members of what it inherits, and which of two counts.
func TestTheTwinHasWhatTemplatesSee(t *testing.T) {
	s := openFamily(t)
	s.answer(t, "sku:1", 2, map[string]string{"product": `{"family_id":7,"title":null,"brief":"Own","images":[],"options":[]}`, "status": `{}`, "price": `{}`})
	var twin struct {
		SKU     string
		Product map[string]json.RawMessage
		Specs   json.RawMessage
		Path    []struct{ Title string }
	}
	if err := json.Unmarshal([]byte(s.get(t, "/p/oslo-lamp-1.json").body), &twin); err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprintf("%s %s %s %s %s %s %s", twin.SKU, twin.Product["title"], twin.Product["brief"], twin.Product["images"], twin.Product["html"], twin.Specs, twin.Path)
	if want := `1 "Oslo Lamp" "Own" ["https://img.example/oslo.jpg"] "\u003cp\u003eMade of \u003cb\u003eoak\u003c/b\u003e\u003c/p\u003e" [{"group":"Data","rows":[{"name":"Height","value":"40 cm"}]}] [{Lamps}]`; strings.ReplaceAll(got, "<", `\u003c`) != strings.ReplaceAll(strings.ReplaceAll(want, `\u003e`, ">"), "<", `\u003c`) {
		t.Errorf("the twin has %s\nwant         %s", got, want)
	}
}

// TestATextIsNoHTMLByInheritance proves that a text of an article is no HTML because its product has HTML under that name.
func TestATextIsNoHTMLByInheritance(t *testing.T) {
	s := openFamily(t)
	s.answer(t, "sku:1", 2, map[string]string{"product": `{"family_id":7,"html":"<script>steal()</script>"}`, "status": `{}`})
	if page := s.get(t, "/p/oslo-lamp-1.html").body; strings.Contains(page, "<script>steal") || !strings.Contains(page, "&lt;script&gt;steal()") {
		t.Errorf("the article's text is not escaped:\n%s", page)
	}
}

// TestOneChangeOfAProductReachesItsArticles proves that pages, their tags and the gen by which open pages see a change follow what is
// inherited, and that nothing else was written.
func TestOneChangeOfAProductReachesItsArticles(t *testing.T) {
	s := openFamily(t)
	gen := regexp.MustCompile(`data-gen="(\d+)"`)
	genOf := func(page string) string {
		t.Helper()
		found := gen.FindStringSubmatch(page)
		if found == nil {
			t.Fatalf("the page has no gen:\n%s", page)
		}
		return found[1]
	}
	before := s.get(t, "/p/oslo-lamp-1.html")
	if live := s.get(t, "/live/1").header.Get("X-Vitrine-Gen"); live != genOf(before.body) {
		t.Errorf("live parts have gen %s, and the page has %s", live, genOf(before.body))
	}
	s.answer(t, "product:7", 9, map[string]string{"product": `{"title":"Bergen Lamp","articles":[1,2,3]}`})
	if live := s.get(t, "/live/1").header.Get("X-Vitrine-Gen"); live != "9" {
		t.Errorf("live parts have gen %s; want that of the change", live)
	}
	if got := s.get(t, "/p/oslo-lamp-1.html"); got.header.Get("Location") != "/p/bergen-lamp-1.html" {
		t.Errorf("the old address answers %d to %q", got.status, got.header.Get("Location"))
	}
	after := s.get(t, "/p/bergen-lamp-1.html")
	wantAll(t, after.body, "<h1>Bergen Lamp</h1>", `href="/p/oslo-lamp-black-edition-2.html"`)
	if after.header.Get("ETag") == before.header.Get("ETag") || genOf(after.body) != "9" {
		t.Errorf("the page has ETag %s and gen %s as before", after.header.Get("ETag"), genOf(after.body))
	}
	if tags := after.header.Get("Cache-Tag"); !strings.Contains(tags, "product:7") {
		t.Errorf("caches can't purge the page by its product: %s", tags)
	}
}

// TestAProductThatIsNotThere proves what pages say whose product is not stored yet, is deleted, or can't be read. What a rule refuses for
// want of it is refused only once it is known to be gone.
func TestAProductThatIsNotThere(t *testing.T) {
	s := openFamily(t)
	product := kv.BlobKey{Entity: item.Entity{Kind: "product", ID: "7"}, Blob: "shared"}
	s.redis.Set(func(m *kvtest.Memory) { delete(m.Stored, product) })
	if got := s.get(t, "/p/1.json").status; got != http.StatusServiceUnavailable {
		t.Errorf("without its product, an article that has no title answers %d; want 503", got)
	}
	named := s.get(t, "/p/oslo-lamp-black-edition-2.html")
	if named.status != http.StatusOK || !strings.Contains(named.header.Get("Cache-Control"), "s-maxage=0") {
		t.Errorf("one that has a title answers %d, to be kept by %s", named.status, named.header.Get("Cache-Control"))
	}
	s.redis.Bury("product:7", "shared", 2, kv.Gone)
	s.server.Announced(product.Entity, map[string]uint64{"shared": 2})
	if got := s.get(t, "/p/1.json").status; got != http.StatusGone {
		t.Errorf("an article whose product is deleted answers %d; want 410 by the rule", got)
	}
	s.answer(t, "product:7", 3, map[string]string{"product": `{"title":"Back"}`})
	if got := s.get(t, "/p/back-1.html").status; got != http.StatusOK {
		t.Errorf("an article whose product is back answers %d", got)
	}
}

// TestListsShowWhatIsInherited proves that the cards of a list, the index and the sitemap have inherited titles and addresses.
func TestListsShowWhatIsInherited(t *testing.T) {
	x := &relationIndex{lists: map[kv.Relation][]string{
		{Target: item.Entity{Kind: "category", ID: "5"}, Kind: "product", Ref: "path"}: {"7"},
		{Target: item.Entity{Kind: "product", ID: "7"}, Kind: "sku", Ref: "family"}:    {"1", "2", "3"},
	}}
	s := openFamily(t, func(c *detail.Config) {
		c.Relations, c.Index, c.Lister = x, true, c.Blobs.Tiers[0].Blobs.(*kvtest.Memory)
	})
	s.answer(t, "sku:4", 1, map[string]string{"product": `{"family_id":8}`, "status": `{}`, "price": `{"amount":"5"}`})
	wantAll(t, s.get(t, "/c/5.html").body, `href="/p/oslo-lamp-1.html"`, "Oslo Lamp", "49")
	index := s.get(t, "/").body
	wantAll(t, index, `href="/p/oslo-lamp-1.html"`, "Lamps")
	if strings.Contains(index, "-3.html") || strings.Contains(index, "4.html") {
		t.Errorf("the index has an article that has no page:\n%s", index)
	}
	wantAll(t, s.get(t, "/sitemap-1-of-1.xml").body, "https://shop.example/p/oslo-lamp-1.html", "https://shop.example/p/oslo-lamp-black-edition-2.html")
}

// TestInheritedPartsAreReadAlong proves that a page that was read before takes one batch, and that explain names what it inherits.
func TestInheritedPartsAreReadAlong(t *testing.T) {
	s := openFamily(t)
	s.get(t, "/p/oslo-lamp-2.json")
	s.server.Gap() // nothing in memory is served without being asked for
	if got := s.trips(func() { s.get(t, "/p/oslo-lamp-2.json") }); got != 1 {
		t.Errorf("%d trips for a page that was read before, want 1", got)
	}
	x, err := s.server.Explain(t.Context(), "sku:2")
	if err != nil {
		t.Fatal(err)
	}
	if text := fmt.Sprintf("%+v", x.Parts); !strings.Contains(text, "product:7/shared Role:inherited") {
		t.Errorf("explain says %s", text)
	}
}
