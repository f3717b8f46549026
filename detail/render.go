package detail

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html/template"

	"vitrine/internal/catalog"
)

// renderPage completes a with the page as HTML.
func (st *site) renderPage(read *reading, rule *catalog.Rule, data []byte, a answer) (answer, error) {
	name := read.page.Template
	if rule != nil && rule.Template != "" {
		name = rule.Template
	}
	view, err := st.view(read, data)
	if err != nil {
		return answer{}, err
	}
	var buf bytes.Buffer
	if err := st.templates.Render(&buf, name, view); err != nil {
		st.metrics.renders.WithLabelValues(name).Inc()
		return answer{}, err
	}
	a.kind, a.body = typeHTML, buf.Bytes()
	return a, nil
}

// view is the page's data as templates see it: decoded, with numbers as written, HTML where the catalog
// says so, and the facts of the site, whose names can't clash since they begin with a capital.
func (st *site) view(read *reading, data []byte) (map[string]any, error) {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var view map[string]any
	if err := decoder.Decode(&view); err != nil {
		return nil, fmt.Errorf("decode %s: %w", read.entity, err)
	}
	markHTML(view, read.page.Blob)
	for _, b := range read.page.Overlay {
		markHTML(view, b)
	}
	for _, j := range read.joins {
		switch member := view[j.with.Ref.Name].(type) {
		case map[string]any:
			markHTML(member, j.with.Blob)
		case []any:
			for _, one := range member {
				markHTML(one, j.with.Blob)
			}
		}
	}
	st.addSite(view)
	path := pagePath(read.page, read.entity.ID)
	live := []any{}
	for _, l := range read.page.Live {
		live = append(live, l.Name)
	}
	view["Page"] = map[string]any{"ID": read.entity.ID, "Kind": read.entity.Kind, "Name": read.page.Name,
		"Path": path, "URL": canonical(st.catalog.Site.Origin, path), "Live": live}
	return view, nil
}

func (st *site) addSite(view map[string]any) {
	s := st.catalog.Site
	view["Site"] = map[string]any{"Name": s.Name, "Origin": s.Origin, "Lang": s.Lang, "Currency": s.Currency, "Prefix": s.Prefix}
}

// canonical is the page's public address; the request's Host never enters a page.
func canonical(origin, path string) string {
	if origin == "" {
		return ""
	}
	return origin + path
}

// markHTML makes the fields that the catalog calls html, and that were cleaned when their record was
// made, template.HTML. They are looked for under their dimension's member, also where the blob has a
// fold: a fold that moves them elsewhere makes them plain text, which is shown escaped. That way no
// fold can turn a plain field into markup unless it puts it under the very name of a cleaned one.
func markHTML(in any, b *catalog.Blob) {
	for _, d := range b.Of {
		for _, path := range d.HTML {
			markField(in, append(catalog.Path{d.Name}, path...))
		}
	}
}

func markField(in any, path catalog.Path) {
	for _, step := range path[:len(path)-1] {
		m, ok := in.(map[string]any)
		if !ok {
			return
		}
		in = m[step]
	}
	m, _ := in.(map[string]any)
	last := path[len(path)-1]
	if s, ok := m[last].(string); ok {
		m[last] = template.HTML(s)
	}
}
