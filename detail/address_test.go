package detail_test

import (
	"net/http"
	"strings"
	"testing"

	"vitrine/detail"
	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/kv/kvtest"
)

// openSlugs opens a shop whose pages have a slug in their paths, and had none formerly.
func openSlugs(t *testing.T, change ...func(*detail.Config)) *shop {
	t.Helper()
	s := open(t, change...)
	p := s.catalog.Pages[0]
	p.Former = []*catalog.Page{{Name: p.Name, Prefix: p.Prefix, Suffix: p.Suffix, Kind: p.Kind, Moved: p}}
	p.Prefix = "/p/"
	p.Slug = &catalog.Slug{From: catalog.Path{"product", "title"}, Sep: "-"}
	return s
}

func TestASlugIsForShow(t *testing.T) {
	s := openSlugs(t)
	s.redis.Put("sku:1", "item", 1, `{"product":{"title":"Café  Noir!"}}`)
	s.redis.Put("sku:MH01-XS", "item", 1, `{"product":{"title":"Hero Hoodie"}}`)
	s.redis.Put("sku:2", "item", 1, `{"product":{"title":"???"}}`)
	s.redis.Put("sku:3", "item", 1, `{"product":{"title":"//evil.example/\r\nSet-Cookie: a=b"}}`)
	s.redis.Put("sku:4", "item", 1, `{"product":{"title":{"no":"text"}}}`)
	const cafe = "/p/caf%C3%A9-noir-1.html"
	for _, tt := range []struct{ path, location string }{
		{cafe, ""},
		{"/p/caf%c3%a9-noir-1.html", ""},
		{"/p/caf%C3%A9-noir-1.json", ""},
		{"/p/1.html", cafe},
		{"/p/1.json", "/p/caf%C3%A9-noir-1.json"},
		{"/p/wrong-1.html", cafe},
		{"/p/caf%25C3%25A9-noir-1.html", cafe},
		{"/p/..%2f..%2fetc-1.html", cafe},
		{"/p/%2F%2Fevil.example%2F-1.html", cafe},
		{"/p/%0d%0aSet-Cookie:%20a=b-1.html", cafe},
		{"/p/%E2%80%AEgpj-1.html", cafe},
		{"/p/" + strings.Repeat("a", 10_000) + "-1.html", cafe},
		{"/p/wrong-1.html?utm_source=mail&area=1-2&area2=x", cafe + "?area=1-2"},
		{"/p/wrong-1.html?area=%0d%0aX:y", cafe},
		{"/item/1.html", cafe},
		{"/item/1.json", "/p/caf%C3%A9-noir-1.json"},
		{"/p/hero-hoodie--MH01-XS.html", ""},
		{"/p/--MH01-XS.html", "/p/hero-hoodie--MH01-XS.html"},
		{"/item/MH01-XS.html", "/p/hero-hoodie--MH01-XS.html"},
		{"/p/2.html", ""},
		{"/p/x-2.html", "/p/2.html"},
		{"/p/3.html", "/p/evil-example-set-cookie-a-b-3.html"},
	} {
		t.Run(tt.path[:min(len(tt.path), 60)], func(t *testing.T) {
			for range 2 { // the second time from memory
				got := s.get(t, tt.path)
				if tt.location == "" && got.status != 200 || tt.location != "" && got.status != 301 || got.header.Get("Location") != tt.location {
					t.Fatalf("%d to %q, want %q", got.status, got.header.Get("Location"), tt.location)
				}
				if tt.location != "" && s.get(t, tt.location).status != 200 {
					t.Fatalf("%s leads on", tt.location)
				}
				if cache := got.header.Get("Cache-Control"); tt.location != "" && cache != "public, max-age=0, s-maxage=5" {
					t.Errorf("a redirect is kept: %s", cache)
				}
			}
		})
	}
	for path, want := range map[string]int{"/p/caf-404.html": 404, "/item/404.html": 404, "/p/a%ff-1.html": 301, "/p/4.html": 200, "/p/-.html": 400} {
		if got := s.get(t, path); got.status != want {
			t.Errorf("%s answers %d, want %d", path, got.status, want)
		}
	}
}

// TestAPathOfAnyScriptHasOneForm proves that a page is found however a client escapes its path, and that what is sent out has it escaped.
func TestAPathOfAnyScriptHasOneForm(t *testing.T) {
	s := openSlugs(t)
	s.catalog.Site.Prefix = "/l%C3%A4den"
	s.catalog.Pages[0].Prefix = item.EscapePath("/läden/ب/(1)/")
	s.redis.Put("sku:1", "item", 1, `{"product":{"title":"Lamp"}}`)
	const right = "/l%C3%A4den/%D8%A8/%281%29/lamp-1.html"
	for _, path := range []string{right, "/l%c3%a4den/%d8%a8/(1)/lamp-1.html", "/läden/ب/(1)/lamp-1.html", "/%6c%c3%a4den/%d8%a8/%281)/lamp%2D1.html"} {
		if got := s.get(t, path); got.status != 200 || !strings.Contains(got.body, "Lamp") {
			t.Errorf("%s answers %d", path, got.status)
		}
	}
	if got := s.get(t, strings.Replace(right, "lamp-1", "x-1", 1)); got.status != 301 || got.header.Get("Location") != right {
		t.Errorf("a wrong slug answers %d to %q", got.status, got.header.Get("Location"))
	}
	if got := s.get(t, "/l%c3%a4den/live/1"); got.status != 200 {
		t.Errorf("the live parts answer %d", got.status)
	}
}

