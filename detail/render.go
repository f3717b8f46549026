package detail

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"

	"vitrine/internal/catalog"
)

// renderPage adds the page as HTML to a response.
func (st *site) renderPage(read *reading, rule *catalog.Rule, data []byte, a response) (response, error) {
	name := read.page.Template
	if rule != nil && rule.Template != "" {
		name = rule.Template
	}
	view, err := st.view(read, data)
	if err != nil {
		return response{}, err
	}
	var buf bytes.Buffer
	by, err := st.render(&buf, name, view, pagePath(read.page, read.entity.ID))
	if err != nil {
		return response{}, err
	}
	a.kind, a.body = typeHTML, buf.Bytes()
	if by != st.templates {
		a.brief = true
		a.etag = etagOf(by, a.etag)
		a.header.Set("Cache-Control", cacheControl(catalog.Cache{Shared: staleShared}, true))
	}
	return a, nil
}

// view is the page's data as templates see it: decoded, with numbers as they were written, and fields of type template.HTML
// where the catalog calls them html. The members Site and Page are added. They clash with no data, whose names begin in lower
// case.
func (st *site) view(read *reading, data []byte) (map[string]any, error) {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var view map[string]any
	if err := decoder.Decode(&view); err != nil {
		return nil, fmt.Errorf("decode %s: %w", read.entity, err)
	}
	markHTML(view, read.page.Blob, read.own)
	for _, b := range read.page.Overlay {
		markHTML(view, b, read.overlays...)
	}
	for _, j := range read.joins {
		for _, one := range members(view[j.with.Ref.Name]) {
			markHTML(one, j.with.Blob, j.parts...)
			st.addURL(one, j.with.Ref.Kind)
		}
	}
	st.addSite(view)
	view["Page"] = st.pageFacts(read)
	return view, nil
}

// pageFacts is the member Page of a view.
func (st *site) pageFacts(read *reading) map[string]any {
	path := pagePath(read.page, read.entity.ID)
	facts := map[string]any{
		"ID": read.entity.ID, "Kind": read.entity.Kind, "Name": read.page.Name, "Path": path,
		"URL": canonical(st.catalog.Site.Origin, path), "Gen": strconv.FormatUint(read.own.Stamp, 10),
	}
	live, overlay, pages := []any{}, []any{}, map[string]any{}
	for _, l := range read.page.Live {
		live = append(live, l.Name)
	}
	for _, b := range read.page.Overlay {
		overlay = append(overlay, b.Name)
	}
	for _, p := range st.catalog.Pages {
		if p.Kind == read.page.Kind {
			pages[p.Name] = pagePath(p, read.entity.ID)
		}
	}
	facts["Live"], facts["Overlay"], facts["Pages"] = live, overlay, pages
	return facts
}

// members are the elements of a "with": of a list, or the one object.
func members(v any) []any {
	if list, ok := v.([]any); ok {
		return list
	}
	return []any{v}
}

// addURL adds the member URL to what a page refers to: the path of its own page, the first of its kind, if there is one.
func (st *site) addURL(member any, kind *catalog.Kind) {
	m, ok := member.(map[string]any)
	if !ok {
		return
	}
	id, ok := m[kind.Name].(string)
	if !ok {
		return
	}
	for _, p := range st.catalog.Pages {
		if p.Kind == kind {
			m["URL"] = pagePath(p, id)
			return
		}
	}
}

// addSite adds the member Site to a view.
func (st *site) addSite(view map[string]any) {
	s := st.catalog.Site
	view["Site"] = map[string]any{"Name": s.Name, "Origin": s.Origin, "Lang": s.Lang, "Currency": s.Currency, "Prefix": s.Prefix}
}

// canonical is the page's public address; "" where the catalog names no origin. The request's Host never enters a page.
func canonical(origin, path string) string {
	if origin == "" {
		return ""
	}
	return origin + path
}
