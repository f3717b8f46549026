package catalog_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vitrine/internal/catalog"
)

// withSite is the catalog whole with more keys in its site.
func withSite(keys string) string {
	return strings.Replace(whole, `site: { name: Demo,`, `site: { `+keys+`, name: Demo,`, 1)
}

func TestSite(t *testing.T) {
	c := parse(t, withSite(`buy: { url: "https://cart.example/add/{id}", method: get, id: sku, quantity: n },
  links: { top: [{ title: Contact, url: /contact }], bottom: [{ title: Imprint, url: "https://shop.example/imprint" }] },
  sisters: { de: "https://shop.example.de/", x-default: "https://shop.example/en" },
  shipping: { to: [DE, AT], price: 4.90, handling: [0, 1], transit: [1, 3] }, returns: { to: DE, days: 30, free: true, url: /returns }`))
	want := catalog.Site{
		Name: "Demo", Origin: "https://shop.example", Lang: "en", Currency: "EUR", Images: []string{"https://img.example", "https://small.example"},
		Sizes:    "https://small.example/{width}?of={url}",
		Buy:      &catalog.Buy{URL: "https://cart.example/add/{id}", Method: "get", ID: "sku", Quantity: "n"},
		Top:      []catalog.Link{{Title: "Contact", URL: "/contact"}},
		Bottom:   []catalog.Link{{Title: "Imprint", URL: "https://shop.example/imprint"}},
		Sisters:  []catalog.Sister{{Lang: "de", URL: "https://shop.example.de"}, {Lang: "x-default", URL: "https://shop.example/en"}},
		Shipping: &catalog.Shipping{Countries: []string{"DE", "AT"}, Price: "4.90", HandlingMost: 1, TransitLeast: 1, TransitMost: 3, Known: true},
		Returns:  &catalog.Returns{Country: "DE", Days: 30, Free: true, URL: "/returns"},
	}
	if diff := cmp.Diff(want, c.Site); diff != "" {
		t.Error(diff)
	}
	if short := parse(t, withSite(`buy: "/cart"`)).Site.Buy; *short != (catalog.Buy{URL: "/cart", Method: "post", ID: "id", Quantity: "quantity"}) {
		t.Errorf("the short form of buy is %+v, want a POST with id and quantity", short)
	}
}

func TestSiteFaults(t *testing.T) {
	for keys, want := range map[string]string{
		`buy: { url: "/cart?shop=1", method: get }`:             "site.buy.url has a query",
		`buy: "javascript:alert(1)"`:                            "site.buy leads nowhere",
		`buy: "//cart.example"`:                                 "site.buy leads nowhere",
		`buy: "/\\evil.example/"`:                               "site.buy leads nowhere",
		`buy: "/cart'><script>"`:                                "site.buy leads nowhere",
		`buy: "https://shop.example:x@evil.example/"`:           "site.buy leads nowhere",
		`buy: "https://bücher.example/"`:                        "Content-Security-Policy can't name",
		`buy: "https://*.example/"`:                             "Content-Security-Policy can't name",
		`buy: { url: /cart, id: n, quantity: n }`:               "must be two names",
		`buy: { url: /cart, id: "" }`:                           "must be two names",
		`buy: "https://{id}.example/"`:                          "site.buy leads nowhere",
		`buy: "/cart/{sku}"`:                                    "unknown placeholder {sku}",
		`buy: { url: /cart, method: put }`:                      `site.buy.method is none: "put"`,
		`buy: { method: get }`:                                  "site.buy lacks url",
		`links: { top: [{ title: x }] }`:                        "lacks title or url",
		`links: { side: [] }`:                                   `site.links has no key "side"`,
		`sisters: { german: "https://x.example" }`:              `"german" is no language`,
		`sisters: { de: /de }`:                                  "a sister site needs a base URL",
		`shipping: { price: "1" }`:                              "does not say to which countries",
		`shipping: { to: [Germany] }`:                           "must be a country of two capitals",
		`shipping: { to: DE, price: -1 }`:                       "is no amount",
		`shipping: { to: DE, transit: [3, 1] }`:                 "must be a whole number from 3 to 365",
		`returns: { days: 30 }`:                                 "lacks to or days",
		`returns: { to: DE, days: 30, url: "ftp://x.example" }`: "site.returns.url leads nowhere",
	} {
		_, err := catalog.Parse([]byte(withSite(keys)), "shop.yaml", catalog.Options{})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", keys, err, want)
		}
	}
}