// TestANewTitleIsANewSlug proves that a page moves with its title, that its former slug leads to it, also where the page was in memory,
// and that a title may become again what it was.
func TestANewTitleIsANewSlug(t *testing.T) {
	s := openSlugs(t)
	e := item.Entity{Kind: "sku", ID: "1"}
	for gen, title := range []string{"Green Tea", "Black Tea", "Green Tea"} {
		now, other := "/p/green-tea-1.html", "/p/black-tea-1.html"
		if title == "Black Tea" {
			now, other = other, now
		}
		s.redis.Put("sku:1", "item", uint64(gen+1), `{"product":{"title":"`+title+`"}}`)
		s.server.Announced(e, map[string]uint64{"item": uint64(gen + 1)})
		if got := s.get(t, other); got.status != 301 || got.header.Get("Location") != now {
			t.Errorf("gen %d: %s answers %d, %q", gen+1, other, got.status, got.header.Get("Location"))
		}
		if got := s.get(t, now); got.status != 200 {
			t.Errorf("gen %d: %s answers %d to %q", gen+1, now, got.status, got.header.Get("Location"))
		}
	}
}

// TestAnOldSlugDoesNotRedirect proves that a server that may know an old title serves the page where it is asked for: another server
// that knows the new one would send the visitor back.
func TestAnOldSlugDoesNotRedirect(t *testing.T) {
	s := openSlugs(t)
	s.bolt.Put("sku:1", "item", 1, `{"product":{"title":"Green Tea"}}`)
	s.redis.Set(func(m *kvtest.Memory) { m.Err = errDown })
	got := s.get(t, "/p/black-tea-1.html")
	if got.status != 200 || got.header.Get("X-Vitrine-Stale") == "" {
		t.Errorf("%d to %q, stale %q", got.status, got.header.Get("Location"), got.header.Get("X-Vitrine-Stale"))
	}
}

// TestAllAddressesHaveTheSlug proves that whatever names a page names it by its right path.
func TestAllAddressesHaveTheSlug(t *testing.T) {
	s := openSlugs(t, func(c *detail.Config) { c.Index = true })
	s.catalog.Pages[0].Rules = append(s.catalog.Pages[0].Rules,
		rule(t, `product.kind == "abroad"`, catalog.Rule{Redirect: "https://abroad.example/x/{slug}/{sku}"}, catalog.Path{"product", "kind"}))
	s.catalog.Site.Sisters = []catalog.Sister{{Lang: "de", URL: "https://de.example"}}
	s.redis.Put("sku:1", "item", 1, `{"product":{"title":"Green Tea","images":["/a.png"],"options":[{"name":"Size","value":"S"}]}}`, "siblings=2,3")
	s.redis.Put("sku:1", "offer", 1, `{"price":{"amount":"5"}}`)
	s.redis.Put("sku:1", "desc", 1, `{"description":{"html":"<p>Fine</p>"}}`)
	s.redis.Put("sku:2", "item", 1, `{"product":{"title":"Black Tea","images":["/b.png"],"options":[{"name":"Size","value":"M"}]}}`)
	s.redis.Put("sku:3", "item", 1, `{"product":{"title":"Abroad","kind":"abroad"}}`)
	const own = "https://shop.example/p/green-tea-1.html"
	page := s.get(t, "/p/green-tea-1.html").body
	for _, want := range []string{
		`<link rel="canonical" href="` + own + `">`, `<meta property="og:url" content="` + own + `">`, `hreflang="de" href="https://de.example/p/green-tea-1.html"`,
		`"url":"` + own + `"`, `href="/p/black-tea-2.html"`, `"url":"https://shop.example/p/black-tea-2.html"`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	if strings.Contains(page, "/item/") || strings.Contains(page, `/p/1.html`) || strings.Contains(page, `/p/2.html`) {
		t.Errorf("the page has an address without a slug:\n%s", page)
	}
	if desc := s.get(t, "/desc/1.html").body; !strings.Contains(desc, `<link rel="canonical" href="`+own+`">`) {
		t.Errorf("the description has another canonical address:\n%s", desc)
	}
	if got := s.get(t, "/p/abroad-3.html"); got.status != http.StatusFound || got.header.Get("Location") != "https://abroad.example/x/abroad/3" {
		t.Errorf("%d to %q", got.status, got.header.Get("Location"))
	}
}

// TestPagesOfOneEntityNameOneAddress proves that a second page of the same blob names the first as canonical, unless the first leads away.
func TestPagesOfOneEntityNameOneAddress(t *testing.T) {
	s := open(t)
	first := s.catalog.Pages[0]
	second := &catalog.Page{Name: "second", Prefix: "/m/", Suffix: ".html", Kind: first.Kind, Blob: first.Blob, Template: "item.html"}
	s.catalog.Pages = append(s.catalog.Pages, second)
	first.Rules = append(first.Rules, rule(t, `product.kind == "second"`, catalog.Rule{Redirect: "/m/{sku}.html"}, catalog.Path{"product", "kind"}))
	for id, kind := range map[string]string{"1": "", "2": "second"} {
		s.redis.Put("sku:"+id, "item", 1, `{"product":{"title":"T","kind":"`+kind+`"}}`)
	}
	for path, want := range map[string]string{"/item/1.html": "/item/1.html", "/m/1.html": "/item/1.html", "/m/2.html": "/m/2.html"} {
		body := s.get(t, path).body
		if !strings.Contains(body, `<link rel="canonical" href="https://shop.example`+want+`">`) || strings.Contains(body, "noindex") {
			t.Errorf("%s has another canonical address than %s", path, want)
		}
	}
}
