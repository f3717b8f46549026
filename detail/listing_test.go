package detail_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"vitrine/detail"
	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/kv"
)

// relationIndex is a relation index in memory.
type relationIndex struct {
	mu    sync.Mutex // guards the fields
	lists map[kv.Relation][]string
	asked int
	err   error
}

func (x *relationIndex) Related(_ context.Context, of kv.Relation, cursor string, limit int) ([]string, string, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.asked++
	at, _ := strconv.Atoi(cursor)
	ids := x.lists[of][min(at, len(x.lists[of])):]
	if len(ids) > limit {
		return ids[:limit], strconv.Itoa(at + limit), x.err
	}
	return ids, "", x.err
}

// openLists opens a shop whose categories list their products, with the page /c/{category}.html.
func openLists(t *testing.T) (*shop, *relationIndex) {
	t.Helper()
	x := &relationIndex{lists: map[kv.Relation][]string{}}
	s := open(t, func(c *detail.Config) { c.Relations = x })
	category := s.catalog.Kinds["category"]
	parent := &catalog.Ref{Name: "parent", Kind: category, Max: 64}
	category.Dimensions[0].Refs = append(category.Dimensions[0].Refs, parent)
	listed := s.catalog.Pages[0]
	s.catalog.Pages = append(s.catalog.Pages, &catalog.Page{Name: "category", Prefix: "/c/", Suffix: ".html", Kind: category, Blob: category.Blobs[0], Template: "list.html",
		Lists: &catalog.Listing{Page: listed, Ref: listed.With[2].Ref, Below: parent, Orders: []catalog.Order{
			{Name: "title", By: catalog.Path{"product", "title"}}, {Name: "price", By: catalog.Path{"price", "amount"}}, {Name: "newest", By: catalog.Path{"product", "since"}, Down: true}}}})
	return s, x
}

// add stores a product of a category.
func (x *relationIndex) add(s *shop, category string, id int, title, price, since string, refs ...string) {
	e := fmt.Sprint("sku:", id)
	s.redis.Put(e, "item", 1, fmt.Sprintf(`{"product":{"title":%q,"since":%q}}`, title, since), append(refs, "path:"+category)...)
	s.redis.Put(e, "offer", 1, fmt.Sprintf(`{"price":{"amount":%q}}`, price))
	of := kv.Relation{Target: item.Entity{Kind: "category", ID: category}, Kind: "sku", Ref: "path"}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.lists[of] = append(x.lists[of], strconv.Itoa(id))
}

// shown are the ids of a list's twin.
func shown(t *testing.T, body string) (ids []string) {
	t.Helper()
	var twin struct {
		Items []struct {
			SKU string `json:"sku"`
		} `json:"items"`
	}
	if err := json.Unmarshal([]byte(body), &twin); err != nil {
		t.Fatal(err, body)
	}
	for _, one := range twin.Items {
		ids = append(ids, one.SKU)
	}
	return ids
}

