package templates

import (
	"cmp"
	"strings"

	"vitrine/internal/view"
	"vitrine/templates/program"
)

// jsonLD is the template function jsonld: schema.org's Product of a page, with its Offer and BreadcrumbList. It is called inside <script
// type="application/ld+json">, where html/template writes it as JSON that can't end the element. It returns nothing for a page
// without a title. Source: https://schema.org/Product, and Google's list of required properties.
func jsonLD(page view.Value) view.Value {
	title := textAt(page, "product", "title")
	if title == "" {
		return view.Value{}
	}
	product := thing("Product")
	product = append(product, field("name", title), field("sku", textAt(page, "Page", "ID")))
	product = withText(product, "description", page.Get("product", "brief"))
	product = withText(product, "url", page.Get("Page", "URL"))
	if images := pictures(page); len(images) > 0 {
		product = append(product, view.Field{Name: "image", Value: view.OfElements(images)})
	}
	if brand := textAt(page, "brand", "title"); brand != "" {
		product = append(product, view.Field{Name: "brand", Value: named("Brand", brand)})
	}
	if o := offer(page); o != nil {
		product = append(product, view.Field{Name: "offers", Value: view.OfMembers(o)})
	}
	graph := view.Elements{view.OfMembers(product)}
	if path := breadcrumbs(page); path != nil {
		graph = append(graph, view.OfMembers(path))
	}
	return view.OfMembers(view.Fields{field("@context", "https://schema.org"), {Name: "@graph", Value: view.OfElements(graph)}})
}

// thing begins an object of a type of schema.org.
func thing(kind string) view.Fields { return append(make(view.Fields, 0, 10), field("@type", kind)) }

// named returns an object that has only a type and a name.
func named(kind, name string) view.Value {
	return view.OfMembers(view.Fields{field("@type", kind), field("name", name)})
}

func field(name, text string) view.Field { return view.Field{Name: name, Value: view.OfText(text)} }

// withText adds the text of v, unless that is empty.
func withText(to view.Fields, name string, v view.Value) view.Fields {
	if s := text(v); s != "" {
		return append(to, field(name, s))
	}
	return to
}

// offer returns nil for a product whose price is no number, or has no currency.
func offer(page view.Value) view.Fields {
	amount := textAt(page, "price", "amount")
	currency := cmp.Or(textAt(page, "price", "currency"), textAt(page, "Site", "Currency"))
	if !decimal(amount) || currency == "" {
		return nil
	}
	o := append(thing("Offer"), field("price", amount), field("priceCurrency", currency))
	o = withText(o, "url", page.Get("Page", "URL"))
	if kind := availability(page); kind != "" {
		o = append(o, field("availability", "https://schema.org/"+kind))
	}
	if seller := textAt(page, "shop", "title"); seller != "" {
		o = append(o, view.Field{Name: "seller", Value: named("Organization", seller)})
	}
	return o
}

func availability(page view.Value) string {
	switch textAt(page, "status", "state") {
	case "off": // it may come back
		return "OutOfStock"
	case "discontinued":
		return "Discontinued"
	}
	switch textAt(page, "stock", "state") {
	case "in":
		return "InStock"
	case "low":
		return "LimitedAvailability"
	case "out":
		return "OutOfStock"
	}
	return ""
}

func breadcrumbs(page view.Value) view.Fields {
	var items view.Elements
	walk := list(page.Get("path")).Walk()
	for step, ok := walk.Next(); ok; step, ok = walk.Next() {
		title := textAt(step, "title")
		if title == "" {
			return nil
		}
		item := append(thing("ListItem"), view.Field{Name: "position", Value: view.OfInt(len(items) + 1)}, field("name", title))
		if url := absolute(page, step.Get("url")); url != "" {
			item = append(item, field("item", url))
		}
		items = append(items, view.OfMembers(item))
	}
	if items == nil {
		return nil
	}
	return append(thing("BreadcrumbList"), view.Field{Name: "itemListElement", Value: view.OfElements(items)})
}

func pictures(page view.Value) (urls view.Elements) {
	walk := list(page.Get("product", "images")).Walk()
	for image, ok := walk.Next(); ok; image, ok = walk.Next() {
		if url := absolute(page, view.OfText(src(image))); url != "" {
			urls = append(urls, view.OfText(url))
		}
	}
	return urls
}

// absolute is the template function of that name: an address with scheme and host, for whoever reads the page elsewhere. A path is put
// behind the site's origin; without an origin, it returns "".
func absolute(page, url view.Value) string {
	u, origin := text(url), textAt(page, "Site", "Origin")
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

// longestOrigin bounds an origin: a name of the DNS with scheme and port. A template may pass any of its data as the page.
const longestOrigin = 300

// size is the template function of that name: a picture's width or height in pixels, or the third argument if the picture has none.
func size(_ *program.Budget, args []view.Value) (view.Value, error) {
	picture, name, otherwise := args[0], args[1].Text(), args[2]
	if n := picture.Get(name); n.Kind() == view.Number && digits(n.Text()) && n.Len() <= 5 {
		return view.OfText(n.Text()), nil
	}
	return otherwise, nil
}
