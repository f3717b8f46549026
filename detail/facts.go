package detail

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"vitrine/detail/blobcache"
	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/view"
)

// pageFacts are what templates know of the page itself.
func (st *site) pageFacts(data *pageData) view.Value {
	read := data.read
	id := read.entity.ID
	var live, overlay view.Elements
	for _, l := range read.page.Live {
		live = append(live, view.OfText(l.Name))
	}
	for _, b := range read.page.Overlay {
		overlay = append(overlay, view.OfText(b.Name))
	}
	var pages view.Fields
	for _, p := range st.catalog.Pages {
		if p.Kind == read.page.Kind {
			pages = append(pages, view.Field{Name: p.Name, Value: view.OfText(read.pathOf(p))})
		}
	}
	main := st.canonicalPath(data)
	return view.OfMembers(view.Fields{
		{Name: "ID", Value: view.OfText(id)}, {Name: "Kind", Value: view.OfText(read.entity.Kind)},
		{Name: "Name", Value: view.OfText(read.page.Name)}, {Name: "Path", Value: view.OfText(read.pathOf(read.page))},
		{Name: "URL", Value: view.OfText(canonical(st.origin, main))}, {Name: "Part", Value: view.OfBool(isPart(read.page, mainPage(st.catalog, read.page)))},
		{Name: "Product", Value: view.OfText(textAt(read.whole.Body, "product", "title"))},
		{Name: "Alternates", Value: st.alternates(main)}, {Name: "Buy", Value: st.buy(id)},
		{Name: "Gen", Value: view.OfText(strconv.FormatUint(read.gen, 10))},
		{Name: "Live", Value: view.OfElements(live)}, {Name: "Overlay", Value: view.OfElements(overlay)}, {Name: "Pages", Value: view.OfMembers(pages)},
	})
}

// pathOf is the path of a page of the entity that was read.
func (p *reading) pathOf(page *catalog.Page) string {
	return p.names.path(page, p.entity.ID, slugIn(page, p.partFor(page).Body))
}

// partFor is the blob that a page's slug is made of or, where that was not read, the one that was.
func (p *reading) partFor(page *catalog.Page) blobcache.Part {
	found := p.own
	for _, part := range append([]blobcache.Part{p.whole}, p.overlays...) {
		if part.Key.Blob == page.Blob.Name && p.own.Key.Blob != page.Blob.Name {
			found = part
		}
	}
	return found
}

// mainPage is the page by which entities of p's kind are found: the first one of the kind.
func mainPage(c *catalog.Catalog, p *catalog.Page) *catalog.Page {
	i := slices.IndexFunc(c.Pages, func(q *catalog.Page) bool { return q.Kind.Name == p.Kind.Name })
	if i < 0 {
		return p
	}
	return c.Pages[i]
}

// isPart reports whether a page of another blob than the main page's shows a part of the entity, as a description does, and is no page of
// its own for who searches.
func isPart(p, main *catalog.Page) bool { return p.Blob.Name != main.Blob.Name }

// canonicalPath is the path that all pages of an entity name as theirs: that of the main page, or that to which the main page leads by its
// rules. Where these say that the entity has no main page, each page has its own.
func (st *site) canonicalPath(data *pageData) string {
	read := data.read
	main := mainPage(st.catalog, read.page)
	if main == read.page || isPart(read.page, main) {
		return read.pathOf(main)
	}
	rule := st.match(main, data.data)
	switch {
	case rule != nil && rule.Redirect != "":
		if to := st.redirected(read, main, rule); to != "" {
			return to
		}
	case ruleStatus(rule) == http.StatusOK:
		return read.pathOf(main)
	}
	return read.pathOf(read.page)
}

// alternates are the addresses of a page in each language: its own, and those of the sister sites. It is empty without any.
func (st *site) alternates(path string) view.Value {
	s := st.catalog.Site
	if len(s.Sisters) == 0 || st.origin == "" {
		return view.OfElements(nil)
	}
	one := func(lang, url string) view.Value {
		return view.OfMembers(view.Fields{{Name: "Lang", Value: view.OfText(lang)}, {Name: "URL", Value: view.OfText(url)}})
	}
	all := view.Elements{}
	if s.Lang != "" {
		all = append(all, one(s.Lang, st.origin+path))
	}
	for _, sister := range s.Sisters {
		all = append(all, one(sister.Lang, sister.URL+strings.TrimPrefix(path, s.Prefix)))
	}
	return view.OfElements(all)
}

// buy is the form by which an entity is bought; nothing where the catalog names none.
func (st *site) buy(id string) view.Value {
	b := st.catalog.Site.Buy
	if b == nil {
		return view.Nothing
	}
	return view.OfMembers(view.Fields{
		{Name: "URL", Value: view.OfText(strings.ReplaceAll(b.URL, "{id}", item.Escape(id)))}, {Name: "Method", Value: view.OfText(b.Method)},
		{Name: "ID", Value: view.OfText(b.ID)}, {Name: "Quantity", Value: view.OfText(b.Quantity)},
	})
}

// siteFacts are what templates know of the site. Shipping and Returns have the members that a page's own shipping and returns have.
func siteFacts(s catalog.Site, origin string) view.Value {
	facts := view.Fields{
		{Name: "Name", Value: view.OfText(s.Name)}, {Name: "Origin", Value: view.OfText(origin)}, {Name: "Lang", Value: view.OfText(s.Lang)},
		{Name: "Currency", Value: view.OfText(s.Currency)}, {Name: "Prefix", Value: view.OfText(s.Prefix)}, {Name: "Sizes", Value: view.OfText(s.Sizes)},
		{Name: "Top", Value: links(s.Top)}, {Name: "Bottom", Value: links(s.Bottom)},
	}
	if sh := s.Shipping; sh != nil {
		var to view.Elements
		for _, code := range sh.Countries {
			to = append(to, view.OfText(code))
		}
		shipping := view.Fields{{Name: "to", Value: view.OfElements(to)}, {Name: "price", Value: view.OfText(sh.Price)}}
		if sh.Known {
			shipping = append(shipping, view.Field{Name: "handling", Value: days(sh.HandlingLeast, sh.HandlingMost)}, view.Field{Name: "transit", Value: days(sh.TransitLeast, sh.TransitMost)})
		}
		facts = append(facts, view.Field{Name: "Shipping", Value: view.OfMembers(shipping)})
	}
	if r := s.Returns; r != nil {
		facts = append(facts, view.Field{Name: "Returns", Value: view.OfMembers(view.Fields{{Name: "to", Value: view.OfText(r.Country)},
			{Name: "days", Value: view.OfInt(r.Days)}, {Name: "free", Value: view.OfBool(r.Free)}, {Name: "url", Value: view.OfText(r.URL)}})})
	}
	return view.OfMembers(facts)
}

func days(least, most int) view.Value {
	return view.OfElements(view.Elements{view.OfInt(least), view.OfInt(most)})
}

func links(all []catalog.Link) view.Value {
	var list view.Elements
	for _, l := range all {
		list = append(list, view.OfMembers(view.Fields{{Name: "Title", Value: view.OfText(l.Title)}, {Name: "URL", Value: view.OfText(l.URL)}}))
	}
	return view.OfElements(list)
}

// canonical is the page's public address; "" where no origin is known. The request's Host never enters a page.
func canonical(origin, path string) string {
	if origin == "" {
		return ""
	}
	return origin + path
}
