package detail

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"net/http"
	"slices"
	"strconv"
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
	indexCards = 60      // on one page
	indexMost  = 100_000 // products that the index lists: it is a tool, and no catalogue of millions
	indexFor   = 5 * time.Second
	indexEarly = 8 // cards whose pictures are loaded at once
	indexNear  = 2 // pages before and behind that a page links to, beside the first and the last
)

// index handles "/" where the index is on: the products by number, a page of indexCards at a time, one card for each family of
// siblings, grouped by the last step of their path. A page costs as much as many pages of products. So it is made once in indexFor and
// by one request at a time, and needs a permit like a page.
func (st *site) index(r *http.Request) (response, error) {
	if len(st.catalog.Pages) == 0 {
		return response{}, errNotFound
	}
	number, err := indexNumber(r)
	if err != nil {
		return response{}, err
	}
	if made := st.recent(number); made != nil {
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
	return st.indexPage(r.Context(), number)
}

// indexNumber is the parameter page, 1 without it.
func indexNumber(r *http.Request) (int, error) {
	params, err := declared(r, []string{"page"})
	if err != nil {
		return 0, err
	}
	given, ok := params["page"]
	if !ok {
		return 1, nil
	}
	number, err := strconv.Atoi(given)
	if err != nil || number < 1 || strconv.Itoa(number) != given {
		return 0, fmt.Errorf("%w: parameter page must be a number from 1 on, not %q", errBadRequest, item.Clip(given, 40))
	}
	return number, nil
}

// indexPage is one page of the index. It is made, unless another request made it while this one waited.
func (st *site) indexPage(ctx context.Context, number int) (a response, err error) {
	if made := st.recent(number); made != nil {
		return made.response, nil
	}
	keys, err := st.indexKeys(ctx)
	if err != nil {
		return response{}, err
	}
	count := max(1, (len(keys)+indexCards-1)/indexCards)
	if number > count {
		return response{}, errNotFound
	}
	p := st.catalog.Pages[0]
	groups, err := st.groups(ctx, p, st.indexItems(ctx, p, keys[(number-1)*indexCards:min(number*indexCards, len(keys))]))
	if err != nil {
		return response{}, err
	}
	st.server.admission.Render(func() { a, err = st.renderIndex(groups, number, count) })
	if err == nil {
		st.lists.Store(&indexList{number, time.Now(), a})
	}
	return a, err
}

// recent is a page of the index, if it was the one made last, within indexFor; else nil.
func (st *site) recent(number int) *indexList {
	if l := st.lists.Load(); l != nil && l.number == number && time.Since(l.at) < indexFor {
		return l
	}
	return nil
}

// indexList is a page of the index, as it was made at a time.
type indexList struct {
	number   int
	at       time.Time
	response response
}

func (st *site) renderIndex(groups []any, number, count int) (response, error) {
	page := map[string]any{"Title": "All products", "Brief": indexBrief(groups), "URL": canonical(st.origin, st.indexPath(number))}
	if number > 1 {
		page["Number"], page["Prev"] = number, st.indexPath(number-1)
	}
	if number < count {
		page["Next"] = st.indexPath(number + 1)
	}
	data := map[string]any{"Groups": groups, "Page": page, "Site": st.facts.Decode(), "Numbers": numbers(number, count, st.indexPath)}
	var buf bytes.Buffer
	if _, err := st.render(&buf, "index.html", view.Of(data), st.indexPath(number)); err != nil {
		return response{}, err
	}
	h := fnv.New128a()
	h.Write(buf.Bytes())
	return response{kind: typeHTML, body: buf.Bytes(), etag: fmt.Sprintf(`W/"%x"`, h.Sum(nil)), header: http.Header{
		"Cache-Control": {shortly}, "Content-Security-Policy": {st.csp}}}, nil
}

// indexPath is where a page of the index is.
func (st *site) indexPath(number int) string {
	path := st.catalog.Site.Prefix + "/"
	if number > 1 {
		path += "?page=" + strconv.Itoa(number)
	}
	return path
}

// numbers are the pages to which one of them links; a gap between two has no URL. A single page links to none.
func numbers(number, count int, path func(int) string) []any {
	numbers := []any{}
	last := 0
	for n := 1; n <= count && count > 1; n++ {
		if n != 1 && n != count && (n < number-indexNear || n > number+indexNear) {
			continue
		}
		if n > last+1 {
			numbers = append(numbers, map[string]any{"Number": "…"})
		}
		last = n
		one := map[string]any{"Number": n, "Current": n == number, "URL": path(n)}
		numbers = append(numbers, one)
	}
	return numbers
}

// indexBrief names the first products of a page, for the description.
func indexBrief(groups []any) string {
	var titles []string
	for _, g := range groups {
		for _, card := range g.(map[string]any)["Items"].([]any) {
			if len(titles) < 5 {
				titles = append(titles, item.Clip(card.(map[string]any)["Title"].(string), 60))
			}
		}
	}
	return strings.Join(titles, ", ")
}

// indexItem is one card: an entity, and the siblings that have no card of their own.
type indexItem struct {
	read     *reading
	variants []*reading
}

// indexItems reads the entities that keys name, and leaves out those whose page is gone. An entity whose sibling comes first becomes a variant of that.
func (st *site) indexItems(ctx context.Context, p *catalog.Page, keys []kv.BlobKey) (items []*indexItem) {
	at := map[string]*indexItem{} // by the ids of the item and its siblings
	readings := st.readOwn(ctx, p, keys)
	st.nameAll(ctx, readings, blobcache.Policy{NoStore: true})
	for _, read := range readings {
		if shown, _, err := st.outcome(read); err != nil || !shown {
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

// groups sorts items into groups as templates see them. A group has an anchor for each step of its path that no earlier group
// has.
func (st *site) groups(ctx context.Context, p *catalog.Page, items []*indexItem) ([]any, error) {
	groups, at, anchors := []any{}, map[string]map[string]any{}, map[string]bool{}
	for i, one := range items {
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
		card["Early"] = i < indexEarly
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
		variants = append(variants, map[string]any{"URL": v.pathOf(v.page), "Title": v.variantTitle()})
	}
	card["URL"], card["Title"], card["Variants"] = one.read.pathOf(one.read.page), one.read.title(), variants
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

// variantTitle returns what distinguishes a variant from its siblings: the values of its options, else its title.
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

// indexKeys scans the store for own blobs of the first page, indexMost at most, and gives each key once, sorted by id.
func (st *site) indexKeys(ctx context.Context) (keys []kv.BlobKey, err error) {
	seen := map[kv.BlobKey]bool{}
	err = st.walk(ctx, st.catalog.Pages[:1], func(_ *catalog.Page, key kv.BlobKey) error {
		if !seen[key] {
			seen[key] = true
			keys = append(keys, key)
		}
		if len(keys) == indexMost {
			return errEnough
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return nil, err
	}
	slices.SortFunc(keys, func(a, b kv.BlobKey) int { return byNumber(a.Entity, b.Entity) })
	return keys, nil
}

// errEnough ends a walk.
var errEnough = errors.New("enough")

// byNumber compares ids so that 9 comes before 10.
func byNumber(a, b item.Entity) int {
	return cmp.Or(cmp.Compare(len(a.ID), len(b.ID)), cmp.Compare(a.ID, b.ID))
}

// asset handles /assets/*. The name of an asset has a hash of its content, so that responses may be cached for ever.
func (st *site) asset(r *http.Request) (response, error) {
	name, err := segments(r, st.catalog.Site.Prefix+catalog.AssetsPath, 1)
	if err != nil {
		return response{}, err
	}
	a, ok := st.findAsset(name[0])
	if !ok {
		return response{}, errNotFound
	}
	return response{kind: a.Type, body: a.Body, header: http.Header{"Cache-Control": {"public, max-age=31536000, immutable"}}}, nil
}
