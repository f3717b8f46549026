package cli_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"vitrine/internal/redistest"
)

// titled is the shop's catalog with another shape for products: each title begins with word.
func titled(word string) string {
	return strings.Replace(shopCatalog, "{title: .name, brand_id}", fmt.Sprintf("{title: (%q + .name), brand_id}", word), 1)
}

// reshaped waits until every page has a title of the pushed shape.
func (r *running) reshaped(s *shop, word string) {
	r.t.Helper()
	eventually(r.t, func() string {
		for _, id := range s.IDs() {
			want, _ := s.Get(id)
			if got := r.get(id); got.Status != http.StatusOK || got.Data.Product.Title != word+want.Title {
				return fmt.Sprintf("%s: %d %q, want %q", id, got.Status, got.Data.Product.Title, word+want.Title)
			}
		}
		return ""
	})
}

// TestASweepOverAHungRedis pushes a catalog while Redis hangs, so that its sweep fails. The sweep must be tried again
// until it succeeds, and no record may keep the earlier shape.
func TestASweepOverAHungRedis(t *testing.T) {
	t.Parallel()
	r := redistest.Single(t)
	s, v := filledShop(t, 100, "--redis", r.URL)
	v.converged(s)
	r.Pause()
	v.push(catalogFor(t, titled("New "), s.URL))
	eventually(t, func() string {
		if !strings.Contains(v.log(), "sweep for a new catalog broken off") {
			return "the sweep has not failed"
		}
		return ""
	})
	r.Resume()
	v.reshaped(s, "New ")
	code, out, errs := vitrine(t, "audit", "--sample", "0", "--json", "--admin", v.Admin, "--dir", v.Dir)
	var found struct{ Reshaped, Entities int }
	if err := json.Unmarshal([]byte(out), &found); code != 0 || err != nil || found.Reshaped != 0 || found.Entities < 100 {
		t.Errorf("code %d, %s%s", code, out, errs)
	}
}

// TestARenamedBlobBlanksNoPage renames blobs and renames them back. Meanwhile every request must find the page, and
// no page may show an outdated price.
func TestARenamedBlobBlanksNoPage(t *testing.T) {
	t.Parallel()
	s, v := filledShop(t, 60)
	v.converged(s)
	conn := v.dial()
	leftovers := func() string {
		_, out, stderr := vitrine(t, "catalog", "leftovers", "--json", "--admin", v.Admin, "--dir", v.Dir)
		return out + stderr
	}
	if out := leftovers(); out != "" {
		t.Errorf("left over from the first catalog: %s", out)
	}
	renamed := strings.NewReplacer("item: { of: [product] }", "article: { of: [product] }", "blob: item", "blob: article",
		"offer: { of: [price] }", "deal: { of: [price] }", "overlay: [offer]", "overlay: [deal]", "{ blob: offer }", "{ blob: deal }").Replace(shopCatalog)
	for n, text := range []string{renamed, shopCatalog, renamed} {
		edited := s.IDs()[n*20 : n*20+20]
		v.push(catalogFor(t, text, s.URL))
		for i, id := range edited {
			s.Put(id, func(p *product) {
				p.Title = fmt.Sprintf("Edit %d of push %d", i, n)
				p.Price = 1000*n + i
			})
			announce(t, conn, "product", id)
			announce(t, conn, "price", id)
		}
		pending := map[string]bool{}
		for _, id := range edited {
			pending[id] = true
		}
		eventually(t, func() string {
			for _, id := range s.IDs() {
				switch wrong := v.differs(s, id); {
				case wrong == "":
					delete(pending, id)
				case !pending[id]:
					t.Fatalf("push %d: %s", n, wrong)
				case strings.Contains(wrong, "status"):
					t.Fatalf("push %d: %s", n, wrong)
				}
			}
			if len(pending) > 0 {
				return fmt.Sprintf("push %d: %d edits are not on their pages", n, len(pending))
			}
			return ""
		})
	}
	if out := leftovers(); !strings.Contains(out, `{"kind":"sku","what":"blob","name":"item","count":60,"goes":`) {
		t.Errorf("left over: %s", out)
	}
}
