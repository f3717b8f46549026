package cli_test

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"vitrine/internal/long"
	"vitrine/internal/redistest"
)

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

// stores runs a test over a real Redis and, in the full form, over bbolt too. kvtest holds both stores to the same
// behaviour.
func stores(t *testing.T, test func(t *testing.T, args ...string)) {
	t.Run("redis", func(t *testing.T) { test(t, "--redis", redistest.Single(t).URL) })
	if long.Full() {
		t.Run("bbolt", func(t *testing.T) { test(t) })
	}
}

// products is the number of products in a test that needs more than a batch or two.
var products = long.Pick(60, 300)

func fill(s *shop, n int) {
	for i := range n {
		s.Put(oddID(i), func(p *product) {
			*p = product{Title: fmt.Sprintf("Product <%d>", i), Brand: fmt.Sprint(i % 7), Price: 100 + i, Version: p.Version}
		})
	}
}

func TestChangesReachPages(t *testing.T) {
	t.Parallel()
	stores(t, func(t *testing.T, args ...string) {
		s := newShop(t)
		fill(s, 60)
		v := up(t, t.TempDir(), append(args, "--catalog", catalogFor(t, shopCatalog, s.URL))...)
		conn := v.dial()

		for _, id := range s.IDs() {
			announce(t, conn, "all", id)
		}
		for _, id := range s.IDs() {
			eventually(t, func() string { return v.differs(s, id) })
		}
		id := oddID(1)
		s.Put(id, func(p *product) { p.Title = "Edited" })
		announce(t, conn, "product", id)
		eventually(t, func() string { return v.differs(s, id) })

		s.Delete(id)
		announce(t, conn, "product", id)
		eventually(t, func() string {
			if p := v.get(id); p.Status != http.StatusGone {
				return fmt.Sprintf("deleted product: status %d, want 410", p.Status)
			}
			return ""
		})
		s.Put(id, func(p *product) { p.Title = "Back" })
		announce(t, conn, "all", id)
		eventually(t, func() string { return v.differs(s, id) })

		if p := v.get("never-was"); p.Status != http.StatusNotFound {
			t.Errorf("a product that never was: status %d, want 404", p.Status)
		}
	})
}

func TestDimensionsOfAnEntityAreFetchedInParallel(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	fill(s, 1)
	s.Together(6)
	v := up(t, t.TempDir(), "--catalog", catalogFor(t, sixDimensions, s.URL))
	announce(t, v.dial(), "all", oddID(0))
	eventually(t, func() string { return v.hasSix(oddID(0)) })
}

// sixDimensions is a catalog with a SKU of six dimensions. %s stands for the shop's address.
const sixDimensions = `
version: 1
upstreams: { shop: { url: "%s", timeout: 5s, concurrency: 32 } }
entities:
  sku:
    dimensions:
      product: { from: shop, get: "/products/{id}" }
      two: { from: shop, get: "/products/{id}" }
      three: { from: shop, get: "/products/{id}" }
      four: { from: shop, get: "/products/{id}" }
      five: { from: shop, get: "/products/{id}" }
      six: { from: shop, get: "/products/{id}" }
    blobs: { item: { of: [product, two, three, four, five, six] } }
pages: { item: { path: "/item/{sku}.html", blob: item, template: item.html } }
`

// hasSix returns the name of a dimension that the page lacks, or "" if it has all six.
func (r *running) hasSix(id string) string {
	_, _, body := fetch(r.t, r.Pages+"/item/"+url.PathEscape(id)+".json")
	for _, d := range []string{"product", "two", "three", "four", "five", "six"} {
		if !strings.Contains(string(body), `"`+d+`":`) {
			return "no " + d + " yet: " + string(body)
		}
	}
	return ""
}

func TestRefreshFillsAndMends(t *testing.T) {
	t.Parallel()
	r := redistest.Single(t)
	s := newShop(t)
	fill(s, products)
	v := up(t, t.TempDir(), "--redis", r.URL, "--catalog", catalogFor(t, shopCatalog, s.URL))
	check := func(t *testing.T) {
		for _, id := range s.IDs() {
			eventually(t, func() string { return v.differs(s, id) })
		}
	}
	v.refreshAll()
	t.Run("a new store is filled", check)
	r.Flush()
	s.Put(oddID(3), func(p *product) { p.Title = "Edited while Redis was empty" })
	v.refreshAll()
	t.Run("a flushed store is filled again, without a restart", check)
}

