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
	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/view"
)

var (
	errNotFound = errors.New("not found")
	errGone     = errors.New("gone")
	errMethod   = errors.New("method not allowed")
	errShed     = errors.New("switched off")
)

// status is the response to a class of errors.
type status struct {
	code     int
	title    string
	message  string // "" is the error's own text, which names the visitor's input
	template string
	cache    string
}

const (
	noStore      = "no-store"
	shortly      = "public, max-age=5"
	retrySeconds = 2
)

// statusOf is the table from errors to responses.
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

// errorResponse makes a response of an error, in HTML or JSON as the request's path asks for. It keeps the header of a, which may
// have the page's tags. st is nil before the first catalog. Errors that are no one's intention are logged, with a limit, and
// those of admission and switches are counted apart.
func (s *Server) errorResponse(st *site, r *http.Request, a response, err error) response {
	shown := statusOf(err)
	switch {
	case errors.Is(err, errShed): // an operator wants it so
	case errors.Is(err, admission.ErrBusy): // counted only: to log each would add to the load
		s.metrics.refused.Inc()
	case shown.code >= http.StatusInternalServerError:
		if due, skipped := s.failures.allow(time.Now()); due {
			s.config.Log.Warn("no page", "path", r.URL.EscapedPath(), "code", shown.code, "error", err, "skipped", skipped)
		}
	}
	if shown.code >= http.StatusInternalServerError && (errors.Is(err, errShed) || errors.Is(err, admission.ErrBusy)) {
		s.metrics.shed.Inc()
	}
	fixed := shown.message != ""
	if !fixed {
		shown.message = strings.ToValidUTF8(err.Error(), "\uFFFD")
	}
	a.status = shown.code
	a.etag = ""
	if a.header == nil {
		a.header = http.Header{}
	}
	a.header.Set("Cache-Control", shown.cache)
	switch shown.code {
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
		a.header.Set("Retry-After", strconv.Itoa(retrySeconds))
	case http.StatusMethodNotAllowed:
		a.header.Set("Allow", "GET, HEAD")
	}
	if wantsHTML(st, r) {
		a.kind = typeHTML
		a.body = s.errorPage(st, shown, fixed)
	} else {
		a.kind = typeJSON
		a.body = errorJSON(shown)
	}
	if st != nil {
		a.header.Set("Content-Security-Policy", st.csp)
	}
	return a
}

// wantsHTML reports whether the path of a request is a page's, or unknown, rather than a JSON twin's or a route for scripts.
func wantsHTML(st *site, r *http.Request) bool {
	path := r.URL.EscapedPath()
	if st != nil {
		path = strings.TrimPrefix(path, st.catalog.Site.Prefix)
	}
	for _, api := range []string{catalog.LivePath, catalog.BlobsPath, catalog.RelationsPath} {
		if strings.HasPrefix(path+"/", api) {
			return false
		}
	}
	return !strings.HasSuffix(path, ".json")
}

// errorPage is the HTML of an error. Where it is the same for all requests, it is rendered once for each code and site.
func (s *Server) errorPage(st *site, shown status, same bool) []byte {
	if st == nil || !same {
		return s.renderError(st, shown)
	}
	page, ok := st.errorPages.Load(shown.code)
	if !ok {
		page, _ = st.errorPages.LoadOrStore(shown.code, s.renderError(st, shown))
	}
	return page.([]byte)
}

func (s *Server) renderError(st *site, shown status) []byte {
	if st != nil {
		page := map[string]any{"Title": shown.title, "Message": shown.message, "Status": shown.code}
		data := view.OfMembers(view.Fields{{Name: "Page", Value: view.Of(page)}, {Name: "Site", Value: st.facts}})
		var buf bytes.Buffer
		if _, err := st.render(&buf, shown.template, data, "the page for "+strconv.Itoa(shown.code)); err == nil {
			return buf.Bytes()
		}
	}
	return []byte("<!DOCTYPE html><html lang=\"en\"><meta charset=\"utf-8\"><title>" + shown.title + "</title><h1>" + shown.title +
		"</h1><p>" + html.EscapeString(shown.message) + "</p></html>\n")
}

func errorJSON(shown status) []byte {
	body, err := json.Marshal(map[string]any{"error": shown.title, "message": shown.message, "status": shown.code})
	if err != nil {
		return []byte(`{"error":"` + shown.title + `"}`)
	}
	return body
}
