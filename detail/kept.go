package detail

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/dgraph-io/ristretto/v2"

	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/switches"
)

const (
	pageTier     = "page"
	keptMax      = 512 << 10 // bytes of one body; a longer page is made anew each time
	briefly      = 5 * time.Second
	keptOverhead = 2 << 10 // bytes of an entry besides its bodies, roughly
)

// kept is a page as it is written, with what it was made of. It is never changed: another takes its place.
//
// It holds while nothing was announced for any of its parts. Each part's slot of the floors is noted, and a
// look at the slots is all that a hit costs: where one holds another floor than then, something was announced,
// for this part or for one that shares its slot, and the parts are read and compared again. In full:
//
//	page        reads its parts, all fresh in memory
//	page        notes the slots
//	page        looks into memory once more: a part overtaken meanwhile is not there any longer
//	announced   puts its floor into the slot: a later look sees it
//
// What is announced between the reading and the noting is seen by the second look, since an announcement is
// through with one blob before it begins the next (local.announced), so that no other key can have taken the
// slot before the entry in memory was marked.
type kept struct {
	site  *site
	mark  uint64 // of the switches
	epoch uint64 // of the announcements
	until int64  // unix ns; then the parts are looked at again
	seen  []slot

	brief bool // to be made anew soon

	status int
	kind   string
	etag   string
	header http.Header // all but Content-Encoding, Content-Length and Date
	size   int         // of the body before it is compressed
	bodies [codings][]byte
	wire   [codings][]byte // status line and header fields as they are sent, but for Date and the end

	unchanged []byte // the same of a 304
}

// slot is a place in the floors and what was there.
type slot struct {
	at    *atomic.Pointer[floor]
	floor *floor
}

// keptPath is what a page is kept under: the path that its own links have, or its twin's.
func (st *site) keptPath(p *catalog.Page, e item.Entity, twin bool) string {
	if twin {
		return p.Prefix + escapeID(e.ID) + twinSuffix(p)
	}
	return pagePath(p, e.ID)
}

// newKept is a page that was just made and compressed, of size bytes before that, with what old has of the same page.
func (st *site) newKept(a answer, size int, old *kept) *kept {
	k := &kept{site: st, brief: a.brief, status: a.status, kind: a.kind, etag: a.etag, size: size}
	k.setHeader(a.header)
	if old != nil && old.etag == a.etag {
		k.takeBodies(old)
	}
	k.with(a.coding, a.body)
	return k
}

func (k *kept) setHeader(h http.Header) {
	k.header = h.Clone()
	k.header.Set("X-Vitrine-Source", pageTier)
	k.header.Set("ETag", k.etag)
	setAlways(k.header)
	var b bytes.Buffer
	fmt.Fprintf(&b, "HTTP/1.1 304 %s\r\n", http.StatusText(http.StatusNotModified))
	_ = k.header.Write(&b)
	k.unchanged = b.Bytes()
}

// again is the same page, read again with the same parts.
func (k *kept) again(h http.Header) *kept {
	next := &kept{site: k.site, status: k.status, kind: k.kind, etag: k.etag, size: k.size}
	next.setHeader(h)
	next.takeBodies(k)
	return next
}

// takeBodies takes over what another of the same page has.
func (k *kept) takeBodies(old *kept) {
	for c, body := range old.bodies {
		if body != nil {
			k.with(coding(c), body)
		}
	}
}

// answer is the page as it is written by net/http.
func (k *kept) answer(c coding, body []byte) answer {
	return answer{status: k.status, kind: k.kind, etag: k.etag, header: k.header, coding: c, body: body, packed: true}
}

// bodyFor is the body in a coding that the visitor accepts; nil where it was not made yet.
func (k *kept) bodyFor(e *encoder, accept accepts) (c coding, body []byte) {
	c = e.pick(accept, k.kind, k.size, true)
	return c, k.bodies[c]
}

