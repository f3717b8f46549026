package detail

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"vitrine/detail/blobcache"
	"vitrine/detail/pagecache"
	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/kv"
)

// pageTier names the cache of pages in X-Vitrine-Source.
const pageTier = "page"

// fallbackMaxAge is how long a page is cached that fallback templates have rendered.
const fallbackMaxAge = 5 * time.Second

// reading is what was read for a page: its own blob, the overlays, and what they refer to.
type reading struct {
	site       *site // makes the page: that in force, or the previous catalog's
	page       *catalog.Page
	entity     item.Entity
	own        blobcache.Part
	overlays   []blobcache.Part // those that are not switched off, in the order of page.Overlay
	inherited  []blobcache.Part // what any of the blobs inherits from, each once
	gen        uint64           // of the page's own blob with what it inherits
	partial    bool             // something that the page's own blobs inherit is not there yet, or can't be read
	joins      []join           // by position in page.With
	whole      blobcache.Part   // of a page that shows a part of its entity: the blob of the page that shows the whole
	parts      []blobcache.Part // all of these, the page's own first
	watched    []blobcache.Part // not built yet: once one of them is, the page is made of other blobs
	listing    *listing         // what the page lists; nil for a page that lists nothing
	prefetched prefetched       // read along with the page's own
	names      *names           // of it and of what it refers to; nil where nothing is found by a slug alone
	trips      int              // how often tiers were asked for parts that memory does not have
}

// pages handles all pages with one prefix.
func (st *site) pages(pages []*catalog.Page) handler {
	return func(r *http.Request) (response, error) {
		rest, err := tail(r, pages[0].Prefix)
		if err != nil {
			return response{}, err
		}
		a, err := cutPage(pages, rest)
		if err != nil {
			return response{}, err
		}
		q, err := newRequest(r, a)
		if err != nil {
			return response{}, err
		}
		answer, err := st.page(r, q)
		return st.server.markUnheard(q.page.Cache, answer), err
	}
}

// request is one request for a page.
type request struct {
	address
	path    string // the page is cached under it
	list    listQuery
	accepts pagecache.Accepts
}

func newRequest(r *http.Request, a address) (q request, err error) {
	q = request{address: a, path: a.path()}
	if lists := a.page.Lists; lists != nil {
		q.list, err = parseListQuery(r, lists)
		q.path += "?" + q.list.encode(lists) // no path: the fast path, which ignores queries, never finds it
	}
	q.accepts = pagecache.ParseAccepts(r.Header.Values("Accept-Encoding"), r.Header.Values("Available-Dictionary"))
	return q, err
}

// page serves one page: from the cache of pages, else from its parts if they are what the cached page was made of, else
// rendered anew.
func (st *site) page(r *http.Request, q request) (response, error) {
	s := st.server
	if cached := s.pages.Get(q.path, st.version, time.Now()); cached != nil && !q.moved {
		if c, body := cached.BodyFor(s.encoder, q.accepts); body != nil {
			s.metrics.pageHit.Inc()
			s.popular.Count(q.path)
			return cachedResponse(cached, c, body), nil
		}
	}
	s.metrics.pageMiss.Inc()
	if a, ok := st.former(q); ok && !q.moved {
		return a, nil
	}
	permit, err := s.admission.Admit(r)
	if err != nil {
		return st.busy(q)
	}
	defer permit.Release()
	return st.produce(r, q, blobcache.Policy{NoStore: permit.Crawler})
}

// produce makes a page, unless its parts are still what the cached page was made of, and caches it.
func (st *site) produce(r *http.Request, q request, policy blobcache.Policy) (a response, err error) {
	s := st.server
	changes, epoch := s.pages.Changes(), s.blobs.Epoch()
	if q.alone {
		q.address, err = st.resolve(r.Context(), q.address, policy)
		if err != nil {
			return response{}, err
		}
	}
	read := st.read(r.Context(), q.page, q.entity, policy)
	s.metrics.trips.Observe(float64(read.trips))
	st.announceMissed(r.Context(), read)
	a = response{header: read.site.pageHeader(read)}
	if err := read.life(); err != nil {
		return a, err
	}
	if a, moved := st.redirectMoved(r, q, read, a); moved {
		return a, nil
	}
	if done, err := st.addList(r.Context(), read, q, policy, &a); done || err != nil {
		return a, err
	}
	s.popular.Count(q.path)
	a.etag = read.site.etag(read, q.twin)
	a.header.Set("Cache-Control", cacheControl(read.page.Cache, read.stale() || read.incomplete()))
	store := func(made func() *pagecache.Entry) { st.store(q.path, changes, epoch, read, made) }
	if last := s.pages.Last(q.path, st.version); last != nil && last.ETag == a.etag {
		if c, body := last.BodyFor(s.encoder, q.accepts); body != nil {
			read.site.linkDictionary(read.page, q, a.header)
			a.status, a.kind, a.coding, a.body, a.encoded = last.Status, last.Type, c, body, true
			store(func() *pagecache.Entry { return newEntry(a, last.Size, last) })
			return a, nil
		}
	}
	s.admission.Render(func() { a, err = st.compose(q, read, a, store) })
	return a, err
}

