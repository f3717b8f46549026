package cli_test

import (
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// siblingsCatalog is shopCatalog with the maximum number of siblings on each product's page.
var siblingsCatalog = strings.NewReplacer(
	`refs: { brand:`, `refs: { siblings: { kind: sku, field: variants, max: 64 }, brand:`,
	`pick: '{title: .name, brand_id}'`, `pick: '{title: .name, brand_id, variants}'`,
	`with: { brand: card }`, `with: { brand: card, siblings: item }`,
).Replace(shopCatalog)

// TestNginxLimits holds deploy/nginx to its limits: of rates, connections and sizes.
func TestNginxLimits(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	fill(s, 70)
	ids := s.IDs()
	for _, id := range ids {
		s.Put(id, func(p *product) { p.Variants = ids[:64] })
	}
	dir := t.TempDir()
	v := up(t, filepath.Join(dir, "up"), "--catalog", catalogFor(t, siblingsCatalog, s.URL))
	v.refreshAll()
	v.converged(s)
	n := startNginx(t, v.Pages)
	page := func(i int) string { return "/item/" + url.PathEscape(ids[i]) + ".html" }

	t.Run("TLS, and browsers are told to stay there", func(t *testing.T) {
		for path, want := range map[string]int{page(0): 200, "/item/nothing.html": 404, "/live/" + url.PathEscape(ids[0]): 200} {
			res, err := n.Client.Get("https://shop.example" + path)
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
			if res.StatusCode != want || !strings.HasPrefix(res.Header.Get("Strict-Transport-Security"), "max-age=") || res.ProtoMajor != 2 {
				t.Error(path, res.Status, res.Proto, res.Header)
			}
		}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, n.Moved+page(0)+"?a=1", nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != 308 || res.Header.Get("Location") != "https://shop.example"+page(0)+"?a=1" {
			t.Error(res.Status, res.Header)
		}
	})
	t.Run("a page of 64 siblings passes", func(t *testing.T) {
		for i := range 70 {
			if status, header, body := n.get(page(i)); status != 200 || header.Get("Cache-Tag") == "" {
				t.Fatal(status, header, body)
			}
		}
	})
	t.Run("however an Accept-Encoding is spelled, the cache holds a page once for the codings that it names", func(t *testing.T) {
		misses := 0
		for i := range 50 {
			spelling := fmt.Sprintf("Accept-Encoding: gzip;q=0.%d, deflate, x-%d, br;q=1.0%s", i%9+1, i, strings.Repeat(" ", i))
			status, header, _ := n.get(page(1), spelling)
			if coding := header.Get("Content-Encoding"); status != 200 || coding != "br" && coding != "gzip" {
				t.Fatal(status, header)
			}
			if header.Get("X-Cache") == "MISS" {
				misses++
			}
		}
		if misses > 1 {
			t.Errorf("%d of 50 missed", misses)
		}
	})
	t.Run("who asks for many live parts at once is told to wait, and nobody else", func(t *testing.T) {
		var limited atomic.Int64
		eventually(t, func() string { // a slow machine sends requests more slowly than the limit
			var wait sync.WaitGroup
			for range 8 {
				wait.Go(func() {
					for range 10 {
						status, header, _ := n.get("/live?ids="+url.QueryEscape(ids[0]), "X-Forwarded-For: 203.0.113.9")
						switch {
						case status == 429 && header.Get("Retry-After") != "":
							limited.Add(1)
						case status != 200:
							t.Error(status, header)
						}
					}
				})
			}
			wait.Wait()
			if limited.Load() == 0 {
				return "no limit"
			}
			return ""
		})
		if status, _, _ := n.get("/live?ids="+url.QueryEscape(ids[0]), "X-Forwarded-For: 203.0.113.10"); status != 200 {
			t.Error("another visitor:", status)
		}
		if status, _, _ := n.get(page(0), "X-Forwarded-For: 203.0.113.9"); status != 200 {
			t.Error("a page:", status)
		}
	})
}
