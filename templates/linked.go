package templates

import (
	"encoding/json"
	"strings"
)

// jsonLD is the template function: schema.org's Product, with its Offer, and BreadcrumbList for a page, for
// {{jsonld .}} inside <script type="application/ld+json">, where html/template writes it as JSON that can't
// end the element. Source: https://schema.org/Product, and Google's list of required properties.
func jsonLD(page any) any {
	title := text(get(page, "product", "title"))
	if title == "" {
		return nil
	}
	product := map[string]any{"@type": "Product", "name": title, "sku": text(get(page, "Page", "ID"))}
	addText(product, "description", get(page, "product", "brief"))
	addText(product, "url", get(page, "Page", "URL"))
	if images := pictures(page); len(images) > 0 {
		product["image"] = images
	}
	if brand := text(get(page, "brand", "title")); brand != "" {
		product["brand"] = map[string]any{"@type": "Brand", "name": brand}
	}
	if o := offer(page); o != nil {
		product["offers"] = o
	}
	graph := []any{product}
	if path := breadcrumbs(page); path != nil {
		graph = append(graph, path)
	}
	return map[string]any{"@context": "https://schema.org", "@graph": graph}
}

// offer is nil for a product without a price that is a number.
func offer(page any) map[string]any {
	amount := text(get(page, "price", "amount"))
	currency := text(get(page, "price", "currency"))
	if currency == "" {
		currency = text(get(page, "Site", "Currency"))
	}
	if !decimal(amount) || currency == "" {
		return nil
	}
	o := map[string]any{"@type": "Offer", "price": amount, "priceCurrency": currency}
	addText(o, "url", get(page, "Page", "URL"))
	availability := map[string]string{"in": "InStock", "low": "LimitedAvailability", "out": "OutOfStock"}[text(get(page, "stock", "state"))]
	if text(get(page, "status", "state")) == "off" {
		availability = "Discontinued"
	}
	if availability != "" {
		o["availability"] = "https://schema.org/" + availability
	}
	if seller := text(get(page, "shop", "title")); seller != "" {
		o["seller"] = map[string]any{"@type": "Organization", "name": seller}
	}
	return o
}

func breadcrumbs(page any) map[string]any {
	var items []any
	for i, c := range list(get(page, "path")) {
		title := text(get(c, "title"))
		if title == "" {
			return nil
		}
		item := map[string]any{"@type": "ListItem", "position": i + 1, "name": title}
		if url := absolute(page, get(c, "url")); url != "" {
			item["item"] = url
		}
		items = append(items, item)
	}
	if items == nil {
		return nil
	}
	return map[string]any{"@type": "BreadcrumbList", "itemListElement": items}
}

func pictures(page any) (urls []string) {
	for _, image := range list(get(page, "product", "images")) {
		if url := absolute(page, src(image)); url != "" {
			urls = append(urls, url)
		}
	}
	return urls
}

// absolute is the template function: an address with scheme and host, as those need it who read the page
// elsewhere. A path is put behind the site's origin; without an origin it gives "".
func absolute(page, url any) string {
	u, origin := text(url), text(get(page, "Site", "Origin"))
	switch {
	case strings.HasPrefix(u, "https://"), strings.HasPrefix(u, "http://"):
		return u
	case strings.HasPrefix(u, "//"):
		return "https:" + u
	case strings.HasPrefix(u, "/") && origin != "" && len(origin) <= longestOrigin:
		return origin + u
	}
	return ""
}

// longestOrigin is that of a name in the DNS with scheme and port. The page that a template hands in may be any of its data.
const longestOrigin = 300

func addText(to map[string]any, name string, v any) {
	if s := text(v); s != "" {
		to[name] = s
	}
}

// size is the template function: a picture's width or height in pixels, or the one given where it says none.
func size(picture any, name string, otherwise int) any {
	if n, ok := get(picture, name).(json.Number); ok && digits(n.String()) && len(n) <= 5 {
		return n.String()
	}
	return otherwise
}
