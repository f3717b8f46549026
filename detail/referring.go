package detail

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"sync"
	"time"

	"golang.org/x/text/collate"
	"golang.org/x/text/language"

	"vitrine/detail/blobcache"
	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/internal/shape"
)

// Bounds of the search for what refers to an entity.
const (
	referringOrdered = 1000   // of so many and fewer all are read, left out where they have no page, and put in order
	referringMost    = 10_000 // of more, the first are listed, in the order of the relation index
	referringBelow   = 64     // entities below, with the entity itself
	referringStep    = 500    // ids of one request
	referringKept    = 64     // results that are remembered
)

// referring is what refers to an entity, or to one below it.
type referring struct {
	at       time.Time
	targets  []item.Entity // the entity, then those below it, level by level
	children int           // how many of them stand directly below the entity
	families [][]string    // ids that share a card: variants of one product, the first in order first
	ordered  bool          // all were read: each has a page, and they are in order
	cut      bool          // there is more
}

func (f *referring) isTarget(id string) bool {
	return slices.ContainsFunc(f.targets, func(e item.Entity) bool { return e.ID == id })
}

// below are the keys of blobs of what stands directly below the entity.
func (f *referring) below(b *catalog.Blob) (keys []kv.BlobKey) {
	for _, e := range f.targets[1 : 1+f.children] {
		keys = append(keys, kv.BlobKey{Entity: e, Blob: b.Name})
	}
	return keys
}

// referrings remembers what was found last. It is safe for concurrent use.
type referrings struct {
	mu   sync.Mutex // guards held
	held map[referringKey]*referring
}

type referringKey struct {
	entity item.Entity
	lists  *catalog.Listing
	order  int
}

func (m *referrings) get(key referringKey) *referring {
	m.mu.Lock()
	defer m.mu.Unlock()
	if found := m.held[key]; found != nil && time.Since(found.at) < listFor {
		return found
	}
	return nil
}

func (m *referrings) put(key referringKey, found *referring) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.held == nil || len(m.held) >= referringKept {
		m.held = map[referringKey]*referring{}
	}
	m.held[key] = found
}

// referring finds what a page lists, in one of its orders, or remembers what it found less than listFor ago.
func (st *site) referring(ctx context.Context, e item.Entity, lists *catalog.Listing, order int) (*referring, error) {
	key := referringKey{e, lists, order}
	if found := st.found.get(key); found != nil {
		return found, nil
	}
	found := &referring{at: time.Now(), targets: []item.Entity{e}}
	if st.server.config.Relations == nil {
		return found, nil
	}
	if err := st.findBelow(ctx, found, lists); err != nil {
		return nil, err
	}
	ids, err := st.findReferring(ctx, found, lists)
	if err != nil {
		return nil, err
	}
	if len(ids) <= referringOrdered {
		found.ordered = true
		found.families, err = st.families(ctx, found, lists, ids, order)
		if err != nil {
			return nil, err
		}
	} else {
		for _, id := range ids {
			found.families = append(found.families, []string{id})
		}
	}
	st.found.put(key, found)
	return found, nil
}

// findBelow adds the entities below the first target, level by level, up to referringBelow with itself.
func (st *site) findBelow(ctx context.Context, found *referring, lists *catalog.Listing) error {
	if lists.Below == nil {
		return nil
	}
	for i := 0; i < len(found.targets) && len(found.targets) < referringBelow; i++ {
		target := found.targets[i]
		ids, _, err := st.server.config.Relations.Related(ctx, kv.Relation{Target: target, Kind: target.Kind, Ref: lists.Below.Name}, "", referringBelow)
		if err != nil {
			return err
		}
		for _, id := range ids {
			if len(found.targets) < referringBelow && !found.isTarget(id) {
				found.targets = append(found.targets, item.Entity{Kind: target.Kind, ID: id})
			}
		}
		if i == 0 {
			found.children = len(found.targets) - 1
		}
	}
	return nil
}

// findReferring gives the ids of what refers to the targets, each once, up to referringMost. What inherits its ref is found by what it
// inherits from.
func (st *site) findReferring(ctx context.Context, found *referring, lists *catalog.Listing) (ids []string, err error) {
	if lists.By == nil {
		return st.whatRefers(ctx, found, found.targets, lists.Page.Kind, lists.Ref, referringMost)
	}
	from := lists.By.Ref.Kind
	between, err := st.whatRefers(ctx, found, found.targets, from, lists.Ref, referringOrdered)
	if err != nil {
		return nil, err
	}
	targets := make([]item.Entity, len(between))
	for i, id := range between {
		targets[i] = item.Entity{Kind: from.Name, ID: id}
	}
	return st.whatRefers(ctx, found, targets, lists.Page.Kind, lists.By.Ref, referringMost)
}