// TestAPageListsWhatRefersToIt proves what is listed, in which order, and what is not: what is off the shelf, gone, sold elsewhere by now,
// or a version of what is listed already.
func TestAPageListsWhatRefersToIt(t *testing.T) {
	s, x := openLists(t)
	s.redis.Put("category:7", "card", 1, `{"title":"Tea","brief":"Leaves"}`)
	s.redis.Put("category:8", "card", 1, `{"title":"Green"}`, "parent:7")
	s.redis.Put("category:9", "card", 1, `{"title":"Elsewhere"}`, "parent:1")
	x.lists[kv.Relation{Target: item.Entity{Kind: "category", ID: "7"}, Kind: "category", Ref: "parent"}] = []string{"8", "9"}
	x.add(s, "7", 1, "Äpfeltee", "10.00", "2026-01-02")
	x.add(s, "7", 2, "Zimt", "9.50", "2026-03-01")
	x.add(s, "8", 3, "apple 10", "100", "2025-01-02")
	x.add(s, "8", 4, "Apple 9", "2", "")
	x.add(s, "7", 5, "Off", "1", "")
	s.redis.Put("sku:5", "item", 2, `{"product":{"title":"Off"},"status":{"state":"off"}}`, "path:7")
	x.add(s, "7", 6, "Gone", "1", "")
	s.redis.Bury("sku:6", "item", 2, kv.Gone)
	x.add(s, "7", 10, "Moved away", "1", "")
	s.redis.Put("sku:10", "item", 2, `{"product":{"title":"Moved away"}}`, "path:1000")
	x.add(s, "7", 11, "Zimt, small", "3", "", "siblings=2,11")
	s.redis.Put("sku:2", "item", 2, `{"product":{"title":"Zimt","since":"2026-03-01"}}`, "path:7", "siblings=2,11")
	for path, want := range map[string][]string{
		"/c/7.json":                      {"1", "4", "3", "2"},
		"/c/7.json?order=title":          {"1", "4", "3", "2"},
		"/c/7.json?order=price":          {"4", "11", "1", "3"},
		"/c/7.json?order=newest":         {"2", "1", "3", "4"},
		"/c/7.json?order=price&utm=mail": {"4", "11", "1", "3"},
		"/c/8.json":                      {"4", "3"},
		"/c/9.json":                      nil,
	} {
		if got := shown(t, s.get(t, path).body); !slices.Equal(got, want) {
			t.Errorf("%s lists %v, want %v", path, got, want)
		}
	}
	page := s.get(t, "/c/7.html").body
	for _, want := range []string{"<title>Tea · Demo</title>", "<h1>Tea</h1>", `<p class="brief">Leaves</p>`, `<a href="/c/8.html">Green</a>`, `<a href="/item/4.html">`, "€9.50",
		`<link rel="canonical" href="https://shop.example/c/7.html">`, `<a href="/c/7.html" aria-current="true">title</a>`, `<a href="/c/7.html?order=price">price</a>`, "2 to choose from"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	for _, not := range []string{"Off", "Gone", "Moved away", "Elsewhere", "Zimt, small"} {
		if strings.Contains(page, not) {
			t.Errorf("the page has %s", not)
		}
	}
	for path, want := range map[string]int{"/c/7.html?page=2": 404, "/c/7.html?page=0": 400, "/c/7.html?page=01": 400, "/c/7.html?page=1&page=2": 400, "/c/7.html?order=size": 400,
		"/c/7.html?order=%3Cscript%3E": 400, "/c/404.html": 404, "/c/7.html?page=99999999999999999999": 400, "/c/7.html?page=1": 200} {
		if got := s.get(t, path).status; got != want {
			t.Errorf("%s answers %d, want %d", path, got, want)
		}
	}
}

// TestALongListHasPages proves that each product is on one page, that pages link to each other, and that a list that is too long to be
// ordered says in which order it is by offering none.
func TestALongListHasPages(t *testing.T) {
	for _, n := range []int{130, 1001} {
		t.Run(strconv.Itoa(n), func(t *testing.T) {
			s, x := openLists(t)
			s.redis.Put("category:7", "card", 1, `{"title":"Tea"}`)
			for id := 1; id <= n; id++ {
				x.add(s, "7", id, fmt.Sprint("T", n-id), "1", "")
			}
			seen, pages := map[string]bool{}, (n+59)/60
			for number := 1; number <= pages; number++ {
				ids := shown(t, s.get(t, fmt.Sprint("/c/7.json?page=", number)).body)
				for _, id := range ids {
					if seen[id] {
						t.Errorf("%s is listed twice", id)
					}
					seen[id] = true
				}
			}
			if len(seen) != n {
				t.Errorf("%d of %d are listed", len(seen), n)
			}
			page := s.get(t, "/c/7.html?page=2&order=price").body
			for _, want := range []string{`rel="prev" href="/c/7.html?order=price"`, `rel="next" href="/c/7.html?order=price&amp;page=3"`, `canonical" href="https://shop.example/c/7.html?page=2"`,
				`<a href="/c/7.html?order=price&amp;page=2" aria-current="page">2</a>`, "· Page 2 ·"} {
				if !strings.Contains(page, want) {
					t.Errorf("the page lacks %s:\n%.1500s", want, page)
				}
			}
			if ordered := strings.Contains(page, `class="orders"`); ordered != (n <= 1000) {
				t.Errorf("an order is offered: %t", ordered)
			}
		})
	}
}

// TestAListIsKept proves that a page of a list is served from memory by its whole query, until something on it changes, and that an outage
// of the relation index leaves it as it was.
func TestAListIsKept(t *testing.T) {
	s, x := openLists(t)
	s.redis.Put("category:7", "card", 1, `{"title":"Tea"}`)
	for id := 1; id <= 70; id++ {
		x.add(s, "7", id, fmt.Sprintf("T%02d", id), "1", "")
	}
	first := s.get(t, "/c/7.html")
	eventuallyFromPages(t, s, "/c/7.html")
	if got := s.get(t, "/c/7.html?page=2"); !strings.Contains(got.body, "T61") || strings.Contains(got.body, "T01") {
		t.Error("the second page is the first")
	}
	if got := s.get(t, "/c/7.html", "If-None-Match: "+first.header.Get("ETag")); got.status != 304 {
		t.Errorf("the same page answers %d", got.status)
	}
	if first.header.Get("Last-Modified") != "" {
		t.Error("a list has a time, which does not change when something leaves it")
	}
	x.mu.Lock()
	x.err = errDown
	x.mu.Unlock()
	s.redis.Put("sku:5", "item", 2, `{"product":{"title":"New name"}}`, "path:7")
	s.server.Announced(item.Entity{Kind: "sku", ID: "5"}, map[string]uint64{"item": 2})
	got := s.get(t, "/c/7.html")
	if got.status != 200 || !strings.Contains(got.body, "New name") || got.header.Get("ETag") == first.header.Get("ETag") {
		t.Errorf("a changed product: %d, source %s", got.status, got.header.Get("X-Vitrine-Source"))
	}
	if got := s.get(t, "/c/404.html"); got.status != 404 {
		t.Errorf("an unknown category answers %d", got.status)
	}
	s.redis.Put("category:8", "card", 1, `{"title":"Never listed"}`)
	if got := s.get(t, "/c/8.html"); got.status != 503 {
		t.Errorf("what can't be listed answers %d", got.status)
	}
}

// eventuallyFromPages requests a path until it is served from the cache of pages, which takes what it is given a little later.
func eventuallyFromPages(t *testing.T, s *shop, path string) {
	t.Helper()
	for range 10_000 {
		if s.get(t, path).header.Get("X-Vitrine-Source") == "page" {
			return
		}
	}
	t.Errorf("%s is not kept", path)
}

// TestWhatIsOffTheShelfIsNoChoice proves that a variant whose page is not served is no choice.
func TestWhatIsOffTheShelfIsNoChoice(t *testing.T) {
	s := open(t)
	s.redis.Put("sku:1", "item", 1, `{"product":{"title":"One","options":[{"name":"Size","value":"S"}]}}`, "siblings=2,3")
	s.redis.Put("sku:2", "item", 1, `{"product":{"title":"Two","options":[{"name":"Size","value":"M"}]},"status":{"state":"off"}}`)
	s.redis.Put("sku:3", "item", 1, `{"product":{"title":"Three","options":[{"name":"Size","value":"L"}]},"status":{"state":"on"}}`)
	page := s.get(t, "/item/1.html").body
	if strings.Contains(page, `href="/item/2.html"`) || !strings.Contains(page, `href="/item/3.html"`) {
		t.Error(page)
	}
}
