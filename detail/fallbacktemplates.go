package detail

import (
	"bytes"
	"errors"
	"strings"
	"time"

	"vitrine/internal/view"
	"vitrine/templates"
)

// plainTemplate renders any page. The theme has it, and it needs nothing of the data.
const plainTemplate = "item.html"

// render renders a page by the templates in force or, where they fail on it, by fallback templates. It gives the set that rendered
// the page, or the error of the templates in force.
func (st *site) render(buf *bytes.Buffer, name string, data view.Value, path string) (by *templates.Set, err error) {
	err = st.templates.Render(buf, name, data)
	if err == nil {
		st.follow(buf)
		return st.templates, nil
	}
	by = st.renderFallback(buf, name, data)
	st.logFault(err, path, by)
	if by == nil {
		return nil, err
	}
	st.follow(buf)
	st.server.metrics.fallbacks.Inc()
	return by, nil
}

// renderFallback renders a page by the first of the fallback sets that can, and gives that set; nil where none can.
func (st *site) renderFallback(buf *bytes.Buffer, name string, data view.Value) *templates.Set {
	others := st.server.config.FallbackTemplates()
	for _, set := range others {
		if set == st.templates || !set.Has(name) {
			continue
		}
		buf.Reset()
		if set.Render(buf, name, data) == nil {
			return set
		}
	}
	if len(others) == 0 {
		return nil
	}
	theme := others[len(others)-1]
	buf.Reset()
	if theme.Render(buf, plainTemplate, data) != nil {
		return nil
	}
	return theme
}

// logFault counts, and logs with a limit, that the templates in force failed on a page.
func (st *site) logFault(err error, path string, by *templates.Set) {
	fault := &templates.Fault{Err: err}
	errors.As(err, &fault)
	st.server.metrics.renderFailed(fault)
	due, skipped := st.server.templateFaults.allow(time.Now())
	if !due {
		return
	}
	rendered := "no page"
	if by != nil {
		rendered = by.Revision()
	}
	st.server.config.Log.Error("the templates in force fail on a page", "template", fault.File, "line", fault.Line, "path", path, "error", err,
		"revision", st.templates.Revision(), "rendered_by", rendered, "skipped", skipped)
}

// etagOf is the ETag of a page that fallback templates have rendered, which differs from the page itself.
func etagOf(by *templates.Set, etag string) string {
	return strings.TrimSuffix(etag, `"`) + "." + by.Revision() + `"`
}

// findAsset finds a static file of the templates in force, or of the fallback templates.
func (st *site) findAsset(name string) (templates.Asset, bool) {
	a, ok := st.templates.Asset(name)
	for _, set := range st.server.config.FallbackTemplates() {
		if ok {
			break
		}
		a, ok = set.Asset(name)
	}
	return a, ok
}
