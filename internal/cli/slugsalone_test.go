package cli_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"

	"vitrine/internal/bustest"
	"vitrine/internal/redistest"
)

// TestSlugsAlone proves that pages are found by a slug alone on every server of two rooms, one over a Cluster of Redis and the other one over
// a single server: by the present slug, by former ones, and by one that another article had. All that happens is announced in one room.
func TestSlugsAlone(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	title := func(id, title string) { s.Put(id, func(p *product) { p.Title = title }) }
	title("1", "Green Tea")
	title("2", "Cup")
	title("10", "Cup")
	catalog := catalogFor(t, strings.Replace(shopCatalog, "path: /item/{sku}.html", `path: "/p/{slug}.html"
    kind: sku
    slug: product.title
    former: "/item/{sku}.html"`, 1), s.URL)
	cluster := redistest.Cluster(t).URL
	east := up(t, t.TempDir(), "--redis", cluster, "--catalog", catalog)
	east.refreshAll()
	servers := map[string]*running{
		"east": east, "east, another": detailServer(t, east.NATS, cluster, t.TempDir()), "west": secondRoom(t, east.NATS, catalog),
	}
	everywhere := func(path string, want int, location string) {
		t.Helper()
		for name, server := range servers {
			eventually(t, func() string {
				if status, to := leadsTo(t, server.Pages+path); status != want || to != location {
					return fmt.Sprintf("%s: %s answers %d %q, want %d %q", name, path, status, to, want, location)
				}
				return ""
			})
		}
	}
	notify := func(ids ...string) { // as a system of the shop: what a room announces to itself is not passed on
		t.Helper()
		args := append([]string{"notify", "sku", "product"}, ids...)
		if code, out, errs := vitrine(t, append(args, "--nats", east.NATS)...); code != 0 {
			t.Fatal(code, out, errs)
		}
	}
	everywhere("/p/green-tea.html", http.StatusOK, "")
	everywhere("/p/x--1.html", http.StatusMovedPermanently, "/p/green-tea.html")
	everywhere("/p/cup.html", http.StatusOK, "")
	everywhere("/p/cup--10.html", http.StatusOK, "")
	everywhere("/item/2.html", http.StatusMovedPermanently, "/p/cup.html")
	title("1", "Black Tea")
	s.Delete("2")
	notify("1", "2")
	everywhere("/p/green-tea.html", http.StatusMovedPermanently, "/p/black-tea.html")
	everywhere("/p/black-tea.html", http.StatusOK, "")
	everywhere("/p/cup.html", http.StatusOK, "")
	everywhere("/p/cup--10.html", http.StatusMovedPermanently, "/p/cup.html")
	everywhere("/p/cup--2.html", http.StatusGone, "")
	s.Delete("1")
	notify("1")
	everywhere("/p/green-tea.html", http.StatusGone, "")
	everywhere("/p/black-tea.html", http.StatusGone, "")
	title("3", "Green Tea")
	notify("3")
	everywhere("/p/green-tea.html", http.StatusOK, "")
	everywhere("/p/nothing.html", http.StatusNotFound, "")
}

// secondRoom starts a room, west, of the shop whose other one is at a NATS, and returns its detail server.
func secondRoom(t *testing.T, other, catalog string) *running {
	t.Helper()
	nats := bustest.Run(t, func(*server.Options) {}).ClientURL()
	if code, out, errs := vitrine(t, "catalog", "push", catalog, "--nats", nats); code != 0 {
		t.Fatal(code, out, errs)
	}
	r := redistest.Single(t)
	role(t, "heterog", nats, t.TempDir(), "--redis", r.URL, "--room", "west", "--rooms", "west="+nats+",east="+other)
	role(t, "syncer", nats, t.TempDir(), "--redis", r.URL, "--room", "west")
	d := detailServer(t, nats, r.URL, t.TempDir(), "--room", "west")
	if code, out, errs := vitrine(t, "refresh", "--all", "--wait", "--nats", nats, "--redis", r.URL); code != 0 {
		t.Fatal(code, out, errs)
	}
	return d
}

// leadsTo is the status of an answer, and where it leads.
func leadsTo(t *testing.T, address string) (status int, location string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	w, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	w.Body.Close()
	return w.StatusCode, w.Header.Get("Location")
}
