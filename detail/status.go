package detail

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"html"
	"net/http"
	"strconv"
	"strings"
	"time"

	"vitrine/detail/admission"
	"vitrine/internal/item"
)

var (
	errNotFound = errors.New("not found")
	errGone     = errors.New("gone")
	errMethod   = errors.New("method not allowed")
	errShed     = errors.New("switched off")
)

// status is what a class of errors becomes.
type status struct {
	code     int
	title    string
	message  string // "" shows the error itself, which names the visitor's own input
	template string
	cache    string
}

const (
	noStore      = "no-store"
	shortly      = "public, max-age=5"
	retrySeconds = 2
)

// statusOf is the one table from errors to responses.
func statusOf(err error) status {
	is := func(class error) bool { return errors.Is(err, class) }
	switch {
	case is(errGone):
		return status{http.StatusGone, "Gone", "What stood here was taken from the shop for good.", "gone.html", shortly}
	case is(errNotFound), is(item.ErrUnknown):
		return status{http.StatusNotFound, "Not found", "There is no such page.", "error.html", shortly}
	case is(errMethod):
		return status{http.StatusMethodNotAllowed, "Method not allowed", "Only GET and HEAD are answered here.", "error.html", noStore}
	case is(item.ErrID), is(item.ErrName), is(errBadRequest):
		return status{http.StatusBadRequest, "Bad request", "", "error.html", noStore}
	case is(admission.ErrBusy): // no 503: a proxy takes that for a server that fails
		return status{http.StatusTooManyRequests, "Out for a moment", "Too much is asked for right now. Please try again.", "error.html", noStore}
	case is(errShed):
		return status{http.StatusServiceUnavailable, "Out for a moment", "This is switched off for now. Please try again later.", "error.html", noStore}
	case is(item.ErrUnavailable), is(item.ErrDamaged), is(context.Canceled), is(context.DeadlineExceeded):
		return status{http.StatusServiceUnavailable, "Out for a moment", "The shop can't be read right now. Please try again.", "error.html", noStore}
	}
	return status{http.StatusInternalServerError, "Something went wrong", "The page could not be made.", "error.html", noStore}
}

// explainError makes an error a response, HTML or JSON as the request's path says. Headers of a, such as
// the page's tags, are kept. st is nil before the first catalog.
func (s *Server) explainError(st *site, r *http.Request, a response, err error) response {
	row := statusOf(err)
	switch {
	case errors.Is(err, errShed): // as somebody wished
	case errors.Is(err, admission.ErrBusy): // told by a metric: a line for each would be one more load
		s.metrics.refused.Inc()
	case row.code >= http.StatusInternalServerError:
		if due, skipped := s.failures.allow(time.Now()); due {
			s.config.Log.Warn("no page", "path", r.URL.EscapedPath(), "code", row.code, "error", err, "skipped", skipped)
		}
	}
	if row.code >= http.StatusInternalServerError && (errors.Is(err, errShed) || errors.Is(err, admission.ErrBusy)) {
		s.metrics.shed.Inc()
	}
	said := row.message != ""
	if !said {
		row.message = strings.ToValidUTF8(err.Error(), "\uFFFD")
	}
	a.status, a.etag = row.code, ""
	if a.header == nil {
		a.header = http.Header{}
	}
	a.header.Set("Cache-Control", row.cache)
	switch row.code {
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
		a.header.Set("Retry-After", strconv.Itoa(retrySeconds))
	case http.StatusMethodNotAllowed:
		a.header.Set("Allow", "GET, HEAD")
	}
	if wantsHTML(st, r) {
		a.kind, a.body = typeHTML, s.errorPage(st, row, said)
	} else {
		a.kind, a.body = typeJSON, errorJSON(row)
	}
	if st != nil {
		a.header.Set("Content-Security-Policy", st.csp)
	}
	return a
}

// wantsHTML: pages and unknown paths do; twins and the routes for scripts do not.
func wantsHTML(st *site, r *http.Request) bool {
	path := r.URL.Path
	if st != nil {
		path = strings.TrimPrefix(path, st.catalog.Site.Prefix)
	}
	for _, api := range []string{"/live/", "/blobs/", "/relations/"} {
		if strings.HasPrefix(path+"/", api) {
			return false
		}
	}
	return !strings.HasSuffix(path, ".json")
}

// errorPage is rendered once for each code and site, where it says the same to everybody.
func (s *Server) errorPage(st *site, row status, same bool) []byte {
	if st == nil || !same {
		return s.renderError(st, row)
	}
	page, ok := st.errorPages.Load(row.code)
	if !ok {
		page, _ = st.errorPages.LoadOrStore(row.code, s.renderError(st, row))
	}
	return page.([]byte)
}

func (s *Server) renderError(st *site, row status) []byte {
	if st != nil {
		view := map[string]any{"Page": map[string]any{"Title": row.title, "Message": row.message, "Status": row.code}}
		st.addSite(view)
		var buf bytes.Buffer
		if _, err := st.render(&buf, row.template, view, "the page for "+strconv.Itoa(row.code)); err == nil {
			return buf.Bytes()
		}
	}
	return []byte("<!DOCTYPE html><html lang=\"en\"><meta charset=\"utf-8\"><title>" + row.title + "</title><h1>" + row.title +
		"</h1><p>" + html.EscapeString(row.message) + "</p></html>\n")
}

func errorJSON(row status) []byte {
	body, err := json.Marshal(map[string]any{"error": row.title, "message": row.message, "status": row.code})
	if err != nil {
		return []byte(`{"error":"` + row.title + `"}`)
	}
	return body
}
