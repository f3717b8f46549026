package detail

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"time"

	"vitrine/detail/blobcache"
	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/kv"
)

// A page that lists something is made of its own blob and of those of what it lists. It is kept until one of the blobs that it shows
// changes, and at most for listFor: no announcement tells that something more refers to the entity, or that something not shown has
// moved in the order.
const (
	listCards = 60 // on one page
	listFor   = 15 * time.Second
)

// listParam is what a parameter of a list may be in an address to which a request is redirected.
var listParam = regexp.MustCompile(`^[a-z0-9_]{1,32}$`)

// listQuery is which page of a list a request asks for, and in which order.
type listQuery struct {
	number int
	order  int // among the orders of the catalog
}

// parseListQuery reads page=N and order=NAME of a page that lists something. It fails with errBadRequest.
func parseListQuery(r *http.Request, l *catalog.Listing) (q listQuery, err error) {
	q.number, err = indexNumber(r)
	if err != nil {
		return q, err
	}
	params, err := declared(r, []string{"order"})
	if err != nil {
		return q, err
	}
	if name, given := params["order"]; given {
		q.order = slices.IndexFunc(l.Orders, func(o catalog.Order) bool { return o.Name == name })
		if q.order < 0 {
			return q, fmt.Errorf("%w: there is no order %q", errBadRequest, item.Clip(name, 40))
		}
	}
	return q, nil
}

// encode is the query as a part of an address; "" for the first page in the first order.
func (q listQuery) encode(l *catalog.Listing) string {
	v := url.Values{}
	if q.order > 0 {
		v.Set("order", l.Orders[q.order].Name)
	}
	if q.number > 1 {
		v.Set("page", strconv.Itoa(q.number))
	}
	if len(v) == 0 {
		return ""
	}
	return "?" + v.Encode()
}

// listing is one page of what a page lists.
type listing struct {
	query listQuery
	found *referring
	count int              // of pages
	items []*indexItem     // on this one
	below []blobcache.Part // what stands directly below the entity

	inherited         []blobcache.Part // what that inherits from
	names, belowNames *names           // of the items, and of what stands below
}

// list reads what a page lists. It fails with errNotFound for a page behind the last, and with what the relation index fails with.
func (st *site) list(ctx context.Context, read *reading, q listQuery, policy blobcache.Policy) (*listing, error) {
	lists := read.page.Lists
	found, err := st.referring(ctx, read.entity, lists, q.order)
	if err != nil {
		return nil, fmt.Errorf("list what refers to %s: %w", read.entity, err)
	}
	l := &listing{query: q, found: found, count: max(1, (len(found.families)+listCards-1)/listCards)}
	if q.number > l.count {
		return nil, errNotFound
	}
	ask := st.reader(ctx, policy)
	below := ask(found.below(read.page.Blob))
	l.inherited = slices.Concat(st.inherit(pointers(below), ask)...)
	for _, part := range below {
		if shows(part) && slices.Contains(part.Refs[lists.Below.Name].IDs, read.entity.ID) {
			l.below = append(l.below, part)
		}
	}
	families := found.families[min((q.number-1)*listCards, len(found.families)):min(q.number*listCards, len(found.families))]
	l.belowNames = st.names(ctx, st.namedParts(l.below), policy)
	members := st.readEach(ctx, lists.Page, keysOf(lists.Page, slices.Concat(families...)), policy)
	st.nameAll(ctx, members, policy)
	if len(members) > 0 {
		l.names = members[0].names
	}
	for _, family := range families {
		var one *indexItem
		for _, member := range members[:len(family)] {
			switch {
			case !st.isListed(member, lists.Ref.Name, found):
			case one == nil:
				one = &indexItem{read: member}
			default:
				one.variants = append(one.variants, member)
			}
		}
		members = members[len(family):]
		if one != nil {
			l.items = append(l.items, one)
		}
	}
	return l, nil
}

// keysOf are the keys of the own blobs of a page's entities.
func keysOf(p *catalog.Page, ids []string) []kv.BlobKey {
	keys := make([]kv.BlobKey, len(ids))
	for i, id := range ids {
		keys[i] = kv.BlobKey{Entity: item.Entity{Kind: p.Kind.Name, ID: id}, Blob: p.Blob.Name}
	}
	return keys
}

// isListed reports whether an entity still refers to what the list is of, since the relation index may lag, and has a page.
func (st *site) isListed(member *reading, ref string, found *referring) bool {
	if !slices.ContainsFunc(member.refs()[ref].IDs, found.isTarget) {
		return false
	}
	shown, _, err := st.outcome(member)
	return err == nil && shown
}

// parts are what the list was made of, as far as it is shown.
func (l *listing) parts() (parts []blobcache.Part) {
	for _, one := range l.items {
		for _, read := range append([]*reading{one.read}, one.variants...) {
			parts = append(append(parts, read.main()...), read.inherited...)
		}
	}
	for _, n := range []*names{l.names, l.belowNames} {
		if n != nil {
			parts = append(parts, n.parts...)
		}
	}
	return slices.Concat(parts, l.below, l.inherited)
}

// addList adds to what was read for a page what the page lists. The response is that of an older form of the page where the relation index
// can't be read. done reports whether the response is complete.
func (st *site) addList(ctx context.Context, read *reading, q request, policy blobcache.Policy, a *response) (done bool, err error) {
	if read.page.Lists == nil {
		return false, nil
	}
	read.listing, err = read.site.list(ctx, read, q.list, policy)
	if err != nil {
		last := st.server.pages.Last(q.path, st.version)
		if last == nil || errors.Is(err, errNotFound) {
			return false, err
		}
		old, ok := st.lastForm(last, q)
		if ok {
			*a = old
			err = nil
		}
		return ok, err
	}
	read.parts = append(read.parts, read.listing.parts()...)
	a.header = read.site.pageHeader(read)
	a.header.Del("Last-Modified") // what leaves a list does not make it newer
	a.kept = listFor
	return false, nil
}
