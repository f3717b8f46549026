package detail

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/kv"
)

// reading is a page as it was read: its own blob, the overlays, and what they refer to.
type reading struct {
	site     *site // of the catalog that the page is made by
	page     *catalog.Page
	entity   item.Entity
	own      Part
	overlays []Part // those that are not switched off, in the order of page.Overlay
	joins    []join // by position in page.With
	parts    []Part // all of these, the page's own first
	watched  []Part // blobs that the page will be made of once they are built
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
		return st.page(r, p, e, twin)
	}
}

// page is the story of one page.
func (st *site) page(r *http.Request, p *catalog.Page, e item.Entity, twin bool) (answer, error) {
	path, accept := st.keptPath(p, e, twin), accepting(r.Header.Values("Accept-Encoding"))
	if k := st.kept.get(path, st, time.Now()); k != nil {
		if c, body := k.bodyFor(st.encoder, accept); body != nil {
			st.metrics.pageHit.Inc()
			return k.answer(c, body), nil
		}
	}
	st.metrics.pageMiss.Inc()
	ctx := r.Context()
	crawler, err := st.crawlers.admit(r)
	if err != nil || !st.gate.enter() {
		return st.busy(path, accept)
	}
	defer st.gate.leave()
	if crawler {
		ctx = unkeeping(ctx)
	}
	d := st.kept.draft()
	read := st.read(ctx, p, e)
	st.announceMissed(ctx, read)
	a := answer{header: read.site.pageHeader(read)}
	if err := read.life(); err != nil {
		return a, err
	}
	a.etag = read.site.etag(read, twin)
	a.header.Set("Cache-Control", cacheControl(read.page.Cache, read.stale() || read.lacks()))
	if k := st.kept.last(path, st); k != nil && k.etag == a.etag {
		if c, body := k.bodyFor(st.encoder, accept); body != nil {
			a.status, a.kind, a.coding, a.body, a.packed = k.status, k.kind, c, body, true
			st.kept.keep(path, d, read, func() *kept { return k.again(a.header) })
			return a, nil
		}
	}
	st.gate.render(func() { a, err = st.compose(path, read, twin, a, accept, d) })
	return a, err
}

// compose makes a page of its parts, compresses it, and keeps it.
func (st *site) compose(path string, read *reading, twin bool, a answer, accept accepts, d draft) (answer, error) {
	a, err := read.site.make(read, twin, a)
	if err != nil || a.status == http.StatusFound {
		return a, err
	}
	size := len(a.body)
	a.coding = st.encoder.pick(accept, a.kind, size, true)
	a.body, a.packed = st.encoder.encode(a.coding, a.body), true
	if len(a.body) <= keptMax {
		st.kept.keep(path, d, read, func() *kept { return st.newKept(a, size, st.kept.last(path, st)) })
	}
	return a, nil
}

// make splices the parts, and renders them unless the twin is asked for.
func (st *site) make(read *reading, twin bool, a answer) (answer, error) {
	data := read.splice()
	rule := st.match(read.page, data)
	a.status = ruleStatus(rule)
	switch {
	case rule != nil && rule.Redirect != "":
		a.header.Set("Location", strings.ReplaceAll(rule.Redirect, "{"+read.entity.Kind+"}", escapeID(read.entity.ID)))
	case twin:
		a.kind, a.body = typeJSON, data
	default:
		return st.renderPage(read, rule, data, a)
	}
	return a, nil
}

// busy is what a visitor gets while too many pages are being made: the page as it last was, if it is here.
func (st *site) busy(path string, accept accepts) (answer, error) {
	k := st.kept.last(path, st)
	if k == nil {
		return answer{}, errBusy
	}
	c, body := k.bodyFor(st.encoder, accept)
	if body == nil {
		return answer{}, errBusy
	}
	a := k.answer(c, body)
	a.header = a.header.Clone()
	a.header.Set("X-Vitrine-Stale", "1")
	a.header.Set("Cache-Control", noStore)
	return a, nil
}

// read reads all parts of a page: its own blobs in one batch, then what they refer to.
func (st *site) read(ctx context.Context, p *catalog.Page, e item.Entity) *reading {
	maker, p, parts, watched := st.choose(ctx, p, e)
	if keeping(ctx) && unread(parts[0]) {
		st.source.fill(ctx, p, e, parts, st.reader.local.floors.of(parts[0].Key) > 0)
	}
	read := &reading{site: maker, page: p, entity: e, own: parts[0], overlays: parts[1:], watched: watched}
	if read.own.Life == kv.Alive {
		refs := read.refs()
		for _, w := range p.With {
			if !maker.shed[joinOf{p, w.Ref.Name}].On() {
				delete(refs, w.Ref.Name)
			}
		}
		read.joins = maker.join(ctx, p.With, refs)
	}
	read.parts = parts
	for _, j := range read.joins {
		read.parts = append(read.parts, j.parts...)
	}
	return read
}

// announceMissed has copied what was improvised, and what the store has lost of a page that is there: a part that is
// absent though nobody said so would else be missed by every visitor until its owner changes it. That an owner knows
// nothing of an entity needs no copy. With back to source shed, readers cause no work at the owners at all; what the
// store has lost is then found by the sweep.
func (st *site) announceMissed(ctx context.Context, read *reading) {
	if !st.source.back.On() || read.own.Tier == upstreamTier && read.own.Life != kv.Alive {
		return
	}
	for _, part := range read.parts {
		if part.Tier == recordsTier || part.Tier == upstreamTier || part.Lost && read.own.Life == kv.Alive {
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

// stale tells whether any part may be older than the truth, or could not be read.
func (p *reading) stale() bool {
	for _, part := range p.parts {
		if part.Stale || part.Err != nil {
			return true
		}
	}
	return false
}

// lacks reports whether the store may have lost an overlay: shared caches should ask again soon.
func (p *reading) lacks() bool {
	for _, part := range p.overlays {
		if part.Lost {
			return true
		}
	}
	return false
}
