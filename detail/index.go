package detail

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"vitrine/detail/blobcache"
	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/internal/shape"
	"vitrine/internal/view"
)

const (
	indexPage  = 2000            // keys on one page
	indexScans = 50              // of the store, for one page
	indexFor   = 5 * time.Second // that a page of the index is shown
)

// index handles "/" where the index is on: all entities of the first page, one card for each family of siblings, grouped by the
// last step of their path. It costs as much as hundreds of pages. So it is made once in indexFor and by one request at a time,
// and needs a permit like a page.
func (st *site) index(r *http.Request) (response, error) {
	if len(st.catalog.Pages) == 0 {
		return response{}, errNotFound
	}
	params, err := declared(r, []string{"cursor"})
	if err != nil {
		return response{}, err
	}
	cursor := params["cursor"]
	if len(cursor) > maxCursor {
		return response{}, fmt.Errorf("%w: parameter cursor is longer than %d bytes", errBadRequest, maxCursor)
	}
	if made := st.recent(cursor); made != nil {
		return made.response, nil
	}
	permit, err := st.server.admission.Admit(r)
	if err != nil {
		return response{}, err
	}
	defer permit.Release()
	select {
	case st.listing <- struct{}{}:
		defer func() { <-st.listing }()
	case <-r.Context().Done():
		return response{}, fmt.Errorf("%w: %w", item.ErrUnavailable, r.Context().Err())
	}
	return st.indexFrom(r.Context(), cursor)
}

// indexFrom is the index from a cursor on. It is made, unless another request made it while this one waited.
func (st *site) indexFrom(ctx context.Context, cursor string) (a response, err error) {
	if made := st.recent(cursor); made != nil {
		return made.response, nil
	}
	keys, next, err := st.indexKeys(ctx, st.catalog.Pages[0], cursor)
	if err != nil {
		return response{}, err
	}
	items := st.indexItems(ctx, st.catalog.Pages[0], keys)
	groups, err := st.groups(ctx, st.catalog.Pages[0], items)
	if err != nil {
		return response{}, err
	}
	st.server.admission.Render(func() { a, err = st.renderIndex(groups, next) })
	if err == nil {
		st.lists.Store(&indexList{cursor, time.Now(), a})
	}
	return a, err
}

// recent is the index from a cursor on, if it was made within indexFor; else nil.
func (st *site) recent(cursor string) *indexList {
	if l := st.lists.Load(); l != nil && l.cursor == cursor && time.Since(l.at) < indexFor {
		return l
	}
	return nil
}

// indexList is the index from a cursor on, as it was made at a time.
type indexList struct {
	cursor   string
	at       time.Time
	response response
}

func (st *site) renderIndex(groups []any, next string) (response, error) {
	data := map[string]any{"Groups": groups, "Page": map[string]any{}, "Site": st.facts.Decode()}
	if next != "" {
		data["Next"] = "?cursor=" + url.QueryEscape(next)
	}
	var buf bytes.Buffer
	if _, err := st.render(&buf, "index.html", view.Of(data), st.catalog.Site.Prefix+"/"); err != nil {
		return response{}, err
	}
	return response{kind: typeHTML, body: buf.Bytes(), header: http.Header{
		"Cache-Control": {shortly}, "Content-Security-Policy": {st.csp}}}, nil
}

// indexItem is one card: an entity, and the siblings that have no card of their own.
type indexItem struct {
	read     *reading
	variants []*reading
}

// indexItems reads the entities that keys name. An entity whose sibling comes first becomes a variant of that.
func (st *site) indexItems(ctx context.Context, p *catalog.Page, keys []kv.BlobKey) (items []*indexItem) {
	at := map[string]*indexItem{} // by the ids of the item and its siblings
	for _, read := range st.readOwn(ctx, p, keys) {
		if read.own.Err != nil || read.own.Life != kv.Alive {
			continue
		}
		if first := at[read.entity.ID]; first != nil {
			first.variants = append(first.variants, read)
			continue
		}
		one := &indexItem{read: read}
		items = append(items, one)
		for _, id := range read.refs()["siblings"].IDs {
			at[id] = one
		}
	}
	return items
}

// readOwn reads the own blobs and overlays of pages in one batch, without what they refer to.
func (st *site) readOwn(ctx context.Context, p *catalog.Page, own []kv.BlobKey) (readings []*reading) {
	blobs := append([]*catalog.Blob{p.Blob}, p.Overlay...)
	var keys []kv.BlobKey
	for _, key := range own {
		for _, b := range blobs {
			keys = append(keys, kv.BlobKey{Entity: key.Entity, Blob: b.Name})
		}
	}
	for parts := range slices.Chunk(st.server.blobs.Read(ctx, keys, blobcache.Policy{}), len(blobs)) {
		readings = append(readings, &reading{site: st, page: p, entity: parts[0].Key.Entity, own: parts[0], overlays: parts[1:]})
	}
	return readings
}

