package detail

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"

	"vitrine/detail/blobcache"
	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/internal/shape"
	"vitrine/internal/slug"
	"vitrine/internal/view"
)

// address is what the path of a page says.
type address struct {
	page   *catalog.Page
	entity item.Entity
	slug   string // as given; not escaped
	twin   bool   // the page as JSON
	moved  bool   // the path is a former one of the page
}

// path is the address in one form: the page is cached under it, if the slug is the right one.
func (a address) path() string {
	if a.twin {
		return a.page.TwinPath(a.entity.ID, a.slug)
	}
	return a.page.Path(a.entity.ID, a.slug)
}

// cutPage reads the address in an escaped tail. Id and slug are unescaped once, and the id is checked. It fails with errNotFound,
// errBadRequest or item.ErrID.
func cutPage(pages []*catalog.Page, rest string) (a address, err error) {
	for _, p := range pages {
		rawID, rawSlug, twin, ok := p.Cut(rest)
		if !ok {
			continue
		}
		id, err := url.PathUnescape(rawID)
		if err != nil {
			return a, fmt.Errorf("%w: %w", errBadRequest, err)
		}
		given, err := url.PathUnescape(rawSlug)
		if err != nil {
			return a, fmt.Errorf("%w: %w", errBadRequest, err)
		}
		if err := item.CheckID(id); err != nil {
			return a, err
		}
		a = address{page: p, entity: item.Entity{Kind: p.Kind.Name, ID: id}, slug: given, twin: twin}
		if p.Moved != nil {
			a.page, a.moved = p.Moved, true
		}
		return a, nil
	}
	return a, errNotFound
}

// pagePath is the path of an entity's page. body is a blob of the entity, of which the slug is made. Without the slug, which another
// blob than the page's own may lack, the path is one that leads to the right one.
func pagePath(p *catalog.Page, id string, body []byte) string { return p.Path(id, slugIn(p, body)) }

// slugIn is the slug of a page's entity, by a blob of it.
func slugIn(p *catalog.Page, body []byte) string {
	if p.Slug == nil {
		return ""
	}
	text, _ := shape.Lookup(body, p.Slug.From)
	if text.IsObject() || text.IsArray() {
		return ""
	}
	return slug.Of(text.String())
}

// slugOf is the slug of a page's entity, by its data.
func slugOf(p *catalog.Page, entity view.Value) string {
	if p.Slug == nil {
		return ""
	}
	return slug.Of(entity.Get(p.Slug.From...).Text())
}

// redirectMoved leads who asked for a page by another slug, or by a former path, to its path. It returns false where the path is right,
// and where the slug itself may be old: two servers that know different slugs would send a visitor to and fro.
//
// Caches may keep the answer for a moment only. A slug may become again what it was, and a browser that remembers both ways would go
// round.
func (st *site) redirectMoved(r *http.Request, q request, read *reading, a response) (response, bool) {
	right := q.address
	right.slug = slugIn(q.page, read.own.Body)
	if !q.moved && (right.slug == q.slug || read.stale() || read.site != st) {
		return a, false
	}
	a.status = http.StatusMovedPermanently
	a.header.Set("Location", right.path()+keptQuery(r, q.page))
	a.header.Set("Cache-Control", cacheControl(catalog.Cache{Shared: staleShared}, true))
	return a, true
}

// keptQuery is the part of a request's query that a page declares, with its question mark; "" for none.
func keptQuery(r *http.Request, p *catalog.Page) string {
	forms := map[string]*regexp.Regexp{}
	for _, l := range p.Live {
		maps.Copy(forms, l.Vary)
	}
	if p.Lists != nil {
		forms["page"], forms["order"] = listParam, listParam
	}
	params, err := declared(r, slices.Collect(maps.Keys(forms)))
	kept := url.Values{}
	for name, value := range params {
		if forms[name].MatchString(value) {
			kept.Set(name, value)
		}
	}
	if err != nil || len(kept) == 0 {
		return ""
	}
	return "?" + kept.Encode()
}

// addressOf is the address of an entity's page. It reads the page's own blob if the slug is made of it.
func (st *site) addressOf(ctx context.Context, p *catalog.Page, e item.Entity) address {
	a := address{page: p, entity: e}
	if p.Slug != nil {
		ask := st.reader(ctx, blobcache.Policy{NoStore: true})
		own := ask([]kv.BlobKey{{Entity: e, Blob: p.Blob.Name}})[0]
		st.inherit([]*blobcache.Part{&own}, ask)
		a.slug = slugIn(p, own.Body)
	}
	return a
}

// PagePath is the escaped path of an entity's page.
func (s *Server) PagePath(ctx context.Context, p *catalog.Page, id string) (string, error) {
	st, err := s.current()
	if err != nil {
		return "", err
	}
	return st.addressOf(ctx, p, item.Entity{Kind: p.Kind.Name, ID: id}).path(), nil
}
