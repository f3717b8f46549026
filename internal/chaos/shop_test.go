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

// shop is the data owner: products with prices and stocks, and brands, which it does not list.
type shop struct {
	mu       sync.Mutex // guards all below
	products map[string]*product
	brands   map[string]*brand
}

// product is what the shop knows of a SKU. Version rises with every change, over deletion and re-creation too.
type product struct {
	Title, Brand          string
	Price, Stock, Version int
	Gone                  bool

	before *product // as a replica that lags still has it
	edited time.Time
	served bool // somebody was answered with it
}

type brand struct {
	Title   string
	Version int
}

func newShop() *shop { return &shop{products: map[string]*product{}, brands: map[string]*brand{}} }

// put creates or edits a product.
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

// get is what the shop knows of a product now.
func (s *shop) get(id string) (product, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.products[id]
	if p == nil {
		return product{}, false
	}
	return *p, true
}

// serveProduct is what the shop, or its replica, answers of a product now. The replica says what was before an edit only
// where somebody has been answered that: where one fetch stands for several edits, it could answer with one of
// them, which nobody can tell.
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

// longestLag is how long a replica goes on saying what was before an edit. The second look at a record comes later.
const longestLag = 2 * time.Second

// idle is how long ago a product was edited.
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

// ids are all ids of products that ever were, sorted.
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

// answer is what a sound owner says of a dimension of an entity; nil for what does not exist.
func (s *shop) answer(what, id string, lagging bool) any {
	if what == "brands" {
		if b, ok := s.brand(id); ok {
			return map[string]any{"title": b.Title, "v": b.Version}
		}
		return nil
	}
	p, ok := s.get(id)
	if what == "products" { // the others have no version: nobody could tell that an answer lags
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

// serve answers like a sound owner, or one whose replica lags.
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

// list walks all products that there are, 50 at a time, in the order of their ids.
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

// oddID is the nth of ids as shops have them: digits, dots, slashes, spaces, Chinese characters.
func oddID(n int) string {
	return fmt.Sprintf([]string{"%d", "%d.1", "a/%d", "new item %d", "茶壶-%d", "x=%d%%2F"}[n%6], 100000+n)
}
