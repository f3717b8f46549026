package cli_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// graphQLCatalog declares a graphQLShop. The arguments are its address, the timeout of a call, and its address again.
const graphQLCatalog = `
version: 1
site: { name: Test, lang: en, currency: EUR }
upstreams:
  shop: { url: %[1]q, timeout: %[2]s, concurrency: 8, token: { url: "%[1]s/token", client: vitrine, secret: "env:SHOP_CANARY" } }
entities:
  sku:
    list:
      from: shop
      post: { path: /graphql, json: { query: "query($after: String) { variants(after: $after) { nodes { id } pageInfo { endCursor } } }", variables: { after: "{cursor}" } } }
      ids: '[.data.variants.nodes[].id]'
      next: .data.variants.pageInfo.endCursor
    dimensions:
      product:
        from: shop
        post: { path: /graphql, json: { query: "query($ids: [ID!]!) { nodes(ids: $ids) { id title version } }", variables: { ids: "{ids}" } } }
        batch_max: 20
        items: '[.data.nodes[] | values]'
        absent: gone
        version: version
        pick: '{title}'
        require: [title]
      price:
        from: shop
        post: { path: /graphql, json: { query: "query($ids: [ID!]!) { nodes(ids: $ids) { id amount } }", variables: { ids: "{ids}" } } }
        batch_max: 20
        items: '[.data.nodes[] | values]'
        absent: gone
        pick: '{amount, currency: "EUR"}'
    blobs:
      item: { of: [product] }
      offer: { of: [price] }
live:
  offer: { blob: offer }
  delivery: { from: shop, get: "/delivery/{id}", deadline: 500ms, fresh: 1s, keep: 1h, fallback: last, fails: '.errors != null' }
pages:
  item: { path: "/item/{sku}.html", blob: item, overlay: [offer], live: [offer, delivery], template: item.html }
`

// graphQLShop is a shop with a GraphQL interface, whose tokens come from a token endpoint. Each variant is a number that rises with each edit:
// it is in the title, the version, the price and the text of the delivery.
type graphQLShop struct {
	URL string

	hurt  atomic.Pointer[hurtful] // how calls fail at present; nil: they do not
	calls atomic.Int64            // that were hurt

	mu       sync.Mutex // guards all below
	variants map[string]int
	gone     map[string]bool
	edited   []string // ids, in the order of the edits
}

// hurtful answers a query badly. nodes is what a good answer would have; nil for a list.
type hurtful func(w http.ResponseWriter, r *http.Request, nodes []map[string]any)

func newGraphQLShop(t *testing.T, variants int) *graphQLShop {
	s := &graphQLShop{variants: map[string]int{}, gone: map[string]bool{}}
	for i := range variants {
		s.variants[fmt.Sprintf("V%03d", i)] = 1
	}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	s.URL = server.URL
	return s
}

// raise edits a variant.
func (s *graphQLShop) raise(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.variants[id]++
	s.edited = append(s.edited, id)
}

// changes are the ids of the edits after a number of them, and the number of all.
func (s *graphQLShop) changes(after int) map[string]any {
	s.mu.Lock()
	defer s.mu.Unlock()
	return map[string]any{"ids": append([]string{}, s.edited[min(after, len(s.edited)):]...), "last": len(s.edited)}
}

func (s *graphQLShop) remove(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gone[id] = true
}

func (s *graphQLShop) number(id string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.variants[id]
}

func (s *graphQLShop) ids() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var ids []string
	for id := range s.variants {
		if !s.gone[id] {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

func (s *graphQLShop) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/token" {
		writeAnswer(w, map[string]any{"access_token": "token-of-the-graphql-shop", "token_type": "Bearer", "expires_in": 3600})
		return
	}
	var asked struct {
		Variables struct {
			After string
			IDs   []string
		}
	}
	id, delivery := strings.CutPrefix(r.URL.Path, "/delivery/")
	if r.Method == http.MethodPost && json.NewDecoder(r.Body).Decode(&asked) != nil {
		http.Error(w, "no query", http.StatusBadRequest)
		return
	}
	nodes := s.nodes(asked.Variables.IDs)
	switch hurt := s.hurt.Load(); {
	case hurt != nil:
		s.calls.Add(1)
		(*hurt)(w, r, nodes)
	case r.Header.Get("Authorization") != "Bearer token-of-the-graphql-shop":
		w.WriteHeader(http.StatusUnauthorized)
	case r.URL.Path == "/changes":
		after, _ := strconv.Atoi(r.URL.Query().Get("after"))
		writeAnswer(w, s.changes(after))
	case delivery:
		writeAnswer(w, map[string]any{"n": s.number(id)})
	case asked.Variables.IDs != nil:
		writeAnswer(w, map[string]any{"data": map[string]any{"nodes": nodes}})
	default:
		writeAnswer(w, map[string]any{"data": map[string]any{"variants": s.list(asked.Variables.After)}})
	}
}

// nodes are the variants of some ids, null for one that there is not.
func (s *graphQLShop) nodes(ids []string) []map[string]any {
	s.mu.Lock()
	defer s.mu.Unlock()
	nodes := make([]map[string]any, len(ids))
	for i, id := range ids {
		if n := s.variants[id]; n > 0 && !s.gone[id] {
			nodes[i] = map[string]any{"id": id, "title": fmt.Sprint("Number ", n), "version": n, "amount": n}
		}
	}
	return nodes
}

// list is the page of a hundred variants after a cursor, the last id of the page before.
func (s *graphQLShop) list(after string) map[string]any {
	ids := s.ids()
	from := 0
	for from < len(ids) && ids[from] <= after {
		from++
	}
	page := ids[from:min(from+100, len(ids))]
	nodes := []any{}
	for _, id := range page {
		nodes = append(nodes, map[string]any{"id": id})
	}
	info := map[string]any{"endCursor": nil}
	if from+len(page) < len(ids) {
		info["endCursor"] = page[len(page)-1]
	}
	return map[string]any{"nodes": nodes, "pageInfo": info}
}

func writeAnswer(w http.ResponseWriter, body any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(body) // the client may be gone
}
