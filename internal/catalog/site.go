package catalog

import (
	"net/url"
	"regexp"
	"slices"
	"strings"

	"vitrine/internal/item"
)

// Site is what all pages share. Prefix is "" or begins with a slash and does not end with one; it is escaped.
type Site struct {
	Name, Origin, Lang, Currency, Prefix string
	Images                               []string // origins that pictures may come from, for the CSP
	Sizes                                string   // address of a picture, {url}, in a width of {width} pixels; "" for none
	Buy                                  *Buy     // nil: pages have no button
	Top, Bottom                          []Link   // of the header and the footer
	Sisters                              []Sister // the same pages in other languages
	Shipping                             *Shipping
	Returns                              *Returns
}

// Buy is the form by which a visitor buys: Vitrine sells nothing, the shop's own URL does.
type Buy struct {
	URL          string // absolute, or a path; {id} is the product's
	Method       string // get or post
	ID, Quantity string // names of the fields
}

// Link is a text that leads somewhere.
type Link struct{ Title, URL string }

// Sister is a site that has the same pages at the same paths, in another language. URL has no trailing slash.
type Sister struct{ Lang, URL string }

// Shipping is what sending costs, and how many days it takes.
type Shipping struct {
	Countries                   []string // ISO 3166-1, two letters
	Price                       string   // decimal, in the site's currency; "" for unknown
	HandlingLeast, HandlingMost int
	TransitLeast, TransitMost   int
	Known                       bool // the days are given
}

// Returns says how a product can be sent back.
type Returns struct {
	Country string // ISO 3166-1, two letters
	Days    int    // 0: not at all
	Free    bool
	URL     string // "" for none
}

func (c *compiler) site(n *node) {
	s := &c.cat.Site
	c.fieldsOf(n, "site", map[string]func(*node){
		"name": c.str("site.name", &s.Name), "lang": c.str("site.lang", &s.Lang), "currency": c.str("site.currency", &s.Currency),
		"origin": func(n *node) { s.Origin = c.origin(n, "site.origin") },
		"images": c.strings("site.images", func(n *node) { s.Images = append(s.Images, c.origin(n, "an entry of site.images")) }),
		"prefix": func(n *node) { s.Prefix = c.prefix(n) },
		"buy":    func(n *node) { s.Buy = c.buy(n) },
		"links": func(n *node) {
			c.fieldsOf(n, "site.links", map[string]func(*node){"top": c.links("site.links.top", &s.Top), "bottom": c.links("site.links.bottom", &s.Bottom)})
		},
		"sisters":  func(n *node) { s.Sisters = c.sisters(n) },
		"shipping": func(n *node) { s.Shipping = c.shipping(n) },
		"returns":  func(n *node) { s.Returns = c.returns(n) },
	})
}

// buy reads { url, method, id, quantity }, or the url alone.
func (c *compiler) buy(n *node) *Buy {
	b := &Buy{Method: "post", ID: "id", Quantity: "quantity"}
	if n.form == text {
		b.URL = c.formAddress(n, "site.buy")
		return b
	}
	ok := c.fieldsOf(n, "site.buy", map[string]func(*node){
		"url": func(n *node) { b.URL = c.formAddress(n, "site.buy.url") },
		"method": func(n *node) {
			b.Method = n.text
			if b.Method != "get" && b.Method != "post" {
				c.add(n, "write get or post", "site.buy.method is none: %q", n.text)
			}
		},
		"id": c.str("site.buy.id", &b.ID), "quantity": c.str("site.buy.quantity", &b.Quantity),
	})
	if ok && n.get("url") == nil {
		c.add(n, "", "site.buy lacks url")
	}
	if b.Method == "get" && strings.Contains(b.URL, "?") {
		c.add(n, "write it into the path, or use post", "site.buy.url has a query, which browsers drop from a form of method get: %q", b.URL)
	}
	if b.ID == "" || b.Quantity == "" || b.ID == b.Quantity {
		c.add(n, "", "site.buy.id and site.buy.quantity must be two names, not %q and %q", b.ID, b.Quantity)
	}
	return b
}

// hostName is a host, with or without a port, that a Content-Security-Policy can name.
var hostName = regexp.MustCompile(`^([A-Za-z0-9-]+\.)*[A-Za-z0-9-]+(:[0-9]+)?$`)

// formAddress reads an address that a form may be sent to. It may contain {id}.
func (c *compiler) formAddress(n *node, what string) string {
	s := c.address(n, what, "id")
	u, err := url.Parse(s)
	if err == nil && u.Host != "" && !hostName.MatchString(u.Host) {
		c.add(n, "write the name as the DNS has it, such as xn--bcher-kva.example", "%s has a host that the pages' Content-Security-Policy can't name: %q", what, u.Host)
	}
	return s
}

func (c *compiler) links(what string, to *[]Link) func(*node) {
	return func(n *node) {
		if !c.want(n, list, what) {
			return
		}
		for _, it := range n.items {
			var l Link
			ok := c.fieldsOf(it, "a link of "+what, map[string]func(*node){
				"title": c.str("title", &l.Title), "url": func(n *node) { l.URL = c.address(n, "url") },
			})
			if ok && (it.get("title") == nil || it.get("url") == nil) {
				c.add(it, "write it as { title: Contact, url: /contact }", "a link of %s lacks title or url", what)
			}
			*to = append(*to, l)
		}
	}
}

