package jsonl

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"vitrine/internal/etag"
	"vitrine/internal/item"
)

const (
	// PageSize is the number of rows on a page of the walk, unless the request has a limit.
	PageSize = 500
	// MaxPage is the most rows in one answer.
	MaxPage = 1000
)

// Handler serves the rows; see the package's comment for the routes.
func (t *Table) Handler() http.Handler { return http.HandlerFunc(t.serve) }

// serve routes by the escaped path: http.ServeMux would clean away "%2E%2E" and "//", which may be ids.
func (t *Table) serve(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		fail(w, http.StatusMethodNotAllowed, fmt.Errorf("%s is not GET", clip(r.Method)))
		return
	}
	path := r.URL.EscapedPath()
	token, one := strings.CutPrefix(path, "/rows/")
	switch {
	case one:
		t.serveRow(w, r, token)
	case path != "/rows":
		fail(w, http.StatusNotFound, fmt.Errorf("%q is not /rows or /rows/{id}", clip(path)))
	default:
		t.serveRows(w, r)
	}
}

func (t *Table) serveRow(w http.ResponseWriter, r *http.Request, token string) {
	id, err := unescape(token)
	if err != nil {
		fail(w, http.StatusBadRequest, err)
		return
	}
	row, ok := t.now.Load().rows[id]
	if !ok {
		fail(w, http.StatusNotFound, fmt.Errorf("there is no row %q", id))
		return
	}
	w.Header().Set("ETag", row.etag())
	if etag.Match(r.Header.Values("If-None-Match"), row.etag()) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	writeBody(w, row.body)
}

func (t *Table) serveRows(w http.ResponseWriter, r *http.Request) {
	rows := t.now.Load()
	if list, ok := rawParameter(r.URL.RawQuery, "ids"); ok {
		ids, err := splitIDs(list)
		if err != nil {
			fail(w, http.StatusBadRequest, err)
			return
		}
		writeBody(w, appendRows(nil, rows.pickRows(ids)))
		return
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		fail(w, http.StatusBadRequest, fmt.Errorf("read the query: %w", err))
		return
	}
	limit, err := parseLimit(query.Get("limit"))
	if err != nil {
		fail(w, http.StatusBadRequest, err)
		return
	}
	page, next := rows.page(query.Get("cursor"), limit)
	writeBody(w, pageBody(page, next))
}

// pickRows lists the rows that exist of those requested, each once, in the order of the request.
func (s *snapshot) pickRows(ids []string) []row {
	var rows []row
	seen := make(map[string]bool, len(ids))
	for _, id := range ids {
		if r, ok := s.rows[id]; ok && !seen[id] {
			seen[id] = true
			rows = append(rows, r)
		}
	}
	return rows
}

// splitIDs splits before it unescapes, so that %2C belongs to an id.
func splitIDs(list string) ([]string, error) {
	if list == "" {
		return nil, nil
	}
	tokens := strings.SplitN(list, ",", MaxPage+1)
	if len(tokens) > MaxPage {
		return nil, fmt.Errorf("there are more than %d ids", MaxPage)
	}
	ids := make([]string, len(tokens))
	for i, token := range tokens {
		id, err := unescape(token)
		if err != nil {
			return nil, err
		}
		ids[i] = id
	}
	return ids, nil
}

func unescape(token string) (string, error) {
	id, err := url.PathUnescape(token)
	if err != nil {
		return "", fmt.Errorf("%w: %q is not percent-encoded", item.ErrID, clip(token))
	}
	return id, item.CheckID(id)
}

// rawParameter is the first value of a query parameter, still escaped.
func rawParameter(query, name string) (string, bool) {
	for pair := range strings.SplitSeq(query, "&") {
		if value, ok := strings.CutPrefix(pair, name+"="); ok {
			return value, true
		}
	}
	return "", false
}

func parseLimit(s string) (int, error) {
	if s == "" {
		return PageSize, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > MaxPage {
		return 0, fmt.Errorf("limit %q is not 1 to %d", clip(s), MaxPage)
	}
	return n, nil
}
