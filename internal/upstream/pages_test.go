package upstream_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vitrine/internal/catalog"
)

// TestListsPageByPage proves that cursors are sent correctly whether the upstream issues them, they are counted, or
// they stand in a JSON body.
func TestListsPageByPage(t *testing.T) {
	const graphql = `post: { path: /q, json: { after: "{cursor}", n: 2 } }, ids: '.data.ids'`
	for _, c := range []struct {
		name, list string
		answers    []string
		asked      []string // path and query, or body
	}{
		{"a page's number", `get: "/p?page={cursor}", first: 1, ids: '[.[].id]', next: 'if length < 2 then null else $cursor + 1 end'`,
			[]string{`[{"id":"a"},{"id":"b"}]`, `[{"id":"c"}]`}, []string{"/p?page=1", "/p?page=2"}},
		{"an offset", `get: "/p?from={cursor}", first: 0, ids: '.ids', next: 'if .ids == [] then null else $cursor + (.ids|length) end'`,
			[]string{`{"ids":[1,2]}`, `{"ids":[3]}`, `{"ids":[]}`}, []string{"/p?from=0", "/p?from=2", "/p?from=3"}},
		{"a cursor after nothing", graphql + `, next: .data.end`,
			[]string{`{"data":{"ids":["a"],"end":"7"}}`, `{"data":{"ids":["b"],"end":null}}`}, []string{`{"after":null,"n":2}`, `{"after":"7","n":2}`}},
		{"a page's number in JSON", graphql + `, first: 1, next: 'if .data.ids == [] then null else $cursor + 1 end'`,
			[]string{`{"data":{"ids":["a"]}}`, `{"data":{"ids":[]}}`}, []string{`{"after":1,"n":2}`, `{"after":2,"n":2}`}},
		{"all at once", `post: { path: /q, json: { query: "all" } }, ids: .data.ids`,
			[]string{`{"data":{"ids":["a"]}}`}, []string{`{"query":"all"}`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var asked []string
			l := list(t, serve(t, func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				if r.Method == http.MethodGet {
					body = []byte(r.URL.String())
				}
				asked = append(asked, string(body))
				io.WriteString(w, c.answers[len(asked)-1])
			}), c.list)
			for cursor := ""; len(asked) == 0 || cursor != ""; {
				var err error
				_, cursor, err = client(t).List(t.Context(), l, cursor)
				if err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(c.asked, asked); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// list declares a list of sku with the given keys.
func list(t *testing.T, address, keys string) *catalog.List {
	t.Helper()
	c, err := catalog.Parse([]byte(strings.Replace(fmt.Sprintf("version: 1\nupstreams: { shop: { url: %q, timeout: 5s } }\n"+
		"entities: { sku: { list: { from: shop, KEYS }, dimensions: { product: { from: shop, get: \"/p/{id}\" } }, blobs: { item: { of: [product] } } } }\n"+
		"pages: { item: { path: \"/item/{sku}.html\", blob: item, template: item.html } }\n", address), "KEYS", keys, 1)), "shop.yaml", catalog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return c.Kinds["sku"].List
}
