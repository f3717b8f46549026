package detail

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"github.com/tidwall/gjson"

	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/kv"
)

const (
	indexPage  = 1000 // links on one page
	indexScans = 50   // of the store, for one page
)

// index answers "/" in demo mode: a link for each entity that has a page of the first kind of page.
func (st *site) index(r *http.Request) (answer, error) {
	if len(st.catalog.Pages) == 0 {
		return answer{}, errNotFound
	}
	params, err := declared(r, []string{"cursor"})
	if err != nil {
		return answer{}, err
	}
	p := st.catalog.Pages[0]
	keys, next, err := st.indexKeys(r.Context(), p, params["cursor"])
	if err != nil {
		return answer{}, err
	}
	links := []any{}
	for _, part := range st.reader.read(r.Context(), keys) {
		if part.Life == kv.Alive && part.Err == nil {
			id := part.Key.Entity.ID
			title := gjson.GetBytes(part.Body, "product.title").String()
			links = append(links, map[string]any{"ID": id, "URL": pagePath(p, id), "Title": cmp.Or(title, id)})
		}
	}
	view := map[string]any{"Index": links, "Page": map[string]any{}}
	if next != "" {
		view["Next"] = "?cursor=" + url.QueryEscape(next)
	}
	st.addSite(view)
	var buf bytes.Buffer
	if err := st.templates.Render(&buf, "index.html", view); err != nil {
		return answer{}, err
	}
	return answer{kind: typeHTML, body: buf.Bytes(), header: http.Header{
		"Cache-Control": {shortly}, "Content-Security-Policy": {st.csp}}}, nil
}

// indexKeys scans for blobs of the page, sorted by id, each once.
func (st *site) indexKeys(ctx context.Context, p *catalog.Page, cursor string) (keys []kv.BlobKey, next string, err error) {
	seen := map[kv.BlobKey]bool{}
	next = cursor
	for range indexScans {
		var found []kv.BlobKey
		if found, next, err = st.Index.ScanBlobs(ctx, next, indexPage); err != nil {
			return nil, "", fmt.Errorf("list pages: %w", err)
		}
		for _, key := range found {
			if key.Entity.Kind == p.Kind.Name && key.Blob == p.Blob.Name && !seen[key] {
				seen[key] = true
				keys = append(keys, key)
			}
		}
		if next == "" || len(keys) >= indexPage {
			break
		}
	}
	slices.SortFunc(keys, func(a, b kv.BlobKey) int { return byNumber(a.Entity, b.Entity) })
	return keys, next, nil
}

// byNumber orders 9 before 10.
func byNumber(a, b item.Entity) int {
	return cmp.Or(cmp.Compare(len(a.ID), len(b.ID)), cmp.Compare(a.ID, b.ID))
}

// asset answers /assets/*: names hold a hash of the content, so answers may be kept for ever.
func (st *site) asset(r *http.Request) (answer, error) {
	name, err := segments(r, st.catalog.Site.Prefix+"/assets/", 1)
	if err != nil {
		return answer{}, err
	}
	a, ok := st.templates.Asset(name[0])
	if !ok {
		return answer{}, errNotFound
	}
	return answer{kind: a.Type, body: a.Body, header: http.Header{"Cache-Control": {"public, max-age=31536000, immutable"}}}, nil
}
