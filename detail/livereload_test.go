package detail_test

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/fstest"

	"vitrine/detail"
	"vitrine/templates"
)

// written are templates that are just being written.
type written struct {
	own bool
	why string
}

func (w *written) Own() bool      { return w.own }
func (w *written) Broken() string { return w.why }

// TestLiveReload proves that a page names a script and the revision it was made by, that the revision in force differs once other
// templates are, and that what is wrong with templates is told with its place.
func TestLiveReload(t *testing.T) {
	set, mine := theme(t, fstest.MapFS{}), &written{own: true} // a set of its own, as the faults of one that others render with are theirs, too
	s := open(t, func(c *detail.Config) {
		c.LiveReload = mine
		c.Templates = func() *templates.Set { return set }
		c.FallbackTemplates = func() []*templates.Set { return []*templates.Set{theme(t, nil)} }
	})
	s.redis.Put("sku:1", "item", 1, `{"product":{"title":"Lamp"}}`)
	state := func() (now struct {
		Revision string
		Wrong    []string
	}) {
		got := s.get(t, "/assets/reload.json")
		if err := json.Unmarshal([]byte(got.body), &now); err != nil || got.header.Get("Cache-Control") != "no-store" {
			t.Fatal(err, got)
		}
		return now
	}
	first := state()
	tag := `<script src="/assets/reload.js" data-revision="` + first.Revision + `" defer></script>`
	if page := s.get(t, "/item/1.html"); strings.Count(page.body, tag) != 1 || len(first.Wrong) != 0 {
		t.Errorf("wrong: %q; the page is %s", first.Wrong, page.body)
	}
	if got := s.get(t, "/assets/reload.js"); got.status != 200 || !strings.HasPrefix(got.header.Get("Content-Type"), "text/javascript") {
		t.Error(got)
	}
	mine.why = "item.html:3: unexpected }"
	if now := state(); now.Revision != first.Revision || len(now.Wrong) != 1 || !strings.Contains(now.Wrong[0], mine.why) {
		t.Errorf("with broken files: %+v", now)
	}
	mine.why = ""
	set = theme(t, fstest.MapFS{"item.html": {Data: []byte("<p>\n{{index .product 1 2 3}}</p>")}})
	page := s.get(t, "/item/1.html").body
	now := state()
	if now.Revision == first.Revision || !strings.Contains(page, now.Revision) {
		t.Errorf("another set has the revision %s, and the page is %s", now.Revision, page)
	}
	if len(now.Wrong) != 1 || !strings.Contains(now.Wrong[0], "item.html:2") {
		t.Errorf("a page that fails: %q", now.Wrong)
	}
}

// TestNoLiveReloadWithoutOwnTemplates proves that the theme's own pages are as they are elsewhere.
func TestNoLiveReloadWithoutOwnTemplates(t *testing.T) {
	s := open(t, func(c *detail.Config) { c.LiveReload = &written{} })
	s.redis.Put("sku:1", "item", 1, `{"product":{"title":"Lamp"}}`)
	if page := s.get(t, "/item/1.html").body; strings.Contains(page, "reload.js") {
		t.Error(page)
	}
}

// TestNoLiveReloadElsewhere proves that a server without live reload has neither the script nor its routes.
func TestNoLiveReloadElsewhere(t *testing.T) {
	s := open(t)
	s.redis.Put("sku:1", "item", 1, `{"product":{"title":"Lamp"}}`)
	if page := s.get(t, "/item/1.html").body; strings.Contains(page, "reload.js") {
		t.Error(page)
	}
	for _, path := range []string{"/assets/reload.js", "/assets/reload.json"} {
		if got := s.get(t, path); got.status != 404 {
			t.Errorf("%s answers %d", path, got.status)
		}
	}
}
