package detail

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"vitrine/detail/blobcache"
	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/kv"
)

const (
	walkedKeys  = 2000 // of one scan of the store
	walkedBlobs = 200  // entities that are read at once
)

// mainPages are the pages by which entities are found: the first of each kind.
func mainPages(c *catalog.Catalog) (pages []*catalog.Page) {
	for _, p := range c.Pages {
		if !slices.ContainsFunc(pages, func(q *catalog.Page) bool { return q.Kind == p.Kind }) {
			pages = append(pages, p)
		}
	}
	return pages
}

// walk scans the store for the own blobs of pages, and calls each with every key that it finds. A key may come twice. It fails where
// any part of the store can't be scanned, as what follows would be taken for all there is.
func (st *site) walk(ctx context.Context, pages []*catalog.Page, each func(*catalog.Page, kv.BlobKey) error) error {
	for cursor := ""; ; {
		keys, next, err := st.server.config.Lister.ScanBlobs(ctx, cursor, walkedKeys)
		if err != nil {
			return fmt.Errorf("list pages: %w", err)
		}
		for _, key := range keys {
			for _, p := range pages {
				if key.Entity.Kind != p.Kind.Name || key.Blob != p.Blob.Name {
					continue
				}
				if err := each(p, key); err != nil {
					return err
				}
			}
		}
		cursor = next
		if cursor == "" {
			return ctx.Err()
		}
	}
}

// readOwn reads the own blobs and overlays of pages in one batch, without what they refer to. It puts nothing into memory: who lists
// all products must not evict those that visitors want.
func (st *site) readOwn(ctx context.Context, p *catalog.Page, own []kv.BlobKey) []*reading {
	return st.readEach(ctx, p, own, blobcache.Policy{NoStore: true})
}

// readEach reads the own blobs and overlays of pages in one batch, without what they refer to.
func (st *site) readEach(ctx context.Context, p *catalog.Page, own []kv.BlobKey, policy blobcache.Policy) (readings []*reading) {
	blobs := append([]*catalog.Blob{p.Blob}, p.Overlay...)
	var keys []kv.BlobKey
	for _, key := range own {
		for _, b := range blobs {
			keys = append(keys, kv.BlobKey{Entity: key.Entity, Blob: b.Name})
		}
	}
	ask := st.reader(ctx, policy)
	all := ask(keys)
	from := st.inherit(pointers(all), ask)
	for parts := range slices.Chunk(all, len(blobs)) {
		read := &reading{site: st, page: p, entity: parts[0].Key.Entity, own: parts[0], overlays: parts[1:], gen: genWith(parts[0], from[0])}
		read.noteInherited(from[:len(blobs)])
		from = from[len(blobs):]
		readings = append(readings, read)
	}
	return readings
}

// listed is the path under which an entity is found; "" for one whose page is gone, or answers anything but 200, or leads to another
// site.
func (st *site) listed(read *reading) (path string, err error) {
	shown, rule, err := st.outcome(read)
	switch {
	case err != nil || !shown:
		return "", err
	case rule != nil && rule.Redirect != "":
		return st.redirected(read, read.page, rule), nil
	}
	return read.pathOf(read.page), nil
}

// outcome reports whether a page answers 200 or leads elsewhere, and the rule that says so. Rules see the page's own blobs, and not what
// those refer to.
func (st *site) outcome(read *reading) (shown bool, rule *catalog.Rule, err error) {
	if read.own.Err != nil || read.own.Existence != kv.Alive {
		return false, nil, read.own.Err
	}
	data, err := st.data(read)
	if err != nil {
		return false, nil, err
	}
	defer data.free()
	rule = st.match(read.page, data.data)
	return ruleStatus(rule) == http.StatusOK || rule.Redirect != "", rule, nil
}

// redirected is where a redirect by a rule of a page leads, if that is another page of the catalog for the same entity, else "".
func (st *site) redirected(read *reading, from *catalog.Page, rule *catalog.Rule) string {
	id := read.entity.ID
	to := target(from, rule.Redirect, id, slugIn(from, read.own.Body))
	for _, p := range st.catalog.Pages {
		if p.Kind == from.Kind && p != from && to == read.pathOf(p) {
			return to
		}
	}
	return ""
}

// target is where a redirect of a page leads.
func target(p *catalog.Page, redirect, id, slug string) string {
	return strings.NewReplacer("{"+p.Kind.Name+"}", item.Escape(id), "{slug}", item.Escape(slug)).Replace(redirect)
}
