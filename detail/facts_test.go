package detail_test

import (
	"strings"
	"testing"

	"vitrine/detail"
	"vitrine/internal/catalog"
)

// TestAPartOfAProductIsNoPageOfItsOwn proves that a description page has the title and the canonical address of its
// product, and is closed to search engines.
func TestAPartOfAProductIsNoPageOfItsOwn(t *testing.T) {
	s := open(t)
	s.redis.Put("sku:1", "item", 1, `{"product":{"title":"Lamp"}}`)
	s.redis.Put("sku:1", "desc", 1, `{"description":{"html":"<p>It shines.</p>"}}`)
	got := s.get(t, "/desc/1.html")
	for _, want := range []string{"<title>Lamp · Demo</title>", `<meta name="robots" content="noindex">`, `<link rel="canonical" href="https://shop.example/item/1.html">`} {
		if !strings.Contains(got.body, want) {
			t.Errorf("%s is missing: %s", want, got.body)
		}
	}
	if page := s.get(t, "/item/1.html"); strings.Contains(page.body, "noindex") {
		t.Error("the product itself is not to be found:", page.body)
	}
	s.redis.Put("sku:1", "item", 2, `{"product":{"title":"Lantern"}}`)
	s.server.Gap()
	if again := s.get(t, "/desc/1.html"); !strings.Contains(again.body, "<title>Lantern") || again.header.Get("ETag") == got.header.Get("ETag") {
		t.Error("the title stays as it was:", again)
	}
}

// TestSisterSitesAndForms proves that a site's pages show its sister sites and forms from the catalog.
func TestSisterSitesAndForms(t *testing.T) {
	c := demo(t)
	c.Site.Prefix = ""
	c.Site.Sisters = []catalog.Sister{{Lang: "de", URL: "https://shop.example.de"}, {Lang: "x-default", URL: "https://shop.example/en"}}
	c.Site.Buy = &catalog.Buy{URL: "https://cart.example/add/{id}?a=1", Method: "post", ID: "id", Quantity: "quantity"}
	s := open(t, func(cfg *detail.Config) { cfg.Catalog = func() *catalog.Catalog { return c } })
	s.redis.Put("sku:a/b", "item", 1, `{"product":{"title":"Lamp"},"price":{"amount":"5.10"}}`)
	got := s.get(t, "/item/a%2Fb.html")
	for _, want := range []string{
		`<link rel="alternate" hreflang="en" href="https://shop.example/item/a%2Fb.html">`,
		`<link rel="alternate" hreflang="de" href="https://shop.example.de/item/a%2Fb.html">`,
		`<link rel="alternate" hreflang="x-default" href="https://shop.example/en/item/a%2Fb.html">`,
		`<form class="order" action="https://cart.example/add/a%2Fb?a=1" method="post"`, `name="id" value="a/b"`,
	} {
		if !strings.Contains(got.body, want) {
			t.Errorf("%s is missing: %s", want, got.body)
		}
	}
	if csp := got.header.Get("Content-Security-Policy"); !strings.Contains(csp, "form-action 'self' https://cart.example;") {
		t.Errorf("%v; want a body with form-action 'self' https://cart.example;", csp)
	}
}

// TestAddressesWithoutAnOrigin proves that the server's configured address is used where the catalog has no origin.
func TestAddressesWithoutAnOrigin(t *testing.T) {
	for _, origin := range []string{"", "http://127.0.0.1:8080"} {
		c := demo(t)
		c.Site.Origin = ""
		s := open(t, func(cfg *detail.Config) {
			cfg.Catalog = func() *catalog.Catalog { return c }
			cfg.Origin = func() string { return origin }
		})
		s.redis.Put("sku:1", "item", 1, `{"product":{"title":"Lamp"}}`)
		link := `<link rel="canonical" href="http://127.0.0.1:8080/item/1.html">`
		if got := s.get(t, "/item/1.html"); strings.Contains(got.body, link) != (origin != "") || origin == "" && strings.Contains(got.body, "canonical") {
			t.Errorf("origin %q: %s", origin, got.body)
		}
	}
}
