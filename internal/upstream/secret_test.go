package upstream_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/upstream"
)

const secretCatalog = `
version: 1
upstreams:
  products: { url: "PRODUCTS", headers: { Authorization: "env:PRODUCTS_TOKEN" } }
  others: { url: "OTHERS" }
  thief: { url: "THIEF", headers: { X-Loot: "env:AWS_SECRET_ACCESS_KEY" } }
  twin: { url: "THIEF", headers: { Authorization: "env:PRODUCTS_TOKEN" } }
  poor: { url: "OTHERS", headers: { Authorization: "env:NOT_SET" } }
entities:
  sku:
    dimensions: { a: { from: products, get: "/{id}" }, b: { from: others, get: "/{id}" }, c: { from: thief, get: "/{id}" }, d: { from: twin, get: "/{id}" }, e: { from: poor, get: "/{id}" } }
    blobs: { item: { of: [a, b, c, d, e] } }
pages: { item: { path: "/item/{sku}.html", blob: item, template: item.html } }
`

// TestSecretsGoWhereTheirOperatorSays proves that a pushed catalog, which may name any variable and any address,
// cannot direct a secret elsewhere.
func TestSecretsGoWhereTheirOperatorSays(t *testing.T) {
	got := map[string]string{}
	serve := func(name string) string {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			got[name] += r.Header.Get("Authorization") + r.Header.Get("X-Loot") + "."
			w.Write([]byte(`{}`))
		}))
		t.Cleanup(s.Close)
		return s.URL
	}
	products, others, thief := serve("products"), serve("others"), serve("thief")
	src := strings.NewReplacer("PRODUCTS\"", products+`"`, "OTHERS", others, "THIEF", thief).Replace(secretCatalog)
	cat, err := catalog.Parse([]byte(src), "shop.yaml", catalog.Options{}) // parsing needs no secret
	if err != nil {
		t.Fatal(err)
	}
	env := map[string]string{"PRODUCTS_TOKEN": "tok-canary", "AWS_SECRET_ACCESS_KEY": "aws-canary"}
	secrets, err := upstream.NewSecrets([]string{"PRODUCTS_TOKEN=" + products, "NOT_SET=" + others}, func(name string) (string, bool) {
		v, ok := env[name]
		return v, ok
	})
	if err != nil {
		t.Fatal(err)
	}
	client := upstream.New(upstream.Config{Secrets: secrets})
	defer client.Close()
	for name, want := range map[string]string{"a": "", "b": "", "c": "AWS_SECRET_ACCESS_KEY may not be sent to", "d": "--secret PRODUCTS_TOKEN=" + thief, "e": "has no NOT_SET"} {
		dimensions := cat.Kinds["sku"].Dimensions
		d := dimensions[slices.IndexFunc(dimensions, func(d *catalog.Dimension) bool { return d.Name == name })]
		answers := client.Fetch(t.Context(), d, []upstream.Ask{{ID: "1"}})
		err := answers[0].Err
		switch {
		case want == "" && err != nil:
			t.Errorf("%s: error %v, want none", name, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want) || !errors.Is(err, item.ErrUnavailable)):
			t.Errorf("%s: error %v, want item.ErrUnavailable with %q", name, err, want)
		case err != nil && strings.Contains(err.Error(), "canary"):
			t.Errorf("%s: the error tells the secret: %v", name, err)
		}
	}
	if got["products"] != "tok-canary." || got["others"] != "." || got["thief"] != "" {
		t.Errorf("the upstreams got these secrets: %v", got)
	}
	if faults := secrets.Check(cat); len(faults) != 3 {
		t.Errorf("%v; want 3 of them", faults)
	}
	t.Run("a file that the operator named is trusted", func(t *testing.T) {
		secrets.Trust(cat)
		if faults := secrets.Check(cat); len(faults) != 1 { // NOT_SET
			t.Errorf("the faults are %v, want one: that NOT_SET is missing", faults)
		}
	})
	for _, bad := range []string{"PRODUCTS_TOKEN", "=https://x", "A=products.example", "A=https://user:pw@x"} {
		if _, err := upstream.NewSecrets([]string{bad}, nil); !errors.Is(err, upstream.ErrSecret) {
			t.Errorf("the secret %s: error %v, want upstream.ErrSecret", bad, err)
		}
	}
}
