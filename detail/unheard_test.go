package detail_test

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"vitrine/detail"
	"vitrine/internal/poll"
)

// TestAnswersAreMarkedWhileAnnouncementsAreMissing proves that all that is answered from blobs is marked while announcements do not arrive, on the fast
// path too; that pages are served from memory all the same; and that the mark is gone with its cause.
func TestAnswersAreMarkedWhileAnnouncementsAreMissing(t *testing.T) {
	var deaf atomic.Bool
	s := open(t, func(c *detail.Config) { c.Heard = func() bool { return !deaf.Load() } })
	s.redis.Put("sku:1", "item", 5, lamp)
	s.redis.Put("sku:1", "offer", 5, `{"price":{"amount":5}}`)
	const page = "/item/1.html"
	poll.Until(t, "the page is in memory", func() bool { return s.get(t, page).header.Get("X-Vitrine-Source") == "page" })
	before := s.get(t, page)

	check := func(marked bool, state string) {
		t.Helper()
		stale := ""
		if marked {
			stale = "1"
		}
		for path, want := range map[string]int{page: 200, "/item/1.json": 200, "/item/9.html": 404, "/blobs/sku/item?ids=1": 200} {
			got := s.get(t, path)
			if got.status != want || got.header.Get("X-Vitrine-Stale") != stale {
				t.Errorf("%s: status %d, header %v; want %d, X-Vitrine-Stale: %s", path, got.status, got.header, want, stale)
			}
		}
		got := s.get(t, page)
		if brief := strings.Contains(got.header.Get("Cache-Control"), "s-maxage=5,"); brief != marked || got.header.Get("X-Vitrine-Source") != "page" ||
			got.body != before.body || got.header.Get("ETag") != before.header.Get("ETag") {
			t.Errorf("%s: header %v; want the page in memory, and s-maxage=5 where it is marked", page, got.header)
		}
		if live := s.get(t, "/live/1").body; !strings.Contains(live, `"offer":{"state":"`+state+`"`) {
			t.Errorf("/live/1: %s; want an offer that is %s", live, state)
		}
		if got := s.get(t, page, "If-None-Match: "+before.header.Get("ETag")); got.status != http.StatusNotModified || got.header.Get("X-Vitrine-Stale") != stale {
			t.Errorf("a page that the visitor has: status %d, header %v", got.status, got.header)
		}
	}
	check(false, "fresh")
	deaf.Store(true)
	check(true, "last")
	deaf.Store(false)
	check(false, "fresh")
}
