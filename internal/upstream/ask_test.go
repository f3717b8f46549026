package upstream_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vitrine/internal/catalog"
	"vitrine/internal/item"
)

// declare compiles a catalog whose kind sku has a list, and which has a live part called delivery.
func declare(t *testing.T, address string) *catalog.Catalog {
	t.Helper()
	c, err := catalog.Parse([]byte(fmt.Sprintf(`version: 1
upstreams: { shop: { url: %q, timeout: 5s } }
entities:
  sku:
    list: { from: shop, get: "/all?cursor={cursor}", ids: '[.items[].sku]', next: .next }
    dimensions: { product: { from: shop, get: "/p/{id}" } }
    blobs: { item: { of: [product] } }
live: { delivery: { from: shop, get: "/d/{id}?area={area}&x=1", vary: { area: '.*' }, deadline: 5s, fallback: hide } }
pages: { item: { path: "/item/{sku}.html", blob: item, template: item.html, live: [delivery] } }
`, address)), "shop.yaml", catalog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestList(t *testing.T) {
	for _, c := range []struct {
		name, body string
		ids        []string
		next       string
		err        error
	}{
		{"texts and numbers", `{"items":[{"sku":"a/b"},{"sku":12345678901234567890}],"next":"p 2"}`, []string{"a/b", "12345678901234567890"}, `"p 2"`, nil},
		{"a cursor that is a number", `{"items":[],"next":7}`, []string{}, "7", nil},
		{"the end, null", `{"items":[],"next":null}`, []string{}, "", nil},
		{"the end, empty", `{"items":[],"next":""}`, []string{}, "", nil},
		{"the end, left out", `{"items":[]}`, []string{}, "", nil},
		{"an id that is none", `{"items":[{"sku":{}}]}`, nil, "", item.ErrRefused},
		{"a cursor that is none", `{"items":[],"next":{}}`, nil, "", item.ErrRefused},
		{"no JSON", `<html>`, nil, "", item.ErrRefused},
	} {
		t.Run(c.name, func(t *testing.T) {
			address := serve(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, c.body) })
			ids, next, err := client(t).List(t.Context(), declare(t, address).Kinds["sku"].List, "")
			if diff := cmp.Diff(c.ids, ids); diff != "" || next != c.next || !errors.Is(err, c.err) {
				t.Errorf("next %q, error %v, ids:\n%s", next, err, diff)
			}
		})
	}
}

func TestListSendsItsCursor(t *testing.T) {
	got := make(chan string, 1)
	address := serve(t, func(w http.ResponseWriter, r *http.Request) {
		got <- r.URL.Query().Get("cursor")
		io.WriteString(w, `{"items":[]}`)
	})
	const cursor = "a b&c=d#é/+%2F"
	if _, _, err := client(t).List(t.Context(), declare(t, address).Kinds["sku"].List, cursor); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(cursor, <-got); diff != "" {
		t.Error(diff)
	}
}

func TestLive(t *testing.T) {
	for _, c := range []struct {
		name   string
		status int
		body   string
		want   string
		err    error
	}{
		{"an object", 200, `{"days":2}`, `{"days":2}`, nil},
		{"null", 200, `null`, `null`, nil},
		{"no JSON", 200, `{`, ``, item.ErrRefused},
		{"not UTF-8", 200, "\"\xff\"", ``, item.ErrRefused},
		{"too deep", 200, strings.Repeat("[", 1000) + strings.Repeat("]", 1000), ``, item.ErrRefused},
		{"too large", 200, `"` + strings.Repeat("x", 256<<10) + `"`, ``, item.ErrRefused},
		{"unknown", 404, ``, ``, item.ErrRefused},
		{"down", 503, ``, ``, item.ErrUnavailable},
	} {
		t.Run(c.name, func(t *testing.T) {
			address := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(c.status)
				io.WriteString(w, c.body)
			})
			got, err := client(t).Live(t.Context(), declare(t, address).Live["delivery"], "1", nil)
			if string(got) != c.want || !errors.Is(err, c.err) {
				t.Errorf("%.80s, error %v", got, err)
			}
		})
	}
}

func TestLiveSendsDeclaredParametersOnly(t *testing.T) {
	got := make(chan string, 1)
	address := serve(t, func(w http.ResponseWriter, r *http.Request) { got <- r.URL.RequestURI(); io.WriteString(w, `1`) })
	params := map[string]string{"area": "{id}&x=2", "other": "y"}
	if _, err := client(t).Live(t.Context(), declare(t, address).Live["delivery"], "{area}/..", params); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("/d/%7Barea%7D%2F..?area=%7Bid%7D%26x%3D2&x=1", <-got); diff != "" {
		t.Error(diff)
	}
}