// whatRefers gives the ids of a kind that refer to one of the targets by a ref, each once, up to a number.
func (st *site) whatRefers(ctx context.Context, found *referring, targets []item.Entity, kind *catalog.Kind, ref *catalog.Ref, most int) (ids []string, err error) {
	seen := map[string]bool{}
	for _, target := range targets {
		of := kv.Relation{Target: target, Kind: kind.Name, Ref: ref.Name}
		for cursor, more := "", true; more; more = cursor != "" {
			var some []string
			some, cursor, err = st.server.config.Relations.Related(ctx, of, cursor, referringStep)
			if err != nil {
				return nil, err
			}
			for _, id := range some {
				if seen[id] {
					continue
				}
				if len(ids) == most {
					found.cut = true
					return ids, nil
				}
				seen[id] = true
				ids = append(ids, id)
			}
		}
	}
	return ids, nil
}

// families reads entities, leaves out those without a page, puts the rest in order, and has siblings share a card.
func (st *site) families(ctx context.Context, found *referring, lists *catalog.Listing, ids []string, order int) (families [][]string, err error) {
	var all []ranked
	ranks := st.ranks(lists, order)
	for some := range slices.Chunk(keysOf(lists.Page, ids), walkedBlobs) {
		for _, member := range st.readEach(ctx, lists.Page, some, blobcache.Policy{NoStore: true}) {
			if member.own.Err != nil {
				return nil, member.own.Err
			}
			if st.isListed(member, lists.Ref.Name, found) {
				all = append(all, ranks.of(member))
			}
		}
	}
	ranks.sort(all)
	at := map[string]int{} // by the ids of an entity and its siblings: the index of their family
	for _, one := range all {
		i, known := at[one.entity.ID]
		if !known {
			i = len(families)
			families = append(families, nil)
			for _, id := range one.siblings {
				at[id] = i
			}
		}
		families[i] = append(families[i], one.entity.ID)
	}
	return families, nil
}

// ranked is an entity with what decides its place.
type ranked struct {
	entity   item.Entity
	siblings []string
	text     string // "" has no place, and comes last
	key      []byte // of the text, in the order of the site's language
	number   float64
	numeric  bool
}

// ranks puts entities in order: by numbers if the value of each is one, else by texts as the site's language orders them.
type ranks struct {
	order    *catalog.Order // nil: by id
	collator *collate.Collator
	buffer   collate.Buffer
}

func (st *site) ranks(lists *catalog.Listing, order int) *ranks {
	r := &ranks{collator: collate.New(language.Make(st.catalog.Site.Lang), collate.IgnoreCase, collate.Numeric)}
	if order < len(lists.Orders) {
		r.order = &lists.Orders[order]
	}
	return r
}

func (r *ranks) of(member *reading) ranked {
	one := ranked{entity: member.entity, siblings: member.refs()["siblings"].IDs}
	if r.order == nil {
		return one
	}
	for _, part := range member.main() {
		if value, ok := shape.Lookup(part.Body, r.order.By); ok && shows(part) {
			one.text = value.String()
			break
		}
	}
	number, err := strconv.ParseFloat(one.text, 64)
	one.number, one.numeric = number, err == nil
	return one
}

func (r *ranks) sort(all []ranked) {
	numeric := !slices.ContainsFunc(all, func(one ranked) bool { return one.text != "" && !one.numeric })
	for i := range all {
		if !numeric {
			all[i].key = slices.Clone(r.collator.KeyFromString(&r.buffer, item.Clip(all[i].text, 200)))
			r.buffer.Reset()
		}
	}
	slices.SortFunc(all, func(a, b ranked) int {
		if a.text == "" || b.text == "" {
			return cmp.Or(cmp.Compare(min(1, len(b.text)), min(1, len(a.text))), byNumber(a.entity, b.entity))
		}
		by := cmp.Compare(a.number, b.number)
		if !numeric {
			by = slices.Compare(a.key, b.key)
		}
		if r.order.Down {
			by = -by
		}
		return cmp.Or(by, byNumber(a.entity, b.entity))
	})
}