// address reads an absolute URL of the web, or a path of the site, with at most the placeholders named.
func (c *compiler) address(n *node, what string, names ...string) string {
	if !c.want(n, text, what) {
		return ""
	}
	plain := n.text
	for _, name := range placeholders(n.text) {
		if !slices.Contains(names, name) {
			c.add(n, "", "%s has an unknown placeholder {%s}", what, name)
			return ""
		}
		plain = strings.ReplaceAll(plain, "{"+name+"}", "1")
	}
	u, err := url.Parse(plain)
	absolute := err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.User == nil && strings.HasPrefix(n.text, u.Scheme+"://"+u.Host)
	local := err == nil && u.Scheme == "" && u.Host == "" && strings.HasPrefix(plain, "/")
	if !absolute && !local || strings.ContainsAny(plain, " \r\n\t\\;,'\"<>") {
		c.add(n, "write it as https://shop.example/cart, or as /cart", "%s leads nowhere: %q", what, n.text)
		return ""
	}
	return n.text
}

var languageTag = regexp.MustCompile(`^([a-z]{2,3}(-[A-Za-z]{4})?(-[A-Za-z]{2})?|x-default)$`)

// sisters reads language → base URL.
func (c *compiler) sisters(n *node) (all []Sister) {
	if !c.want(n, object, "site.sisters") {
		return nil
	}
	for _, f := range n.fields {
		if !languageTag.MatchString(f.key.text) {
			c.add(f.key, "write it as de, de-CH, zh-Hans or x-default", "%q is no language of a sister site", f.key.text)
		}
		u := c.address(f.value, "site.sisters."+f.key.text)
		if u != "" && (strings.HasPrefix(u, "/") || strings.ContainsAny(u, "?#")) {
			c.add(f.value, "write it as https://shop.example or https://shop.example/de", "a sister site needs a base URL, not %q", u)
		}
		all = append(all, Sister{f.key.text, strings.TrimRight(u, "/")})
	}
	return all
}

var (
	countryCode = regexp.MustCompile(`^[A-Z]{2}$`)
	plainAmount = regexp.MustCompile(`^[0-9]{1,15}(\.[0-9]{1,4})?$`)
)

func (c *compiler) country(what string, each func(string)) func(*node) {
	return func(n *node) {
		if !countryCode.MatchString(n.text) {
			c.add(n, "write it as DE", "%s must be a country of two capitals, not %q", what, n.text)
		}
		each(n.text)
	}
}

func (c *compiler) shipping(n *node) *Shipping {
	s := &Shipping{}
	ok := c.fieldsOf(n, "site.shipping", map[string]func(*node){
		"to": c.strings("site.shipping.to", c.country("site.shipping.to", func(code string) { s.Countries = append(s.Countries, code) })),
		"price": func(n *node) {
			s.Price = n.text
			if !plainAmount.MatchString(n.text) {
				c.add(n, "write it as 4.90, or 0 where it is free", "site.shipping.price is no amount: %q", n.text)
			}
		},
		"handling": c.days("site.shipping.handling", &s.HandlingLeast, &s.HandlingMost),
		"transit": func(n *node) {
			s.Known = true
			c.days("site.shipping.transit", &s.TransitLeast, &s.TransitMost)(n)
		},
	})
	if ok && len(s.Countries) == 0 {
		c.add(n, "write to: [DE, AT]", "site.shipping does not say to which countries")
	}
	return s
}

// days reads [1, 3].
func (c *compiler) days(what string, least, most *int) func(*node) {
	return func(n *node) {
		if n.form != list || len(n.items) != 2 {
			c.add(n, "write it as [1, 3]", "%s must be the fewest and the most days", what)
			return
		}
		c.integer(what, least, 0, 365)(n.items[0])
		c.integer(what, most, *least, 365)(n.items[1])
	}
}

func (c *compiler) returns(n *node) *Returns {
	r := &Returns{Days: -1}
	ok := c.fieldsOf(n, "site.returns", map[string]func(*node){
		"to": c.country("site.returns.to", func(code string) { r.Country = code }), "days": c.integer("site.returns.days", &r.Days, 0, 3650),
		"free": c.flag("site.returns.free", &r.Free), "url": func(n *node) { r.URL = c.address(n, "site.returns.url") },
	})
	if ok && (r.Country == "" || r.Days < 0) {
		c.add(n, "write it as { to: DE, days: 30 }", "site.returns lacks to or days")
	}
	return r
}

// origin reads scheme://host[:port].
func (c *compiler) origin(n *node, what string) string {
	if !c.want(n, text, what) || n.text == "" {
		return ""
	}
	u, err := url.Parse(n.text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || strings.Trim(u.Path, "/") != "" ||
		u.RawQuery != "" || u.Fragment != "" || u.User != nil || strings.ContainsAny(n.text, " ;,'\"") {
		c.add(n, "write it as https://shop.example", "%s must be an origin, not %q", what, n.text)
		return ""
	}
	return u.Scheme + "://" + u.Host
}

func (c *compiler) prefix(n *node) string {
	if !c.want(n, text, "site.prefix") {
		return ""
	}
	p := strings.TrimSuffix(n.text, "/")
	if p != "" && (!strings.HasPrefix(p, "/") || strings.ContainsAny(p, "{}?#% \"<>\\") || strings.Contains(p, "//") || strings.Contains(p, "/.")) {
		c.add(n, "write it as /shop", "site.prefix must begin with a slash and be a plain path, not %q", n.text)
	}
	return item.EscapePath(p)
}
