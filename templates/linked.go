package templates

import (
	"strings"

	"vitrine/internal/locale"
	"vitrine/internal/view"
	"vitrine/templates/program"
)

// jsonLD is the template function jsonld: what a page says to machines, in the words of schema.org: its Product with its Offer, the
// ProductGroup of its variants, and the BreadcrumbList. It is called inside <script type="application/ld+json">, where html/template writes
// it as JSON that can't end the element. It returns nothing for a page that has none of them.
func jsonLD(page view.Value) view.Value {
	if textAt(page, "product", "title") == "" {
		return view.Value{}
	}
	var graph view.Elements
	if product := productOf(page); product != nil {
		if group := groupOf(page); group != nil {
			product = append(product, view.Field{Name: "isVariantOf", Value: view.OfMembers(view.Fields{field("@id", textOfMember(group, "@id"))})})
			graph = append(graph, view.OfMembers(group))
		}
		graph = append(graph, view.OfMembers(product))
	}
	if path := breadcrumbs(page); path != nil {
		graph = append(graph, view.OfMembers(path))
	}
	if graph == nil {
		return view.Value{}
	}
	return view.OfMembers(view.Fields{field("@context", "https://schema.org"), {Name: "@graph", Value: view.OfElements(graph)}})
}

// thing returns the first field of an object of a type of schema.org, with room for more.
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

func breadcrumbs(page view.Value) view.Fields {
	var items view.Elements
	walk := list(page.Get("path")).Walk()
	for step, ok := walk.Next(); ok; step, ok = walk.Next() {
		title := textAt(step, "title")
		if title == "" {
			return nil
		}
		item := append(thing("ListItem"), view.Field{Name: "position", Value: view.OfInt(len(items) + 1)}, field("name", title))
		item = withAddress(item, page, step)
		items = append(items, view.OfMembers(item))
	}
	if items == nil {
		return nil
	}
	return append(thing("BreadcrumbList"), view.Field{Name: "itemListElement", Value: view.OfElements(items)})
}

// withAddress adds the address of a step of a path: its own, or that of its page.
func withAddress(item view.Fields, page, step view.Value) view.Fields {
	for _, name := range []string{"url", "URL"} {
		if url := absolute(page, step.Get(name)); url != "" {
			return append(item, field("item", url))
		}
	}
	return item
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
	if n := picture.Get(name); n.Kind() == view.Number && locale.Digits(n.Text()) && n.Len() <= 5 {
		return view.OfText(n.Text()), nil
	}
	return otherwise, nil
}