func TestPagesStandWithoutRedis(t *testing.T) {
	t.Parallel()
	r := redistest.Single(t)
	s, v := filledShop(t, products, "--redis", r.URL)
	eventually(t, func() string { return v.differs(s, oddID(products-1)) })
	v.waitMirrored()
	r.Stop()
	for _, id := range s.IDs() {
		if wrong := v.differs(s, id); wrong != "" {
			t.Errorf("Redis is gone: %s", wrong)
		}
	}
}

// waitMirrored waits until the mirror holds everything that was announced.
func (r *running) waitMirrored() {
	r.t.Helper()
	eventually(r.t, func() string {
		_, _, body := fetch(r.t, r.Admin+"/metrics")
		if strings.Contains(string(body), "\nvitrine_mirror_behind 0\n") {
			return ""
		}
		return "the mirror stays behind"
	})
}

func TestErrorsOfCommandsNameTheCause(t *testing.T) {
	t.Parallel()
	bad := catalogFor(t, "version: 1\nupstreams: { a: { url: \"http://127.0.0.1:1\" } }\nentities: { sku: { dimensions: { product: { form: a } } } }\n")
	for _, c := range []struct {
		name string
		args []string
		code int
		says string
	}{
		{"no command", nil, 2, "expected one of"},
		{"unknown flag", []string{"up", "--nope"}, 2, "unknown flag --nope"},
		{"a role without Redis", []string{"heterog"}, 2, "--redis"},
		{"refresh of nothing", []string{"refresh"}, 2, "--ids, --where or --all"},
		{"refresh without NATS", []string{"refresh", "--all", "--nats", "nats://127.0.0.1:1"}, 1, "connect to NATS"},
		{"a catalog with a fault", []string{"catalog", "check", bad}, 1, "form"},
		{"a served file that is not there", []string{"up", "--dir", t.TempDir(), "--nats", "127.0.0.1:0", "--serve", "a=/nope.jsonl"}, 1, "/nope.jsonl"},
		{"a catalog whose file is not served", []string{"up", "--dir", t.TempDir(), "--nats", "127.0.0.1:0", "--catalog", catalogFor(t, servedCatalog)}, 1, "--serve articles=FILE"},
		{"a share in percent", []string{"plan", "--front-hits", "90"}, 2, "front-hits is 90, and not between 0 and 1: a share"},
		{"costs of one size", []string{"bench", "costs", "--skus", "2000,2000"}, 2, "each of them once"},
		{"costs of a size too large", []string{"bench", "costs", "--skus", "2000,999999999999"}, 2, "999999999999 is not"},
		{"costs at no rate", []string{"bench", "costs", "--rate", "NaN"}, 2, "--rate"},
		{"costs to nowhere", []string{"bench", "costs", "--out", "/nope/costs.json"}, 2, "/nope/costs.json can't be written"},
		{"costs to a folder", []string{"bench", "costs", "--out", t.TempDir()}, 2, "is a folder"},
		{"a serve flag without a file", []string{"up", "--serve", "a"}, 2, "NAME=FILE"},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, _, stderr := vitrine(t, c.args...)
			if code != c.code || !strings.Contains(stderr, c.says) {
				t.Errorf("code %d, want %d; stderr should say %q:\n%s", code, c.code, c.says, stderr)
			}
		})
	}
}

func TestExplainNamesEachPart(t *testing.T) {
	t.Parallel()
	s, v := filledShop(t, 1)
	eventually(t, func() string { return v.differs(s, oddID(0)) })
	code, out, stderr := vitrine(t, "explain", "sku:"+oddID(0), "--admin", v.Admin, "--json")
	if code != 0 {
		t.Fatalf("code %d: %s", code, stderr)
	}
	if !json.Valid([]byte(out)) || !strings.Contains(out, `"item"`) || !strings.Contains(out, `"shop"`) {
		t.Errorf("no blob item of upstream shop in %s", out)
	}
}

func TestALostNATSIsFilledAgain(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	fill(s, 100)
	dir := t.TempDir()
	v := up(t, dir, "--catalog", catalogFor(t, shopCatalog, s.URL))
	v.refreshAll()
	removeAll(t, filepath.Join(dir, "nats"))
	for _, id := range s.IDs() {
		s.Put(id, func(p *product) { p.Title = "Edited after the loss of NATS's files" })
	}
	eventually(t, func() string {
		code, _, stderr := vitrine(t, "refresh", "--all", "--nats", v.NATS, "--admin", v.Admin)
		if code != 0 {
			return "refresh: " + stderr
		}
		return ""
	})
	for _, id := range s.IDs() {
		eventually(t, func() string { return v.differs(s, id) })
	}
}
