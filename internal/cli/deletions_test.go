package cli_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"vitrine/internal/item"
	"vitrine/internal/long"
	"vitrine/internal/redistest"
)

const deletionsCatalog = `
version: 1
upstreams: { shop: { url: %q } }
entities:
  sku:
    list: { from: shop, get: "/products?cursor={cursor}", ids: '[.items[].sku]', next: .next }
    dimensions:
      product: { from: shop, get: "/products/{id}", pick: '{title: .name}', require: [title] }
      price: { from: shop, get: "/prices/{id}" }
    blobs: { item: { of: [product] }, offer: { of: [price] } }
pages: { item: { path: "/item/{sku}.html", blob: item, overlay: [offer], template: item.html } }
`

// held runs queue deletions --json and returns the number of held deletions by dimension.
func (r *running) held() map[string]int {
	r.t.Helper()
	code, out, stderr := vitrine(r.t, "queue", "deletions", "--json", "--nats", r.NATS)
	if code != 0 {
		r.t.Fatal(code, out, stderr)
	}
	waiting := map[string]int{}
	for line := range strings.Lines(out) {
		var h struct {
			Kind, Dimension string
			Waiting         int
			Control         []string
		}
		if err := json.Unmarshal([]byte(line), &h); err != nil {
			r.t.Fatal(err, line)
		}
		waiting[h.Kind+"."+h.Dimension] = h.Waiting
	}
	return waiting
}

// TestAMisroutedUpstreamDeletesNothing has an upstream answer 404 for everything while its articles are announced.
// Pages must survive, over a restart too, the reason must be visible, and everything must recover without an operator
// once the upstream is mended. When the shop really removes everything, one command releases the deletions.
func TestAMisroutedUpstreamDeletesNothing(t *testing.T) {
	t.Parallel()
	all := map[string]func() []string{
		"embedded":   func() []string { return nil },
		"over Redis": func() []string { return []string{"--redis", redistest.Single(t).URL} },
	}
	for _, name := range long.Pick([]string{"over Redis"}, slices.Sorted(maps.Keys(all))) {
		args := all[name]()
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newShop(t)
			fill(s, 60)
			faulty := &faultyShop{shop: s}
			server := httptest.NewServer(faulty)
			t.Cleanup(server.Close)
			dir, file := t.TempDir(), catalogFor(t, deletionsCatalog, server.URL)
			args := append(args, "--catalog", file)
			v := up(t, dir, args...)
			v.refreshAll()

			misrouted := fault(func(w http.ResponseWriter, _ *http.Request, _ http.Handler) { http.NotFound(w, nil) })
			faulty.fault.Store(&misrouted)
			ids := s.IDs()[:40]
			v.edit(s, ids, "Edited while misrouted")
			v.isHeld(s, 38)
			v.stop()
			v = up(t, dir, args...)
			v.edit(s, ids, "Edited after the restart")
			v.isHeld(s, 38)

			faulty.fault.Store(nil)
			for _, id := range s.IDs() {
				eventually(t, func() string {
					if p, _ := s.Get(id); v.get(id).Data.Product.Title != p.Title {
						return "the page of " + id + " is old"
					}
					return ""
				})
			}
			eventually(t, func() string {
				if held := v.held(); len(held) > 0 {
					return fmt.Sprint("still held: ", held)
				}
				return ""
			})

			for _, id := range s.IDs() {
				s.Delete(id)
			}
			v.announceAll(s.IDs())
			v.isHeld(s, 50)
			if code, out, stderr := vitrine(t, "queue", "deletions", "sku.product", "--release", "--nats", v.NATS); code != 0 || !strings.Contains(out, "released") {
				t.Fatal(code, out, stderr)
			}
			eventually(t, func() string {
				for _, id := range s.IDs() {
					if status := v.get(id).Status; status != http.StatusGone {
						return fmt.Sprintf("the page of %s has status %d", id, status)
					}
				}
				return ""
			})
		})
	}
}

// edit gives the listed articles a title and announces them. It announces the others unchanged.
func (r *running) edit(s *shop, ids []string, title string) {
	r.t.Helper()
	for _, id := range ids {
		s.Put(id, func(p *product) { p.Title = title })
	}
	r.announceAll(ids)
}

func (r *running) announceAll(ids []string) {
	r.t.Helper()
	conn := r.dial()
	defer conn.Close()
	for _, id := range ids {
		announce(r.t, conn, "product", id)
	}
}

// isHeld waits until at least the given number of deletions is held and all changes are done, and then checks that
// the pages still exist.
func (r *running) isHeld(s *shop, least int) {
	r.t.Helper()
	eventually(r.t, func() string {
		all, err := r.look().Deletions().List(r.t.Context())
		if err != nil {
			return err.Error()
		}
		n := 0
		for _, h := range all {
			if h.Kind == "sku" && h.Dimension == "product" {
				n = h.Waiting
			}
		}
		if n < least {
			return fmt.Sprintf("%d deletions held, want %d", n, least)
		}
		stats := r.stats()
		for _, lane := range item.Lanes() {
			if in := stats.Streams["CHANGES"][lane]; in.Waiting+in.InFlight > 0 {
				return "changes wait"
			}
		}
		return ""
	})
	if held := r.held(); held["sku.product"] < least {
		r.t.Errorf("queue deletions tells of %v, want %d", held, least)
	}
	gone := 0
	for _, id := range s.IDs() {
		if r.get(id).Status != http.StatusOK {
			gone++
		}
	}
	if gone > 4 {
		r.t.Errorf("%d pages are gone", gone)
	}
	if status, _, body := fetch(r.t, r.Admin+"/readyz"); status != http.StatusOK {
		r.t.Errorf("not ready: %s", body)
	}
	eventually(r.t, func() string {
		if _, _, body := fetch(r.t, r.Admin+"/metrics"); !strings.Contains(string(body), `vitrine_deletions_held{dimension="product",kind="sku"}`) {
			return "no metric tells of it"
		}
		return ""
	})
}
