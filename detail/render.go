package detail

import (
	"bytes"

	"vitrine/internal/catalog"
	"vitrine/internal/view"
)

// shown is what a page's template sees.
func (st *site) shown(data *pageData) (view.Value, error) {
	if data.read.listing != nil {
		return st.listData(data)
	}
	return data.forTemplates(), nil
}

// renderPage adds the page as HTML to a response.
func (st *site) renderPage(data *pageData, rule *catalog.Rule, a response) (response, error) {
	read := data.read
	name := read.page.Template
	if rule != nil && rule.Template != "" {
		name = rule.Template
	}
	buf, _ := st.server.buffers.Get().(*bytes.Buffer)
	if buf == nil {
		buf = new(bytes.Buffer)
	}
	buf.Reset()
	shown, err := st.shown(data)
	if err != nil {
		return response{}, err
	}
	by, err := st.render(buf, name, shown, read.pathOf(read.page))
	if err != nil {
		return response{}, err
	}
	st.countNegative(read.page, data.data)
	a.kind, a.body, a.buffer = typeHTML, buf.Bytes(), buf
	if by != st.templates {
		a.brief = true
		a.etag = etagOf(by, a.etag)
		a.header.Set("Cache-Control", cacheControl(catalog.Cache{Shared: staleShared}, true))
	}
	return a, nil
}
