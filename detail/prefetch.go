package detail

import (
	"strings"
	"sync"

	"vitrine/detail/blobcache"
	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/kv"
)

// A page's own blob says what it refers to, so that a page is read in several steps: its own blobs, what these refer to, and each
// further step of an "up" walk. A prefetcher remembers what a page referred to when it was read last, and all of that is asked for along
// with its own blobs, in one batch. It decides nothing: the refs that come back decide what is on the page. What they name is taken from
// the batch, what the batch lacks is read in another, and what nothing refers to any more is left out, and not prefetched again.
//
// Of an entity on an "up" walk it remembers to which one the walk went on, so that a page that is read for the first time takes one batch
// more for all that it refers to, if any page has walked there before.

// prefetchBytes bounds what is remembered: each page takes some 300 bytes.
const prefetchBytes = 32 << 20

// prefetcher is safe for concurrent use. It is bounded: there are two sets, and the older one is dropped when the younger one is full. A
// page that is read moves to the younger one.
type prefetcher struct {
	most int // bytes of a set

	mu           sync.Mutex // guards all below
	young, older map[prefetchPage]string
	size         int // of young, in bytes
}

// prefetchPage is a page of any catalog, or an entity on a walk by a ref, which is named upRef and the ref.
type prefetchPage struct {
	page   string
	entity item.Entity
}

const upRef = "up " // no page's name has a space

func newPrefetcher(bytes int) *prefetcher {
	return &prefetcher{most: bytes / 2, young: map[prefetchPage]string{}}
}

// of lists what a page referred to: REF ID, with prefetchID between them and prefetchEnd after each. Neither is part of a name or an id.
func (f *prefetcher) of(p prefetchPage) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if refers, ok := f.young[p]; ok {
		return refers
	}
	refers, ok := f.older[p]
	if ok {
		f.put(p, refers)
	}
	return refers
}

const (
	prefetchID   = "\x00"
	prefetchEnd  = "\x01"
	inheritedRef = "under " // before a ref by which the page's own blobs inherit; no ref's name has a space
)

// note remembers what a page refers to.
func (f *prefetcher) note(p prefetchPage, refers string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if known, ok := f.young[p]; !ok || known != refers {
		f.put(p, refers)
	}
}

// put adds to young. The caller holds mu.
func (f *prefetcher) put(p prefetchPage, refers string) {
	const overhead = 128 // bytes of an entry besides its texts, roughly
	if f.size > f.most {
		f.older, f.young, f.size = f.young, map[prefetchPage]string{}, 0
	}
	f.size += overhead + len(p.entity.ID) + len(refers)
	f.young[p] = refers
}

// prefetch gives the keys of what a page referred to, as far as it still has such a member and that is not switched off.
func (st *site) prefetch(p *catalog.Page, e item.Entity) (keys []kv.BlobKey) {
	refers := st.server.prefetcher.of(prefetchPage{p.Name, e})
	for one := range strings.SplitSeq(refers, prefetchEnd) {
		ref, id, ok := strings.Cut(one, prefetchID)
		if !ok {
			continue
		}
		if own, inherited := strings.CutPrefix(ref, inheritedRef); inherited {
			for _, w := range p.Inherits() {
				if w.Ref.Name == own {
					keys = append(keys, kv.BlobKey{Entity: item.Entity{Kind: w.Ref.Kind.Name, ID: id}, Blob: w.Blob.Name})
				}
			}
		}
		for _, w := range p.With {
			if w.Ref.Name == ref && st.switches.joins[joinOf{p, ref}].On() {
				keys = append(keys, kv.BlobKey{Entity: item.Entity{Kind: w.Ref.Kind.Name, ID: id}, Blob: w.Blob.Name})
			}
		}
	}
	return keys
}

// steps gives the keys of what a walk by a ref came to from a blob's entity when it was walked last, up to most.
func (f *prefetcher) steps(up string, from kv.BlobKey, most int) (keys []kv.BlobKey) {
	for range most {
		from.Entity.ID = f.of(prefetchPage{upRef + up, from.Entity})
		if from.Entity.ID == "" {
			break
		}
		keys = append(keys, from)
	}
	return keys
}

// remember has what a page refers to prefetched the next time.
func (st *site) remember(read *reading) {
	var refers strings.Builder
	if read.site.inherits {
		refs := read.refs()
		for _, w := range read.page.Inherits() {
			if ids := refs[w.Ref.Name].IDs; len(ids) > 0 {
				refers.WriteString(inheritedRef + w.Ref.Name + prefetchID + ids[0] + prefetchEnd)
			}
		}
	}
	for i := range read.joins {
		j := &read.joins[i]
		for n := range j.parts {
			refers.WriteString(j.with.Ref.Name + prefetchID + j.parts[n].Key.Entity.ID + prefetchEnd)
		}
		if up := j.with.Ref.Up; up != "" && read.trips > 1 { // else all of the walk was known
			for n := range len(j.parts) - 1 {
				st.server.prefetcher.note(prefetchPage{upRef + up, j.parts[n+1].Key.Entity}, j.parts[n].Key.Entity.ID)
			}
		}
	}
	st.server.prefetcher.note(prefetchPage{read.page.Name, read.entity}, refers.String())
}

// prefetched are parts that were read along with a page's own.
type prefetched []blobcache.Part

// part gives the part of a key.
func (f prefetched) part(key kv.BlobKey) (part *blobcache.Part) {
	for i := range f {
		if f[i].Key == key {
			return &f[i]
		}
	}
	return nil
}
