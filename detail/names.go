package detail

import (
	"cmp"
	"context"
	"fmt"

	"vitrine/detail/blobcache"
	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/internal/slug"
)

// Where a page's path has a slug and no id, the entity that comes first among those that have the slug now has it for itself. The others
// have the slug and their id in their paths.
//
// The index says which entities have ever claimed the slug, and their own blobs say which slug they have now. An entity that was renamed, or
// is gone, thus gives its slug up at once, whatever the index says, and its former slugs lead to it until another entity has them.

// names says which entities have their slug for themselves, and what that was read from.
type names struct {
	own   map[nameOf]string
	parts []blobcache.Part
}

type nameOf struct {
	page *catalog.Page
	id   string
}

// path is the path of an entity's page.
func (n *names) path(p *catalog.Page, id, text string) string {
	if n.has(p, id, text) {
		return p.Path("", text)
	}
	return p.Path(id, text)
}

// has reports whether an entity has a slug for itself.
func (n *names) has(p *catalog.Page, id, text string) bool {
	return n != nil && text != "" && n.own[nameOf{p, id}] == text
}

// named is an entity that may have its slug for itself.
type named struct {
	nameOf
	slug string
}

// names looks up which of some entities have their slug for themselves. One that can't be looked up counts as one that has not: the path
// with the id leads to its page in any case.
func (st *site) names(ctx context.Context, of []named, policy blobcache.Policy) *names {
	var contests []*contest
	known := map[nameOf]string{}
	for _, n := range of {
		if n.page.Alone() && n.slug != "" {
			contests = append(contests, &contest{named: n})
			known[n.nameOf] = n.slug
		}
	}
	if len(contests) == 0 {
		return nil
	}
	found := &names{own: map[nameOf]string{}}
	st.decide(ctx, contests, known, found, policy)
	for _, c := range contests {
		if c.holder == c.id {
			found.own[c.nameOf] = c.slug
		}
	}
	return found
}

// resolve finds the entity of an address that is a slug alone: the one that has it now, else one that had it, whose page leads to its
// present path. It fails with errNotFound, with errGone where all who had the slug are gone, and with why that can't be known.
func (st *site) resolve(ctx context.Context, a address, policy blobcache.Policy) (address, error) {
	c := &contest{named: named{nameOf{page: a.page}, slug.Of(a.slug)}}
	if c.slug == "" {
		return a, errNotFound
	}
	st.decide(ctx, []*contest{c}, nil, &names{}, policy)
	switch {
	case c.holder != "":
		a.entity.ID = c.holder
		return a, nil
	case c.err != nil:
		return a, c.err
	case c.former != "":
		a.entity.ID = c.former
		return a, nil
	case c.gone:
		return a, fmt.Errorf("%w: all that had the slug %q", errGone, item.Clip(c.slug, 80))
	}
	return a, fmt.Errorf("%w: nothing has the slug %q", errNotFound, item.Clip(c.slug, 80))
}

// contest decides who has a slug now, among those that have claimed it.
type contest struct {
	named
	claims slug.Claims
	holder string // "" for nobody
	former string // the first who had it and has another now; "" for nobody
	gone   bool   // someone who had it is deleted
	err    error  // why one of them is not known
}

// decide reads the index, then the blob of the first claim of each contest, and of those in which that has another slug now, all others.
// known are slugs that were read before. What decides is noted in found.
func (st *site) decide(ctx context.Context, contests []*contest, known map[nameOf]string, found *names, policy blobcache.Policy) {
	keys := make([]kv.BlobKey, len(contests))
	for i, c := range contests {
		keys[i] = indexKey(c.page, c.slug)
	}
	for i, index := range st.server.blobs.Read(ctx, keys, policy) {
		found.note(index)
		contests[i].claims, contests[i].err = claimsIn(index), index.Err
	}
	looked := map[kv.BlobKey]blobcache.Part{}
	for _, most := range []int{1, slug.MostClaims} {
		keys = keys[:0]
		for _, c := range contests {
			if c.holder == "" {
				keys = append(keys, c.unread(most, known, looked)...)
			}
		}
		for _, part := range st.server.blobs.Read(ctx, keys, policy) {
			looked[part.Key] = part
			found.note(part)
		}
		for _, c := range contests {
			c.look(most, known, looked)
		}
	}
}

// unread lists the blobs of the first claims that were not read yet.
func (c *contest) unread(most int, known map[nameOf]string, looked map[kv.BlobKey]blobcache.Part) (keys []kv.BlobKey) {
	for _, id := range c.claims[:min(most, len(c.claims))] {
		key := c.key(id)
		if _, there := looked[key]; !there && known[nameOf{c.page, id}] == "" {
			keys = append(keys, key)
		}
	}
	return keys
}

func (c *contest) key(id string) kv.BlobKey {
	return kv.BlobKey{Entity: item.Entity{Kind: c.page.Kind.Name, ID: id}, Blob: c.page.Blob.Name}
}

// look decides by the first claims.
func (c *contest) look(most int, known map[nameOf]string, looked map[kv.BlobKey]blobcache.Part) {
	for _, id := range c.claims[:min(most, len(c.claims))] {
		part := looked[c.key(id)]
		has := cmp.Or(known[nameOf{c.page, id}], slugIn(c.page, part.Body))
		switch {
		case c.holder != "":
			return
		case has == c.slug:
			c.holder = id
		case has != "" || part.Existence == kv.Alive:
			c.former = cmp.Or(c.former, id)
		case part.Existence == kv.Gone:
			c.gone = true
		case part.Err != nil:
			c.err = part.Err
		}
	}
}

// claimsIn are the claims in a blob of the index.
func claimsIn(index blobcache.Part) slug.Claims {
	if index.Err != nil || index.Existence != kv.Alive {
		return nil
	}
	return slug.ParseClaims([]byte(textAt(index.Body, index.Key.Blob)))
}

// indexKey is the key of the blob that says who has claimed a slug.
func indexKey(p *catalog.Page, text string) kv.BlobKey {
	return kv.BlobKey{Entity: item.Entity{Kind: catalog.SlugKind, ID: slug.Key(text)}, Blob: p.Slug.Index.Name}
}

// note keeps a part that names were found by. That there is none is no loss: nobody may have claimed the slug, and who did may be forgotten.
func (n *names) note(part blobcache.Part) {
	part.Lost = false
	n.parts = append(n.parts, part)
}

// nameAll looks up the names of entities whose own blobs were read, and of their pages of the same kind.
func (st *site) nameAll(ctx context.Context, all []*reading, policy blobcache.Policy) {
	var of []named
	for _, read := range all {
		of = append(of, read.named()...)
	}
	found := st.names(ctx, of, policy)
	for _, read := range all {
		read.names = found
	}
}

// named lists the slugs of the entity that was read, for each page of its kind that finds it by a slug alone.
func (p *reading) named() (of []named) {
	for _, page := range p.site.catalog.Alone(p.entity.Kind) {
		of = append(of, named{nameOf{page, p.entity.ID}, ownSlug(page, p.partFor(page))})
	}
	return of
}

// namedParts lists the slugs of entities by their blobs, for the page by which entities of a kind are found.
func (st *site) namedParts(parts []blobcache.Part) (of []named) {
	for _, part := range parts {
		pages := st.catalog.Alone(part.Key.Entity.Kind)
		if len(pages) > 0 && shows(part) && pages[0] == mainPage(st.catalog, pages[0]) {
			of = append(of, named{nameOf{pages[0], part.Key.Entity.ID}, ownSlug(pages[0], part)})
		}
	}
	return of
}
