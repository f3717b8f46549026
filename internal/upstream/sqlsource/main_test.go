package sqlsource_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"vitrine/internal/catalog"
	"vitrine/internal/kv"
	"vitrine/internal/sqltest"
	"vitrine/internal/upstream"
)

var servers sqltest.Shared

func TestMain(m *testing.M) { servers.Main(m) }

// shop is a catalog over a database, with the keys of the list and of the dimension sku.product.
func shop(t *testing.T, s *sqltest.Server, list, keys string) *catalog.Catalog {
	t.Helper()
	return shopOf(t, fmt.Sprintf("{ url: %q, password: \"env:DB_PASSWORD\", timeout: 20s }", s.URL), list, keys)
}

func shopOf(t *testing.T, db, list, keys string) *catalog.Catalog {
	t.Helper()
	if list != "" {
		list = "list: { from: db, " + list + " }, "
	}
	src := fmt.Sprintf("version: 1\nupstreams: { db: %s }\n"+
		"entities: { sku: { %sdimensions: { product: { from: db, id_field: sku, %s } }, blobs: { item: { of: [product] } } } }\n"+
		"pages: { item: { path: \"/item/{sku}.html\", blob: item, template: item.html } }\n", db, list, keys)
	c, err := catalog.Parse([]byte(src), "shop.yaml", catalog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// client asks with the right password.
func client(t *testing.T, c *catalog.Catalog) *upstream.Client {
	t.Helper()
	return clientWith(t, c, sqltest.Password, nil)
}

func clientWith(t *testing.T, c *catalog.Catalog, password string, observed func(upstream.Call)) *upstream.Client {
	t.Helper()
	secrets, err := upstream.NewSecrets(nil, func(string) (string, bool) { return password, true })
	if err != nil {
		t.Fatal(err)
	}
	secrets.Trust(c)
	made := upstream.New(upstream.Config{Secrets: secrets, Observed: observed})
	t.Cleanup(made.Close)
	return made
}

// told is what becomes of an answer: its record, gone, or the error.
func told(d *catalog.Dimension, a upstream.Answer) string {
	v, _, err := a.Value(d, kv.Record{Value: kv.Value{Header: kv.Header{Existence: kv.Alive}}})
	switch {
	case err != nil:
		return "error: " + err.Error()
	case v.Existence == kv.Gone:
		return "gone"
	}
	return string(v.Body)
}

// fetch asks for ids, and says what becomes of the answers.
func fetch(ctx context.Context, t *testing.T, c *upstream.Client, cat *catalog.Catalog, ids ...string) []string {
	t.Helper()
	d, err := cat.Dimension("sku", "product")
	if err != nil {
		t.Fatal(err)
	}
	asks := make([]upstream.Ask, len(ids))
	for i, id := range ids {
		asks[i].ID = id
	}
	var out []string
	for _, a := range c.Fetch(ctx, d, asks) {
		out = append(out, told(d, a))
	}
	return out
}

// wantWords fails unless each of the words is in text.
func wantWords(t *testing.T, text string, words ...string) {
	t.Helper()
	for _, w := range words {
		if !strings.Contains(text, w) {
			t.Errorf("%q is not in: %s", w, text)
		}
	}
}
