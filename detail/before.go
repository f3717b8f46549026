package detail

import (
	"context"

	"vitrine/detail/blobcache"
	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/kv"
)

// A new catalog is in force at once, and its blobs are built one by one. A page whose blobs are not built yet is made
// by the catalog before, of the blobs that are there; each page moves on by itself as soon as its own are. So a
// renamed blob leaves no page without its blob, and a template never sees a blob of the former shape by the new rules.
//
// Gens tell which of two blobs is newer, under whatever names and catalogs they were folded: all of an entity's come
// from one counter. That keeps what is left behind under a former name from being shown once somebody has gone back to
// it: as long as it is not built again, its gen is lower.

// before is the site of the catalog before, while it counts, and its page for what p is for; nil where there is none, or
// where that page is made of the same.
func (st *site) before(p *catalog.Page) (*site, *catalog.Page) {
	old := st.server.previous(st)
	if old == nil {
		return nil, nil
	}
	for _, q := range old.catalog.Pages {
		if q.Prefix == p.Prefix && q.Suffix == p.Suffix && q.Kind.Name == p.Kind.Name && !sameParts(p, q) {
			return old, q
		}
	}
	return nil, nil
}

// sameParts tells whether two pages are made of the same blobs in the same shapes.
func sameParts(p, q *catalog.Page) bool {
	if len(p.Overlay) != len(q.Overlay) || !sameBlob(p.Blob, q.Blob) {
		return false
	}
	for i := range p.Overlay {
		if !sameBlob(p.Overlay[i], q.Overlay[i]) {
			return false
		}
	}
	return true
}

func sameBlob(a, b *catalog.Blob) bool { return a.Name == b.Name && a.Shape == b.Shape }

// previous is the site of the catalog before st's, nil where that does not count any more.
func (s *Server) previous(st *site) *site {
	c := s.config.Previous()
	if c == nil || c == st.catalog {
		return nil
	}
	return s.sites.before(c, st.templates)
}

// choose reads the blobs of a page by the catalog in force or, where they are not built yet, by the one before. watched
// are those of the former in the latter case: the page holds until one of them is there.
func (st *site) choose(ctx context.Context, p *catalog.Page, e item.Entity, policy blobcache.Policy) (maker *site, page *catalog.Page, parts, watched []blobcache.Part) {
	old, was := st.before(p)
	if old == nil {
		return st, p, st.ownParts(ctx, p, e, policy), nil
	}
	now, held := st.ownParts(ctx, p, e, blobcache.Policy{NoStore: policy.NoStore, Probe: true}), old.ownParts(ctx, was, e, policy)
	switch {
	case built(p, now, was, held):
		return st, p, now, nil
	case unread(held[0]): // neither has it: whoever can make it of records
		return st, p, st.ownParts(ctx, p, e, policy), nil
	}
	return old, was, held, now
}

// ownParts reads a page's own blob and its overlays, in one batch.
func (st *site) ownParts(ctx context.Context, p *catalog.Page, e item.Entity, policy blobcache.Policy) []blobcache.Part {
	keys := []kv.BlobKey{{Entity: e, Blob: p.Blob.Name}}
	for _, b := range p.Overlay {
		if st.shed[overlayOf{p, b}].On() {
			keys = append(keys, kv.BlobKey{Entity: e, Blob: b.Name})
		}
	}
	return st.server.blobs.Read(ctx, keys, policy)
}

// built tells whether a page can be made by the catalog in force: its blobs are there, not older than those of the catalog
// before, and of the shapes that they should have, unless they are newer.
func built(p *catalog.Page, now []blobcache.Part, was *catalog.Page, held []blobcache.Part) bool {
	if unread(now[0]) {
		return false
	}
	if gen, before := highest(now), highest(held); gen != before {
		return gen > before
	}
	return !misshapen(p, now) || misshapen(was, held)
}

func unread(own blobcache.Part) bool { return own.Err != nil || own.Life == kv.Absent }

func highest(parts []blobcache.Part) (gen uint64) {
	for _, part := range parts {
		gen = max(gen, part.Stamp)
	}
	return gen
}

// misshapen tells whether a part has another shape than the page's catalog wants.
func misshapen(p *catalog.Page, parts []blobcache.Part) bool {
	for _, part := range parts {
		if b, err := p.Kind.Blob(part.Key.Blob); err == nil && part.Life == kv.Alive && part.Shape != b.Shape {
			return true
		}
	}
	return false
}
