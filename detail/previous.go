package detail

import (
	"context"

	"vitrine/detail/blobcache"
	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/kv"
)

// A new catalog is in force at once, but its blobs are built one by one. A page whose blobs are not built yet is made by the
// previous catalog, from the blobs that are there. Each page changes over by itself as soon as its own blobs are built. So a
// renamed blob leaves no page empty, and a template never sees a blob of the previous shape.
//
// Of two blobs of an entity the one with the higher gen is newer, whatever their names and catalogs are: one counter issues all
// gens of an entity. After a rollback, a blob that was left behind under its former name therefore does not count until it is
// built again.

// previousPage is the site of the previous catalog, and its page for the paths of p. Both are nil where there is no previous
// catalog (any more), or where it makes that page of the same blobs.
func (st *site) previousPage(p *catalog.Page) (*site, *catalog.Page) {
	old := st.server.previous(st)
	if old == nil {
		return nil, nil
	}
	for _, q := range old.catalog.Pages {
		if q.Prefix == p.Prefix && q.Suffix == p.Suffix && q.Kind.Name == p.Kind.Name && sameSlugs(p.Slug, q.Slug) && !sameParts(p, q) {
			return old, q
		}
	}
	return nil, nil
}

// sameSlugs reports whether slugs stand at the same place in the paths of two pages.
func sameSlugs(a, b *catalog.Slug) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Sep == b.Sep && a.After == b.After && a.Alone == b.Alone
}

// sameParts reports whether two pages are made of the same blobs in the same shapes.
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

// previous is the site of the catalog before st's; nil where there is none (any more).
func (s *Server) previous(st *site) *site {
	c := s.config.Previous()
	if c == nil || c == st.catalog {
		return nil
	}
	return s.sites.previous(c, st.templates)
}

// choose begins the reading of a page: its own blobs by the catalog in force or, where they are not built yet, by the previous one. In
// the latter case the blobs that are not built yet are watched: the page stays cached until one of them changes.
func (st *site) choose(ctx context.Context, p *catalog.Page, e item.Entity, policy blobcache.Policy) *reading {
	read := &reading{site: st, page: p, entity: e}
	old, was := st.previousPage(p)
	if old == nil {
		keys := st.ownKeys(p, e)
		parts := read.ask(ctx, append(keys, st.prefetch(p, e)...), policy)
		read.parts, read.prefetched = parts[:len(keys)], parts[len(keys):]
		return read
	}
	now := read.ask(ctx, st.ownKeys(p, e), blobcache.Policy{NoStore: policy.NoStore, Probe: true})
	held := read.ask(ctx, old.ownKeys(was, e), policy)
	switch {
	case built(p, now, was, held):
		read.parts = now
	case missing(held[0]): // neither has it: it may be folded from records
		read.parts = read.ask(ctx, st.ownKeys(p, e), policy)
	default:
		read.site, read.page, read.parts, read.watched = old, was, held, now
	}
	return read
}

// ownKeys are those of a page's own blob and its overlays.
func (st *site) ownKeys(p *catalog.Page, e item.Entity) []kv.BlobKey {
	keys := []kv.BlobKey{{Entity: e, Blob: p.Blob.Name}}
	for _, b := range p.Overlay {
		if st.switches.overlays[overlayOf{p, b}].On() {
			keys = append(keys, kv.BlobKey{Entity: e, Blob: b.Name})
		}
	}
	return keys
}

// built reports whether a page can be made by the catalog in force: its own blob is there, and the blobs are newer than those
// of the previous catalog, or as new and of the right shape.
func built(p *catalog.Page, now []blobcache.Part, was *catalog.Page, held []blobcache.Part) bool {
	if missing(now[0]) {
		return false
	}
	if gen, before := highest(now), highest(held); gen != before {
		return gen > before
	}
	return !otherShape(p, now) || otherShape(was, held)
}

// missing reports whether a page has no blob of its own, or none that can be read.
func missing(own blobcache.Part) bool { return own.Err != nil || own.Existence == kv.Absent }

// highest is the highest gen of the parts.
func highest(parts []blobcache.Part) (gen uint64) {
	for _, part := range parts {
		gen = max(gen, part.Stamp)
	}
	return gen
}

// otherShape reports whether a part has another shape than the page's catalog gives it.
func otherShape(p *catalog.Page, parts []blobcache.Part) bool {
	for _, part := range parts {
		if b, err := p.Kind.Blob(part.Key.Blob); err == nil && part.Existence == kv.Alive && part.Shape != b.Shape {
			return true
		}
	}
	return false
}
