package detail

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/kv"
)

// reading is a page as it was read: its own blob, the overlays, and what they refer to.
type reading struct {
	page     *catalog.Page
	entity   item.Entity
	own      Part
	overlays []Part // by position in page.Overlay
	joins    []join // by position in page.With
}

// pages answers for all pages with one prefix.
func (st *site) pages(pages []*catalog.Page) handler {
	return func(r *http.Request) (answer, error) {
		rest, err := tail(r, pages[0].Prefix)
		if err != nil {
			return answer{}, err
		}
		p, e, twin, err := cutPage(pages, rest)
		if err != nil {
			return answer{}, err
		}
		return st.page(r.Context(), p, e, twin)
	}
}

// page is the story of one page.
func (st *site) page(ctx context.Context, p *catalog.Page, e item.Entity, twin bool) (answer, error) {
	read := st.read(ctx, p, e)
	st.announceMissed(ctx, read)
	a := answer{header: st.pageHeader(read)}
	if err := read.life(); err != nil {
		return a, err
	}
	data := read.splice()
	rule := st.match(p, data)
	a.header.Set("Cache-Control", cacheControl(p.Cache, read.stale()))
	a.etag = st.etag(read, rule, twin)
	a.status = ruleStatus(rule)
	switch {
	case rule != nil && rule.Redirect != "":
		a.header.Set("Location", strings.ReplaceAll(rule.Redirect, "{"+e.Kind+"}", escapeID(e.ID)))
	case twin:
		a.kind, a.body = typeJSON, data
	default:
		return st.renderPage(read, rule, data, a)
	}
	return a, nil
}

// read reads all parts of a page: its own blobs in one batch, then what they refer to.
func (st *site) read(ctx context.Context, p *catalog.Page, e item.Entity) *reading {
	keys := []kv.BlobKey{{Entity: e, Blob: p.Blob.Name}}
	overlays := make([]Part, len(p.Overlay))
	var at []int
	for i, b := range p.Overlay {
		overlays[i].Key = kv.BlobKey{Entity: e, Blob: b.Name}
		if st.shed[overlayOf{p, b}].On() {
			keys, at = append(keys, overlays[i].Key), append(at, i)
		}
	}
	parts := st.reader.read(ctx, keys)
	for k, i := range at {
		overlays[i] = parts[k+1]
	}
	read := &reading{page: p, entity: e, own: parts[0], overlays: overlays}
	if read.own.Err != nil || read.own.Life == kv.Absent {
		wanted := []*Part{&read.own}
		for _, i := range at {
			wanted = append(wanted, &read.overlays[i])
		}
		st.source.fill(ctx, p, e, wanted)
	}
	if read.own.Life == kv.Alive {
		refs := read.refs()
		for _, w := range p.With {
			if !st.shed[joinOf{p, w.Ref.Name}].On() {
				delete(refs, w.Ref.Name)
			}
		}
		read.joins = st.join(ctx, p.With, refs)
	}
	return read
}

// announceMissed has what was improvised copied.
func (st *site) announceMissed(ctx context.Context, read *reading) {
	for _, part := range read.parts() {
		if part.Tier == recordsTier || part.Tier == upstreamTier {
			st.missed.want(ctx, part.Key.Entity, func(err error) {
				st.Log.Warn("a missing entity could not be announced", "entity", part.Key.Entity.String(), "error", err)
			})
		}
	}
}

// refs are those of the page's blob, then of its overlays.
func (p *reading) refs() kv.Refs {
	refs := kv.Refs{}
	for _, part := range append([]Part{p.own}, p.overlays...) {
		for name, ref := range part.Refs {
			if _, ok := refs[name]; !ok {
				refs[name] = ref
			}
		}
	}
	return refs
}

// life tells whether there is a page at all. Only the page's own blob decides.
func (p *reading) life() error {
	switch {
	case p.own.Err != nil:
		return p.own.Err
	case p.own.Life == kv.Gone:
		return fmt.Errorf("%w: %s", errGone, p.entity)
	case p.own.Life != kv.Alive:
		return fmt.Errorf("%w: %s", errNotFound, p.entity)
	}
	return nil
}

// parts are all that were read, the page's own first.
func (p *reading) parts() []Part {
	all := append([]Part{p.own}, p.overlays...)
	for _, j := range p.joins {
		all = append(all, j.parts...)
	}
	return all
}

// stale tells whether any part may be older than the truth, or could not be read.
func (p *reading) stale() bool {
	for _, part := range p.parts() {
		if part.Stale || part.Err != nil {
			return true
		}
	}
	return false
}
