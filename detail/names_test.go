package detail_test

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"vitrine/detail"
	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/internal/kv/kvtest"
	"vitrine/internal/poll"
	"vitrine/internal/slug"
	"vitrine/templates"
)

const namedShop = `
version: 1
site: { origin: "https://shop.example" }
upstreams: { shop: { url: "http://127.0.0.1:9" } }
entities:
  sku:
    dimensions:
      product: { from: shop, get: "/p/{id}", refs: { siblings: { kind: sku, field: siblings }, category: category } }
      description: { from: shop, get: "/d/{id}" }
    blobs: { item: { of: [product] }, desc: { of: [description] } }
  category:
    dimensions: { category: { from: shop, get: "/c/{id}" } }
    blobs: { card: { of: [category], fold: .category } }
pages:
  item: { path: "/p/{slug}.html", kind: sku, slug: product.title, former: ["/item/{sku}.html"], blob: item, with: { siblings: item, category: card }, template: item.html }
  desc: { path: "/desc/{sku}.html", blob: desc, template: desc.html }
  category: { path: "/c/{slug}.html", kind: category, slug: title, blob: card, template: item.html, lists: { kind: sku, ref: category } }
`

// openNamed opens a shop whose pages are found by a slug alone.
func openNamed(t *testing.T, change ...func(*detail.Config)) *shop {
	t.Helper()
	s := open(t, change...)
	c, err := catalog.Parse([]byte(namedShop), "shop.yaml", catalog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	s.catalog = c
	return s
}

// claim puts what syncers would into the index, and announces it.
func (s *shop) claim(gen uint64, page, text string, ids ...string) {
	claims, _ := slug.Claims(nil).With(ids...)
	e := item.Entity{Kind: catalog.SlugKind, ID: slug.Key(text)}
	s.redis.Put(e.String(), page, gen, `{"`+page+`":`+string(claims.Encode())+`}`)
	s.server.Announced(e, map[string]uint64{page: gen})
}

// title puts an article, and announces it.
func (s *shop) title(gen uint64, id, title string, refs ...string) {
	s.redis.Put("sku:"+id, "item", gen, `{"product":{"title":"`+title+`"}}`, refs...)
	s.server.Announced(item.Entity{Kind: "sku", ID: id}, map[string]uint64{"item": gen})
}

// leads fails the test unless a path answers 200 if there is no location, else 301 to it; and that twice.
func (s *shop) leads(t *testing.T, path, location string) {
	t.Helper()
	want := 301
	if location == "" {
		want = 200
	}
	for range 2 {
		if got := s.get(t, path); got.status != want || got.header.Get("Location") != location {
			t.Errorf("%s answers %d to %q, want %d to %q", path, got.status, got.header.Get("Location"), want, location)
			return
		}
	}
	if location != "" && s.get(t, location).status != 200 {
		t.Errorf("%s leads to %s, which answers %d", path, location, s.get(t, location).status)
	}
}

func (s *shop) answers(t *testing.T, path string, want int) {
	t.Helper()
	if got := s.get(t, path); got.status != want {
		t.Errorf("%s answers %d, want %d", path, got.status, want)
	}
}

func TestASlugAloneNamesItsEntity(t *testing.T) {
	s := openNamed(t)
	s.title(1, "1", "Café Noir")
	s.title(1, "2", "Unclaimed")
	s.title(1, "3", "???")
	s.claim(2, "item", "café-noir", "1")
	const cafe = "/p/caf%C3%A9-noir.html"
	for path, location := range map[string]string{
		cafe: "", "/p/caf%C3%A9-noir.json": "", "/p/caf%C3%A9-noir--1.html": cafe, "/p/x--1.html": cafe, "/p/--1.html": cafe, "/item/1.html": cafe, "/p/caf%C3%A9-noir--.html": cafe,
		"/p/Caf%C3%A9%20Noir.html": cafe, "/p/caf%C3%A9-noir--1.json": "/p/caf%C3%A9-noir.json",
		"/p/unclaimed--2.html": "", "/item/2.html": "/p/unclaimed--2.html", "/p/sku--3.html": "", "/p/x--3.html": "/p/sku--3.html",
	} {
		s.leads(t, path, location)
	}
	for path, want := range map[string]int{"/p/nothing.html": 404, "/p/.html": 404, "/p/--.html": 404, "/p/unclaimed.html": 404, "/p/x--404.html": 404,
		"/p/%00.html": 404, "/p/%2F..%2F.html": 404, "/p/a%ff.html": 404, "/p/" + strings.Repeat("a", 8000) + ".html": 404, "/p/x--%2e%2e.html": 400} {
		s.answers(t, path, want)
	}
	got := s.get(t, cafe)
	if !strings.Contains(got.body, `<link rel="canonical" href="https://shop.example`+cafe+`"`) || !strings.Contains(got.header.Get("Cache-Tag"), "slug:") {
		t.Errorf("tags %q, page %s", got.header.Get("Cache-Tag"), got.body)
	}
}

// TestExplainNamesTheClaims proves that an explanation of a slug names the entities that have had it, and has no page.
func TestExplainNamesTheClaims(t *testing.T) {
	s := openNamed(t)
	s.claim(1, "item", "tea", "9", "10")
	x, err := s.server.Explain(t.Context(), "slug:tea")
	if err != nil || x.Page != "" || !slices.ContainsFunc(x.Parts, func(a detail.Account) bool { return slices.Equal(a.Claims, []string{"9", "10"}) }) {
		t.Errorf("%+v, %v", x, err)
	}
}

// TestWhoHasASlug goes through what may become of a slug: two that have it, one that gives it up, another that takes it, deletions.
func TestWhoHasASlug(t *testing.T) {
	s := openNamed(t)
	s.title(1, "1", "Tea")
	s.title(1, "2", "Tea")
	s.claim(2, "item", "tea", "1", "2")
	s.leads(t, "/p/tea.html", "")
	s.leads(t, "/p/tea--1.html", "/p/tea.html")
	s.leads(t, "/p/tea--2.html", "")

	s.title(3, "1", "Coffee") // gives it up: it belongs to the other
	s.claim(4, "item", "coffee", "1")
	s.leads(t, "/p/tea--2.html", "/p/tea.html")
	s.leads(t, "/p/tea.html", "")
	s.leads(t, "/p/coffee.html", "")

	s.title(5, "2", "Cup") // nobody has it: it leads to the first who had it
	s.claim(6, "item", "cup", "2")
	s.leads(t, "/p/tea.html", "/p/coffee.html")

	s.title(7, "9", "Tea") // who takes it has it, whoever had it before
	s.claim(8, "item", "tea", "1", "2", "9")
	s.leads(t, "/p/tea.html", "")
	if got := s.get(t, "/p/tea.json"); !strings.Contains(got.body, `"sku":"9"`) {
		t.Errorf("it is the page of %s", got.body)
	}

	s.title(9, "1", "Tea") // comes back, and comes first
	s.leads(t, "/p/coffee.html", "/p/tea.html")
	s.leads(t, "/p/tea--9.html", "")

	for _, id := range []string{"1", "9"} {
		s.redis.Bury("sku:"+id, "item", 10, kv.Gone)
		s.server.Announced(item.Entity{Kind: "sku", ID: id}, map[string]uint64{"item": 10})
	}
	s.leads(t, "/p/tea.html", "/p/cup.html") // the last of those that had it
	s.redis.Bury("sku:2", "item", 11, kv.Gone)
	s.server.Announced(item.Entity{Kind: "sku", ID: "2"}, map[string]uint64{"item": 11})
	s.answers(t, "/p/tea.html", 410)
	s.answers(t, "/p/coffee.html", 410)
	s.title(12, "30", "Tea")
	s.claim(13, "item", "tea", "1", "2", "9", "30")
	s.leads(t, "/p/tea.html", "")
}

// TestSlugsWithoutRedis proves that a server finds pages by its own file while Redis is away.
func TestSlugsWithoutRedis(t *testing.T) {
	s := openNamed(t)
	s.bolt.Put("sku:1", "item", 1, `{"product":{"title":"Tea"}}`)
	s.bolt.Put("slug:tea", "item", 1, `{"item":{"ids":["1"]}}`)
	s.redis.Set(func(m *kvtest.Memory) { m.Err = errDown })
	if got := s.get(t, "/p/tea.html"); got.status != 200 || got.header.Get("X-Vitrine-Stale") == "" {
		t.Errorf("%d, stale %q", got.status, got.header.Get("X-Vitrine-Stale"))
	}
	s.answers(t, "/p/nothing.html", 503) // nobody knows
}

// TestLinksBySlug proves that what a page links to has the path at which it is found, and that the page changes when that does.
func TestLinksBySlug(t *testing.T) {
	set := theme(t, fstest.MapFS{"item.html": {Data: []byte(`{{range .siblings}}[{{.URL}}]{{end}}`)}})
	s := openNamed(t, func(c *detail.Config) { c.Templates = func() *templates.Set { return set } })
	s.title(1, "1", "Tea", "siblings=2,3,4")
	s.title(1, "2", "Tea")
	s.title(1, "3", "Cup")
	s.claim(2, "item", "tea", "1", "2")
	s.claim(2, "item", "cup", "3")
	page := func(wants ...string) {
		t.Helper()
		got := s.get(t, "/p/tea.html").body
		for _, want := range wants {
			if !strings.Contains(got, want) {
				t.Errorf("there is no %s in %s", want, got)
			}
		}
	}
	page("[/p/tea--2.html]", "[/p/cup.html]")
	s.title(3, "2", "Mug")
	page("[/p/mug--2.html]")
	s.claim(4, "item", "mug", "2")
	page("[/p/mug.html]", "[/p/cup.html]")
	s.title(5, "0", "Cup")
	s.claim(6, "item", "cup", "0", "3")
	page("[/p/cup--3.html]")
}

// TestListsBySlug proves that lists, the sitemap and explain have the paths at which things are found.
func TestListsBySlug(t *testing.T) {
	x := &relationIndex{lists: map[kv.Relation][]string{{Target: item.Entity{Kind: "category", ID: "7"}, Kind: "sku", Ref: "category"}: {"1", "2"}}}
	set := theme(t, fstest.MapFS{"item.html": {Data: []byte(`{{range .Items}}[{{.URL}}]{{end}}{{if .sku}}({{.category.URL}}){{end}}`)}})
	s := openNamed(t, func(c *detail.Config) {
		c.Relations, c.Templates = x, func() *templates.Set { return set }
		c.Lister = c.Blobs.Tiers[0].Blobs.(detail.BlobLister)
	})
	s.redis.Put("category:7", "card", 1, `{"title":"Teas"}`)
	s.title(1, "1", "Tea", "category:7")
	s.title(1, "2", "Tea", "category:7")
	s.claim(2, "item", "tea", "1", "2")
	s.claim(2, "category", "teas", "7")
	if got := s.get(t, "/c/teas.html"); got.body != "[/p/tea.html][/p/tea--2.html]" {
		t.Errorf("the list has %d %s", got.status, got.body)
	}
	if got := s.get(t, "/p/tea.html"); got.body != "(/c/teas.html)" {
		t.Errorf("the page has %d %s", got.status, got.body)
	}
	sitemap := s.get(t, "/sitemap-1-of-1.xml").body
	for _, path := range []string{"/p/tea.html", "/p/tea--2.html", "/c/teas.html"} {
		if !strings.Contains(sitemap, "<loc>https://shop.example"+path+"</loc>") {
			t.Errorf("there is no %s in %s", path, sitemap)
		}
	}
	for _, target := range []string{"/p/tea.html", "/p/x--1.html", "sku:1"} {
		if got, err := s.server.Explain(t.Context(), target); err != nil || got.Entity != "sku:1" || got.Path != "/p/tea.html" || got.Parts[len(got.Parts)-1].Role != "slug" && target != "sku:1" {
			t.Errorf("%s is %+v, %v", target, got, err)
		}
	}
	s.title(3, "1", "Mug", "category:7") // its own blob decides, before its new slug is claimed
	if got := s.get(t, "/c/teas.html"); got.body != "[/p/mug--1.html][/p/tea.html]" {
		t.Errorf("after a new title the list has %s", got.body)
	}
}

// TestUnknownSlugsAreRemembered proves that a slug that nobody has comes from memory after some time, as an unknown id does.
func TestUnknownSlugsAreRemembered(t *testing.T) {
	s := openNamed(t)
	poll.Until(t, "a 404 asks no store", func() bool {
		reads := s.redis.Reads()
		s.answers(t, "/p/nothing.html", 404)
		return s.redis.Reads() == reads
	})
}

const namedHeirs = `
version: 1
upstreams: { shop: { url: "http://127.0.0.1:9" } }
entities:
  sku:
    dimensions: { product: { from: shop, get: "/p/{id}", refs: { siblings: { kind: sku, field: siblings }, family: { kind: family, field: family } } } }
    blobs: { item: { of: [product], inherit: { family: shared } } }
  family:
    dimensions: { product: { from: shop, get: "/f/{id}" } }
    blobs: { shared: { of: [product] } }
pages:
  item: { path: "/p/{slug}.html", kind: sku, slug: product.title, blob: item, with: { siblings: item }, template: item.html }
`

// TestAnInheritedTextIsNoSlugOfItsOwn proves that of articles that inherit none is found by the inherited text alone, also where it had claimed that
// as its own, and that none leads to another's page.
func TestAnInheritedTextIsNoSlugOfItsOwn(t *testing.T) {
	s := open(t)
	c, err := catalog.Parse([]byte(namedHeirs), "shop.yaml", catalog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	s.catalog = c
	family := func(gen uint64, title string) {
		s.redis.Put("family:7", "shared", gen, `{"product":{"title":"`+title+`"}}`)
		s.server.Announced(item.Entity{Kind: "family", ID: "7"}, map[string]uint64{"shared": gen})
	}
	family(1, "Tea")
	s.title(1, "12", "", "family:7", "siblings=13")
	s.title(1, "13", "Tea", "family:7", "siblings=12")
	s.claim(2, "item", "tea", "12", "13")
	s.claim(2, "item", "oolong", "12")
	for path, location := range map[string]string{"/p/tea.html": "", "/p/tea--12.html": "", "/p/tea--13.html": "/p/tea.html", "/p/oolong.html": "/p/tea--12.html"} {
		s.leads(t, path, location)
	}
	for path, want := range map[string]string{"/p/tea.html": `href="/p/tea--12.html"`, "/p/tea--12.html": `href="/p/tea.html"`} {
		if got := s.get(t, path); !strings.Contains(got.body, want) {
			t.Errorf("%s has no %s:\n%s", path, want, got.body)
		}
	}
	family(3, "Green Tea")
	for path, location := range map[string]string{"/p/tea.html": "", "/p/green-tea--12.html": "", "/p/tea--12.html": "/p/green-tea--12.html"} {
		s.leads(t, path, location)
	}
}
