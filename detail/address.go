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
	alone  bool   // the path has the slug and no id, which names the entity
}

// path is the address in one form: the page is cached under it, if the slug is the right one.
func (a address) path() string {
	id := a.entity.ID
	if a.alone {
		id = ""
	}
	if a.twin {
		return a.page.TwinPath(id, a.slug)
	}
	return a.page.Path(id, a.slug)
}

// cutPage reads the address in an escaped tail. Id and slug are unescaped once, and the id is checked. It fails with errNotFound,
// errBadRequest or item.ErrID. The entity of an address that is a slug alone has no id yet: see resolve.
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
		alone := p.Alone() && id == ""
		if err := item.CheckID(id); err != nil && !alone {
			return a, err
		}
		a = address{page: p, entity: item.Entity{Kind: p.Kind.Name, ID: id}, slug: given, twin: twin, alone: alone}
		if p.Moved != nil {
			a.page, a.moved = p.Moved, true
		}
		return a, nil
	}
	return a, errNotFound
}

// slugIn is the slug of a page's entity, by a blob of it.
func slugIn(p *catalog.Page, body []byte) string {
	if p.Slug == nil {
		return ""
	}
	return shape.Slug(body, p.Slug.From)
}

// ownSlug is the slug that an entity can be found by: that of its blob as it is stored. What it inherits makes none, since others inherit it, too.
func ownSlug(p *catalog.Page, part blobcache.Part) string {
	if part.Stored != nil {
		return slugIn(p, part.Stored)
	}
	return slugIn(p, part.Body)
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
	right := read.address(q.address)
	if !q.moved && (right.path() == q.address.path() || read.stale() || read.site != st) {
		return a, false
	}
	a.status = http.StatusMovedPermanently
	a.header.Set("Location", right.path()+keptQuery(r, q.page))
	a.header.Set("Cache-Control", cacheControl(catalog.Cache{Shared: staleShared}, true))
	return a, true
}

// address is the right one for what was asked for by a: that has its page, and its form.
func (p *reading) address(a address) address {
	a.slug = slugIn(a.page, p.own.Body)
	a.alone = p.names.has(a.page, p.entity.ID, a.slug)
	a.entity = p.entity
	return a
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
	if p.Slug == nil {
		return a
	}
	policy := blobcache.Policy{NoStore: true}
	ask := st.reader(ctx, policy)
	read := &reading{site: st, page: p, entity: e, own: ask([]kv.BlobKey{{Entity: e, Blob: p.Blob.Name}})[0]}
	st.inherit([]*blobcache.Part{&read.own}, ask)
	read.names = st.names(ctx, []named{{nameOf{p, e.ID}, ownSlug(p, read.own)}}, policy)
	return read.address(a)
}

// PagePath is the escaped path of an entity's page.
func (s *Server) PagePath(ctx context.Context, p *catalog.Page, id string) (string, error) {
	st, err := s.current()
	if err != nil {
		return "", err
	}
	return st.addressOf(ctx, p, item.Entity{Kind: p.Kind.Name, ID: id}).path(), nil
}