// compose makes a page of its parts, compresses it, and stores it.
func (st *site) compose(q request, read *reading, a response, store func(made func() *pagecache.Entry)) (response, error) {
	a, err := read.site.make(read, q.twin, a)
	if err != nil || a.status == http.StatusFound {
		return a, err
	}
	st.offerDictionary(read, q, a)
	read.site.linkDictionary(read.page, q, a.header)
	size := len(a.body)
	a.coding, a.body = st.server.encoder.Encode(st.server.encoder.Allow(q.accepts, a.kind, size), a.body)
	a.encoded = true
	if a.buffer != nil && a.coding.Coding != pagecache.Identity {
		st.server.buffers.Put(a.buffer)
	}
	a.buffer = nil
	if len(a.body) <= pagecache.MaxBody {
		store(func() *pagecache.Entry { return newEntry(a, size, st.server.pages.Last(q.path, st.version)) })
	}
	return a, nil
}

// store puts a page into the cache, unless a part of it is stale or was overtaken since it was read. made is called only if the page can
// be kept.
func (st *site) store(path string, changes, epoch uint64, read *reading, made func() *pagecache.Entry) {
	if !st.server.pages.On() {
		return
	}
	parts := read.parts
	if len(read.watched) > 0 {
		parts = slices.Concat(parts, read.watched)
	}
	if valid := st.server.blobs.Snapshot(epoch, parts); valid != nil {
		st.server.pages.Put(path, st.version, changes, valid, made())
	}
}

// newEntry makes a cache entry of a response whose body had size bytes before it was compressed. Bodies in other codings come
// from last where that is the same page.
func newEntry(a response, size int, last *pagecache.Entry) *pagecache.Entry {
	h := a.header.Clone()
	h.Set("X-Vitrine-Source", pageTier)
	h.Set("ETag", a.etag)
	setAlways(h)
	p := pagecache.Page{Status: a.status, Type: a.kind, ETag: a.etag, Header: h, Size: size}
	if a.brief {
		a.kept = fallbackMaxAge
	}
	p.MaxAge = a.kept
	e := pagecache.NewEntry(p)
	if last != nil && last.ETag == a.etag {
		e.AddAll(last)
	}
	e.Add(a.coding, a.body)
	return e
}

// cachedResponse is the response of a cached page in one coding.
func cachedResponse(e *pagecache.Entry, c pagecache.Encoding, body []byte) response {
	return response{status: e.Status, kind: e.Type, etag: e.ETag, header: e.Header, coding: c, body: body, encoded: true}
}

// make applies the rules to the page's data, and renders it, or splices its parts where the JSON twin is asked for.
func (st *site) make(read *reading, twin bool, a response) (response, error) {
	data, err := st.data(read)
	if err != nil {
		return response{}, err
	}
	defer data.free()
	rule := st.match(read.page, data.data)
	if err := read.checkPartial(rule); err != nil {
		return response{}, err
	}
	a.status = ruleStatus(rule)
	switch {
	case rule != nil && rule.Redirect != "":
		a.header.Set("Location", target(read.page, rule.Redirect, read.entity.ID, slugIn(read.page, read.own.Body)))
	case twin:
		a.kind, a.body = typeJSON, read.splice()
	default:
		return st.renderPage(data, rule, a)
	}
	return a, nil
}