// groups sorts items into groups as templates see them. A group has an anchor for each step of its path that no earlier group
// has.
func (st *site) groups(ctx context.Context, p *catalog.Page, items []*indexItem) ([]any, error) {
	groups, at, anchors := []any{}, map[string]map[string]any{}, map[string]bool{}
	for _, one := range items {
		path := st.readPath(ctx, p, one.read)
		id, title := "", ""
		if len(path) > 0 {
			last := path[len(path)-1]
			id, title = "c"+last.Key.Entity.ID, textAt(last.Body, "title")
		}
		group := at[id]
		if group == nil {
			group = map[string]any{"Title": title, "Anchor": id, "Anchors": newAnchors(path, anchors), "Items": []any{}}
			at[id] = group
			groups = append(groups, group)
		}
		card, err := st.card(one)
		if err != nil {
			return nil, err
		}
		group["Items"] = append(group["Items"].([]any), card)
	}
	return groups, nil
}

// readPath reads what the ref "path" names; nil where the page's "with" has no such ref.
func (st *site) readPath(ctx context.Context, p *catalog.Page, read *reading) []blobcache.Part {
	for _, w := range p.With {
		if w.Ref.Name == "path" {
			return read.join(ctx, []catalog.With{w}, read.refs(), blobcache.Policy{})[0].parts
		}
	}
	return nil
}

// newAnchors are anchors for the steps of a path that were not seen before. It adds them to seen.
func newAnchors(path []blobcache.Part, seen map[string]bool) (anchors []any) {
	for _, step := range path {
		if id := "c" + step.Key.Entity.ID; !seen[id] {
			seen[id] = true
			anchors = append(anchors, id)
		}
	}
	return anchors
}

// card is an item as templates see it: the data of its page, and a link to each variant.
func (st *site) card(one *indexItem) (map[string]any, error) {
	data, err := st.data(one.read)
	if err != nil {
		return nil, err
	}
	defer data.free()
	card := data.forTemplates().Decode().(map[string]any)
	variants := []any{}
	for _, v := range one.variants {
		variants = append(variants, map[string]any{"URL": pagePath(v.page, v.entity.ID), "Title": v.variantTitle()})
	}
	card["URL"], card["Title"], card["Variants"] = pagePath(one.read.page, one.read.entity.ID), one.read.title(), variants
	return card, nil
}

// title is the title of the product, else its id.
func (p *reading) title() string {
	return cmp.Or(textAt(p.own.Body, "product", "title"), p.entity.ID)
}

// textAt is what stands at a path in a blob, as text; "" for nothing.
func textAt(body []byte, path ...string) string {
	value, _ := shape.Lookup(body, path)
	return value.String()
}

// variantTitle tells a variant from its siblings: the values of its options, else its title.
func (p *reading) variantTitle() string {
	var values []string
	options, _ := shape.Lookup(p.own.Body, catalog.Path{"product", "options"})
	options.ForEach(func(_, option gjson.Result) bool {
		if value := textAt([]byte(option.Raw), "value"); value != "" {
			values = append(values, value)
		}
		return true
	})
	return cmp.Or(strings.Join(values, " "), p.title())
}

// indexKeys scans the store for own blobs of a page. It gives each key once, sorted by id, and the cursor of what follows.
func (st *site) indexKeys(ctx context.Context, p *catalog.Page, cursor string) (keys []kv.BlobKey, next string, err error) {
	seen := map[kv.BlobKey]bool{}
	next = cursor
	for range indexScans {
		var found []kv.BlobKey
		if found, next, err = st.server.config.Index.ScanBlobs(ctx, next, indexPage); err != nil {
			return nil, "", fmt.Errorf("list pages: %w", err)
		}
		for _, key := range found {
			if key.Entity.Kind == p.Kind.Name && key.Blob == p.Blob.Name && !seen[key] {
				seen[key] = true
				keys = append(keys, key)
			}
		}
		if next == "" || len(keys) >= indexPage {
			break
		}
	}
	slices.SortFunc(keys, func(a, b kv.BlobKey) int { return byNumber(a.Entity, b.Entity) })
	return keys, next, nil
}

// byNumber compares ids so that 9 comes before 10.
func byNumber(a, b item.Entity) int {
	return cmp.Or(cmp.Compare(len(a.ID), len(b.ID)), cmp.Compare(a.ID, b.ID))
}

// asset handles /assets/*. The name of an asset has a hash of its content, so that responses may be cached for ever.
func (st *site) asset(r *http.Request) (response, error) {
	name, err := segments(r, st.catalog.Site.Prefix+"/assets/", 1)
	if err != nil {
		return response{}, err
	}
	a, ok := st.findAsset(name[0])
	if !ok {
		return response{}, errNotFound
	}
	return response{kind: a.Type, body: a.Body, header: http.Header{"Cache-Control": {"public, max-age=31536000, immutable"}}}, nil
}
