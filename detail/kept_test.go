package detail_test

import (
	"context"
	"slices"
	"testing"

	"vitrine/detail"
	"vitrine/internal/kv/kvtest"
	"vitrine/internal/poll"
)

// TestAServerKeepsThePagesOfAnother proves that a server which keeps the pages of another answers each from memory, in the coding that the
// other has it in, and that what can't be made is skipped.
func TestAServerKeepsThePagesOfAnother(t *testing.T) {
	old, added := open(t), open(t)
	stocked(old, 3)
	stocked(added, 3)
	codings := map[string]string{"/item/1.html": "gzip", "/item/2.html": "br"} // nobody asks for 3
	var pages []detail.KeptPage
	poll.Until(t, "both pages are in memory", func() bool {
		for path, coding := range codings {
			old.get(t, path, "Accept-Encoding: "+coding)
		}
		pages = old.server.KeptPages(t.Context(), 100)
		return len(pages) == len(codings)
	})
	for _, page := range pages {
		if want := []string{codings[page.Path]}; !slices.Equal(page.Codings, want) {
			t.Errorf("%s is kept in %v, want %v", page.Path, page.Codings, want)
		}
	}
	if one := old.server.KeptPages(t.Context(), 1); len(one) != 1 {
		t.Errorf("%d pages are listed, want 1 at most", len(one))
	}
	gzip := []string{"gzip"}
	hostile := []detail.KeptPage{
		{Path: "http://elsewhere.example/no/1.html", Codings: gzip}, {Path: "/item/%zz.html", Codings: gzip}, {Path: "/item/404.html", Codings: gzip},
		{Path: "/live/1", Codings: gzip}, {Path: "", Codings: gzip}, {Path: "/item/3.html"},
	}
	for _, tier := range []*kvtest.Memory{added.redis, added.bolt} {
		tier.Set(func(m *kvtest.Memory) { m.Err = errDown })
	}
	if made, failing := added.server.Keep(t.Context(), append(hostile, pages...)); made != 0 || len(failing) < len(codings) {
		t.Errorf("without a store %d pages were made, and of %d something can't be had", made, len(failing))
	}
	for _, tier := range []*kvtest.Memory{added.redis, added.bolt} {
		tier.Set(func(m *kvtest.Memory) { m.Err = nil })
	}
	if made, failing := added.server.Keep(t.Context(), append(hostile, pages...)); made != len(codings) || len(failing) > 0 {
		t.Errorf("%d pages were made, want %d; %v can't be had", made, len(codings), failing)
	}
	poll.Until(t, "nothing is left to make", func() bool {
		made, failing := added.server.Keep(t.Context(), pages)
		return made+len(failing) == 0
	})
	for path, coding := range codings {
		got := added.get(t, path, "Accept-Encoding: "+coding)
		if source := got.header.Get("X-Vitrine-Source"); source != "page" || got.header.Get("Content-Encoding") != coding {
			t.Errorf("%s comes from %s in %q, want it from the page in %s", path, source, got.header.Get("Content-Encoding"), coding)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	third := open(t)
	stocked(third, 3)
	if made, failing := third.server.Keep(ended, pages); made+len(failing) != 0 {
		t.Errorf("%d pages were made after the end, and %d could not be", made, len(failing))
	}
}