// read reads all parts of a page: first its own blobs in one batch, with what they referred to the last time, then what they refer to
// now.
func (st *site) read(ctx context.Context, p *catalog.Page, e item.Entity, policy blobcache.Policy) *reading {
	read := st.choose(ctx, p, e, policy)
	p, parts := read.page, read.parts
	if !policy.NoStore && missing(parts[0]) {
		st.server.fallback.Fill(ctx, p, e, parts, st.server.blobs.Minimum(parts[0].Key) > 0)
	}
	read.own, read.overlays = parts[0], parts[1:]
	read.inheritOwn(ctx, policy)
	if read.own.Existence == kv.Alive {
		refs := read.refs()
		for _, w := range p.With {
			if !read.site.switches.joins[joinOf{p, w.Ref.Name}].On() {
				delete(refs, w.Ref.Name)
			}
		}
		read.joins = read.join(ctx, p.With, refs, policy)
		if !policy.NoStore {
			st.remember(read)
		}
	}
	total := len(parts)
	for _, j := range read.joins {
		total += len(j.parts)
	}
	read.parts = append(make([]blobcache.Part, 0, total), parts...)
	for _, j := range read.joins {
		read.parts = append(read.parts, j.parts...)
	}
	if main := mainPage(read.site.catalog, p); isPart(p, main) && read.own.Existence == kv.Alive {
		read.whole = st.server.blobs.Read(ctx, []kv.BlobKey{{Entity: e, Blob: main.Blob.Name}}, policy)[0]
		read.inherit(ctx, []*blobcache.Part{&read.whole}, policy)
		read.parts = append(read.parts, read.whole)
	}
	read.parts = append(read.parts, read.inherited...)
	read.name(ctx, policy)
	return read
}

// name looks up the names of the entity, and of what it refers to.
func (p *reading) name(ctx context.Context, policy blobcache.Policy) {
	if !p.site.catalog.HasIndex() {
		return
	}
	of := p.site.namedParts(p.joined())
	if p.own.Existence == kv.Alive {
		of = append(of, p.named()...)
	}
	p.names = p.site.names(ctx, of, policy)
	if p.names != nil {
		p.parts = append(p.parts, p.names.parts...)
	}
}

// joined are the parts of what the page refers to.
func (p *reading) joined() (parts []blobcache.Part) {
	for _, j := range p.joins {
		parts = append(parts, j.parts...)
	}
	return parts
}

// announceMissed announces entities that have to be copied into the store: those whose blobs came from records or upstreams,
// and those of which the store has lost a blob. A lost blob would otherwise be missing from the page until its upstream changes
// it. An entity that its upstream does not know needs no copy. While back.to.source is off, readers announce nothing, and the
// sweep finds what the store has lost.
func (st *site) announceMissed(ctx context.Context, read *reading) {
	if !st.server.fallback.Enabled() || read.own.Tier == blobcache.UpstreamTier && read.own.Existence != kv.Alive {
		return
	}
	for i := range read.parts {
		part := &read.parts[i]
		if part.Tier == blobcache.RecordsTier || part.Tier == blobcache.UpstreamTier || part.Lost && read.own.Existence == kv.Alive {
			e := part.Key.Entity
			st.server.missed.want(ctx, e, func(err error) {
				st.server.config.Log.Warn("a missing entity could not be announced", "entity", e.String(), "error", err)
			})
		}
	}
}

// main are the blobs of the page's own entity: that of its page, then the overlays. Of what two of them have, the first one's counts.
func (p *reading) main() []blobcache.Part { return append([]blobcache.Part{p.own}, p.overlays...) }

// refs are the refs of the page's blob and of its overlays; of one name the first counts.
func (p *reading) refs() kv.Refs {
	refs := kv.Refs{}
	for _, part := range p.main() {
		for name, ref := range part.Refs {
			if _, ok := refs[name]; !ok {
				refs[name] = ref
			}
		}
	}
	return refs
}

// life is nil where the page exists, which its own blob decides. Else it is errGone, errNotFound, or why the blob can't be
// read.
func (p *reading) life() error {
	switch {
	case p.own.Err != nil:
		return p.own.Err
	case p.own.Existence == kv.Gone:
		return fmt.Errorf("%w: %s", errGone, p.entity)
	case p.own.Existence != kv.Alive:
		return fmt.Errorf("%w: %s", errNotFound, p.entity)
	}
	return nil
}

// stale reports whether any part may be older than the truth, or could not be read.
func (p *reading) stale() bool {
	for i := range p.parts {
		part := &p.parts[i]
		if part.Stale || part.Err != nil {
			return true
		}
	}
	return false
}

// incomplete reports whether the store may have lost an overlay, or lacks what the page inherits. Shared caches should ask again soon.
func (p *reading) incomplete() bool {
	if p.partial {
		return true
	}
	for _, part := range p.overlays {
		if part.Lost {
			return true
		}
	}
	return false
}
