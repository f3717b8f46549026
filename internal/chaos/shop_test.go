package chaos_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// shop is the upstream of products with prices and stocks, and of brands, for which it has no list.
type shop struct {
	mu       sync.Mutex // guards all below
	products map[string]*product
	brands   map[string]*brand
}

// product is what the shop knows of a SKU. Version rises with every change, across deletion and re-creation too.
type product struct {
	Title, Brand          string
	Price, Stock, Version int
	Gone                  bool

	before *product // the state that a lagging replica still has
	edited time.Time
	served bool // some request was answered with it
}

type brand struct {
	Title   string
	Version int
}

func newShop() *shop { return &shop{products: map[string]*product{}, brands: map[string]*brand{}} }

// put creates or edits a product and raises its version.
func (s *shop) put(id string, edit func(*product)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := &product{}
	if was := s.products[id]; was != nil {
		*p = *was
		p.before = was
		was.before = nil
	}
	p.Version++
	p.Gone = false
	p.edited = time.Now()
	p.served = false
	edit(p)
	s.products[id] = p
}

func (s *shop) putBrand(id string, title string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	version := 1
	if b := s.brands[id]; b != nil {
		version = b.Version + 1
	}
	s.brands[id] = &brand{title, version}
}

// get returns what the shop knows of a product now.
func (s *shop) get(id string) (product, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.products[id]
	if p == nil {
		return product{}, false
	}
	return *p, true
}

// serveProduct returns what the shop, or its lagging replica, answers about a product now. The replica returns the
// state before an edit only if some request has seen it. Otherwise one fetch could stand for several edits, and
// nobody could tell that the answer is one of the earlier ones.
func (s *shop) serveProduct(id string, lagging bool) (product, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.products[id]
	if p == nil {
		return product{}, false
	}
	if lagging && time.Since(p.edited) < longestLag && p.before != nil && p.before.served {
		return *p.before, true
	}
	p.served = true
	return *p, true
}

// longestLag is how long a replica returns the state before an edit. The second look at a record comes later.
const longestLag = 2 * time.Second

// idle returns the time since a product was edited.
func (s *shop) idle(id string) time.Duration {
	p, ok := s.get(id)
	if !ok {
		return time.Hour
	}
	return time.Since(p.edited)
}

func (s *shop) brand(id string) (brand, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.brands[id]
	if b == nil {
		return brand{}, false
	}
	return *b, true
}

// ids returns the ids of all products that ever existed, sorted.
func (s *shop) ids() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.products))
}

func (s *shop) brandIDs() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.brands))
}

// answer is what a sound upstream answers about a dimension of an entity, or nil if it does not exist.
func (s *shop) answer(what, id string, lagging bool) any {
	if what == "brands" {
		if b, ok := s.brand(id); ok {
			return map[string]any{"title": b.Title, "v": b.Version}
		}
		return nil
	}
	p, ok := s.get(id)
	if what == "products" { // the others have no version, so that nobody could detect a lagging answer
		p, ok = s.serveProduct(id, lagging)
	}
	switch {
	case !ok || p.Gone:
		return nil
	case what == "prices":
		return map[string]any{"amount": p.Price, "currency": "EUR"}
	case what == "stocks":
		return map[string]any{"quantity": p.Stock, "state": "in"}
	}
	return map[string]any{"sku": id, "name": p.Title, "brand_id": p.Brand, "v": p.Version}
}

// serve answers as a sound upstream does, or as one whose replica lags.
func (s *shop) serve(w http.ResponseWriter, r *http.Request, lagging bool) {
	what, escaped, one := strings.Cut(strings.TrimPrefix(r.URL.EscapedPath(), "/"), "/")
	id, err := url.PathUnescape(escaped)
	switch {
	case err != nil:
		http.Error(w, "bad path", http.StatusBadRequest)
	case one:
		if a := s.answer(what, id, lagging); a != nil {
			json.NewEncoder(w).Encode(a)
			return
		}
		http.NotFound(w, r)
	case r.URL.Query().Has("ids"):
		rows := []any{}
		for part := range strings.SplitSeq(strings.TrimPrefix(r.URL.RawQuery, "ids="), ",") {
			if id, err := url.QueryUnescape(part); err == nil {
				if a := s.answer(what, id, lagging); a != nil {
					rows = append(rows, a)
				}
			}
		}
		json.NewEncoder(w).Encode(rows)
	default:
		s.list(w, r.URL.Query().Get("cursor"))
	}
}

// list answers with up to 50 existing products after cursor, in the order of their ids.
func (s *shop) list(w http.ResponseWriter, cursor string) {
	page := struct {
		IDs  []string `json:"ids"`
		Next *string  `json:"next"`
	}{IDs: []string{}}
	for _, id := range s.ids() {
		if p, _ := s.get(id); p.Gone || id <= cursor {
			continue
		}
		if len(page.IDs) == 50 {
			page.Next = &page.IDs[49]
			break
		}
		page.IDs = append(page.IDs, id)
	}
	json.NewEncoder(w).Encode(page)
}

// oddID returns the nth of a set of ids as shops have them: with digits, dots, slashes, spaces and Chinese
// characters.
func oddID(n int) string {
	return fmt.Sprintf([]string{"%d", "%d.1", "a/%d", "new item %d", "茶壶-%d", "x=%d%%2F"}[n%6], 100000+n)
}
