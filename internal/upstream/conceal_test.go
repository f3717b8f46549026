package upstream_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"vitrine/internal/catalog"
	"vitrine/internal/upstream"
)

const echoCatalog = `
version: 1
upstreams: { shop: { url: "SHOP", headers: { Authorization: "env:SHOP_TOKEN" } } }
entities:
  sku:
    dimensions:
      away: { from: shop, get: "/away/{id}" }
      near: { from: shop, get: "/near/{id}" }
      odd: { from: shop, get: "/odd/{id}" }
      graph: { from: shop, post: { path: /graph, json: { id: "{id}" } } }
    blobs: { item: { of: [away, near, odd, graph] } }
pages: { item: { path: "/item/{sku}.html", blob: item, template: item.html } }
`

// TestAnEchoedSecretIsConcealed proves that no error quotes a secret that an upstream sends back.
func TestAnEchoedSecretIsConcealed(t *testing.T) {
	const canary = "canary/51ad+x"
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sent := r.Header.Get("Authorization")
		switch {
		case strings.HasPrefix(r.URL.Path, "/away"):
			w.Header().Set("Location", "http://elsewhere.invalid/?echo="+url.QueryEscape(sent))
			w.WriteHeader(http.StatusFound)
		case strings.HasPrefix(r.URL.Path, "/near"):
			w.Header().Set("Location", "/near/"+url.PathEscape(sent))
			w.WriteHeader(http.StatusFound)
		case strings.HasPrefix(r.URL.Path, "/odd"):
			w.Header().Set("Location", "http://[odd/"+sent)
			w.WriteHeader(http.StatusFound)
		default:
			w.Write([]byte(`{"errors":[{"message":"` + strings.Repeat("x", 165) + sent + `"}]}`))
		}
	}))
	t.Cleanup(s.Close)
	cat, err := catalog.Parse([]byte(strings.ReplaceAll(echoCatalog, "SHOP\"", s.URL+`"`)), "shop.yaml", catalog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	secrets, err := upstream.NewSecrets([]string{"SHOP_TOKEN=" + s.URL}, func(string) (string, bool) { return "Bearer " + canary, true })
	if err != nil {
		t.Fatal(err)
	}
	client := upstream.New(upstream.Config{Secrets: secrets})
	defer client.Close()
	for _, d := range cat.Kinds["sku"].Dimensions {
		answer := client.Fetch(t.Context(), d, []upstream.Ask{{ID: "1"}})[0]
		if answer.Err == nil {
			t.Errorf("%s: no error", d.Name)
			continue
		}
		if strings.Contains(answer.Err.Error(), "canary") || !strings.Contains(answer.Err.Error(), "***") {
			t.Errorf("%s: the error shows the secret, or not that there was one: %v", d.Name, answer.Err)
		}
	}
}