// with is the page with one more body, ready to be sent as it is.
func (k *kept) with(c coding, body []byte) {
	k.bodies[c] = body
	var b bytes.Buffer
	fmt.Fprintf(&b, "HTTP/1.1 %d %s\r\n", k.status, http.StatusText(k.status))
	h := k.header.Clone()
	h.Set("Content-Type", k.kind)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if c != identity {
		h.Set("Content-Encoding", codingNames[c])
	}
	_ = h.Write(&b) // a bytes.Buffer takes all
	k.wire[c] = b.Bytes()
}

// pageCache keeps pages by their path.
type pageCache struct {
	cache *ristretto.Cache[string, *kept]
	local *local
	on    *switches.Switch
	mark  atomic.Uint64 // counts the moves of switches
	moved atomic.Int64  // when the last was, unix ns; 0 for never
}

func newPageCache(size int64, l *local, panel *switches.Panel) (*pageCache, error) {
	cache, err := ristretto.NewCache(&ristretto.Config[string, *kept]{
		NumCounters: max(1000, size/(8<<10)*10), MaxCost: size, BufferItems: 64, IgnoreInternalCost: true,
	})
	if err != nil {
		return nil, fmt.Errorf("make the cache of pages: %w", err)
	}
	c := &pageCache{cache: cache, local: l, on: panel.Switch(switches.ReadLocal)}
	if panel != nil {
		panel.Changed(func() {
			c.moved.Store(time.Now().UnixNano())
			c.mark.Add(1)
		})
	}
	return c, nil
}

// get is the page at a path, if it holds.
func (c *pageCache) get(path string, st *site, now time.Time) *kept {
	k, ok := c.cache.Get(path)
	if !ok || k.site != st || k.epoch != c.local.epoch.Load() || k.mark != c.mark.Load() || now.UnixNano() >= k.until || !c.on.On() {
		return nil
	}
	for i := range k.seen {
		if s := &k.seen[i]; s.at.Load() != s.floor {
			return nil
		}
	}
	return k
}

// last is the page at a path, whether or not it still holds.
func (c *pageCache) last(path string, st *site) *kept {
	if k, ok := c.cache.Get(path); ok && k.site == st && c.on.On() {
		return k
	}
	return nil
}

// draft is taken before a page's parts are read.
type draft struct{ mark, epoch uint64 }

func (c *pageCache) draft() draft { return draft{c.mark.Load(), c.local.epoch.Load()} }

// keep puts in what page gives, which is not asked where a part is stale or was overtaken. It needs no seen,
// until, mark, epoch.
func (c *pageCache) keep(path string, d draft, read *reading, page func() *kept) {
	if !c.on.On() {
		return
	}
	now := time.Now()
	until := now.Add(time.Hour)
	var seen []slot
	parts := slices.Concat(read.parts, read.watched)
	for _, p := range parts {
		if p.Stale || p.Err != nil || !p.until.After(now) {
			return
		}
		if p.until.Before(until) {
			until = p.until
		}
		at := c.local.floors.slot(p.Key)
		seen = append(seen, slot{at, at.Load()})
	}
	for i, p := range parts {
		if !c.current(p, seen[i].floor) {
			return
		}
	}
	k := page()
	if soon := now.Add(briefly); k.brief && soon.Before(until) {
		until = soon
	}
	k.seen, k.mark, k.epoch, k.until = seen, d.mark, d.epoch, until.UnixNano()
	cost := int64(keptOverhead + len(seen)*16)
	for i := range k.bodies {
		cost += int64(len(k.bodies[i]) + len(k.wire[i]))
	}
	c.cache.Set(path, k, cost)
}

// current tells whether a part is what was last announced. One that is too long for memory is known by what
// stood in its slot before it was read.
func (c *pageCache) current(p Part, now *floor) bool {
	since := p.noted && p.before == now
	if now.isOf(p.Key) {
		return p.Stamp >= now.gen && (!now.doubt || since)
	}
	if since {
		return true
	}
	held, how := c.local.get(p.Key)
	return how == fresh && held.Stamp == p.Stamp
}

func (c *pageCache) bytes() float64 { return float64(c.cache.MaxCost() - c.cache.RemainingCost()) }

func (c *pageCache) close() { c.cache.Close() }
