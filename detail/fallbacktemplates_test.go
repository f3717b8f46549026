package detail_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/fstest"
	"testing/synctest"

	"github.com/prometheus/client_golang/prometheus"

	"vitrine/detail"
	"vitrine/internal/poll"
	"vitrine/internal/testlog"
	"vitrine/templates"
)

// lookOf makes a template set with its own template for articles.
func lookOf(t testing.TB, text string) *templates.Set {
	return theme(t, fstest.MapFS{"item.html": {Data: []byte(text)}, "assets/look.css": {Data: []byte(text)}})
}

// TestATemplateThatFails proves that no page is lost to templates that fail on it: the fallback set renders the pages
// that fail, and only those.
func TestATemplateThatFails(t *testing.T) {
	bad := lookOf(t, "<!DOCTYPE html><title>new look</title>\n{{index .product.images 1}}")
	before := lookOf(t, `<!DOCTYPE html><title>look before</title>{{if eq .sku "9"}}{{index .product.images 1}}{{end}}<link href="{{asset "look.css"}}">`)
	log, registry := new(testlog.Buffer), prometheus.NewRegistry()
	s := open(t, func(c *detail.Config) {
		c.Templates = func() *templates.Set { return bad }
		c.FallbackTemplates = func() []*templates.Set { return []*templates.Set{before, theme(t, nil)} }
		c.Log, c.Registry = slog.New(slog.NewTextHandler(log, nil)), registry
	})
	s.redis.Put("sku:1", "item", 1, `{"product":{"title":"Lamp","images":["a","b"]}}`)
	for _, id := range []string{"2", "3", "9"} {
		s.redis.Put("sku:"+id, "item", 1, `{"product":{"title":"Bare","images":["a"]}}`)
	}
	good := s.get(t, "/item/1.html")
	for id, want := range map[string]string{"1": "new look", "2": "look before", "3": "look before", "9": "<h1>Bare</h1>"} {
		got := s.get(t, "/item/"+id+".html")
		if got.status != http.StatusOK || !strings.Contains(got.body, want) {
			t.Errorf("%s: %d, no %s in %.300s", id, got.status, want, got.body)
		}
		if long := strings.Contains(got.header.Get("Cache-Control"), "stale-if-error"); long != (id == "1") {
			t.Errorf("%s: Cache-Control %q", id, got.header.Get("Cache-Control"))
		}
		again := s.get(t, "/item/"+id+".html", "If-None-Match: "+got.header.Get("ETag"))
		if again.status != http.StatusNotModified {
			t.Errorf("%s: %d for its own ETag", id, again.status)
		}
	}
	if tag := s.get(t, "/item/2.html").header.Get("ETag"); !strings.Contains(tag, before.Revision()) || strings.Contains(good.header.Get("ETag"), ".") {
		t.Errorf("ETags %s, %s", tag, good.header.Get("ETag"))
	}
	_, rest, _ := strings.Cut(s.get(t, "/item/2.html").body, `href="`)
	css, _, _ := strings.Cut(rest, `"`)
	if got := s.get(t, css); got.status != http.StatusOK {
		t.Errorf("%s: status %d, want 200", css, got.status)
	}
	if text := log.String(); !strings.Contains(text, "template=item.html line=2") {
		t.Errorf("the log: %s", text)
	}
	if faults := bad.Faults(); len(faults) != 1 || faults[0].File != "item.html" || faults[0].Line != 2 || faults[0].Pages < 3 {
		t.Errorf("the faults are %+v, want one of item.html, line 2, on three pages or more", faults)
	}
	if n := places(t, registry, "vitrine_detail_template_errors_total"); n != 1 {
		t.Errorf("%d places are counted", n)
	}
}

// places returns how many combinations of labels a metric has.
func places(t testing.TB, registry *prometheus.Registry, name string) (n int) {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			n = len(f.GetMetric())
		}
	}
	return n
}

// TestATemplateThatIsNotThere proves that the fallback set also renders where a catalog names a template that the set
// lacks.
func TestATemplateThatIsNotThere(t *testing.T) {
	s := open(t, func(c *detail.Config) {
		c.FallbackTemplates = func() []*templates.Set { return []*templates.Set{theme(t, nil)} }
	})
	s.catalog.Pages[0].Template = "nosuch.html"
	s.redis.Put("sku:1", "item", 1, `{"product":{"title":"Lamp"}}`)
	if got := s.get(t, "/item/1.html"); got.status != http.StatusOK || !strings.Contains(got.body, "<h1>Lamp</h1>") {
		t.Errorf("status %d, want 200 with the theme's page: %.300s", got.status, got.body)
	}
}

// TestATemplateThatTakesTooLong proves that its pages are rendered by the fallback set, and that it is not tried
// again for each visitor.
func TestATemplateThatTakesTooLong(t *testing.T) {
	synctest.Test(t, aTemplateThatTakesTooLong)
}

func aTemplateThatTakesTooLong(t *testing.T) {
	slow := lookOf(t, `{{range .product.images}}{{range 99999999}}{{end}}{{end}}`)
	s := openInBubble(t, func(c *detail.Config) {
		c.Templates = func() *templates.Set { return slow }
		c.FallbackTemplates = func() []*templates.Set { return []*templates.Set{theme(t, nil)} }
	})
	s.redis.Put("sku:1", "item", 1, `{"product":{"title":"Lamp","images":["a"]}}`)
	s.redis.Put("sku:1", "offer", 1, `{"price":{"amount":5}}`) // an absence is cached for a second only
	poll.Until(t, "the page is kept for a moment", func() bool {
		got := s.get(t, "/item/1.html")
		if got.status != http.StatusOK || !strings.Contains(got.body, "<h1>Lamp</h1>") {
			t.Fatalf("status %d, want 200 with the theme's page: %.300s", got.status, got.body)
		}
		return got.header.Get("X-Vitrine-Source") == "page"
	})
}

// TestNamesFromPushedFilesAreBoundedInMetrics proves that repeated pushes of templates, each failing at other places
// under other names, add no series.
func TestNamesFromPushedFilesAreBoundedInMetrics(t *testing.T) {
	registry := prometheus.NewRegistry()
	var now *templates.Set
	fallback := []*templates.Set{theme(t, nil)}
	s := open(t, func(c *detail.Config) {
		c.Templates = func() *templates.Set { return now }
		c.FallbackTemplates = func() []*templates.Set { return fallback }
		c.Registry = registry
	})
	const pushes, each = 3, 50
	for i := range pushes * each {
		if i%each == 0 {
			now = theme(t, failingParts(i, each))
		}
		s.redis.Put(fmt.Sprint("sku:", i), "item", 1, `{"product":{"title":"Lamp"}}`)
		if got := s.get(t, fmt.Sprintf("/item/%d.html", i)); got.status != http.StatusOK || !strings.Contains(got.body, "<h1>Lamp</h1>") {
			t.Fatalf("page %d: status %d, want 200 with the theme's page: %.300s", i, got.status, got.body)
		}
	}
	if n := places(t, registry, "vitrine_detail_template_errors_total"); n != 101 {
		t.Errorf("%d places are counted", n)
	}
}

// failingParts makes templates for n articles from the ith on, each of which fails in a file of its own.
func failingParts(i, n int) fstest.MapFS {
	files := fstest.MapFS{}
	var page strings.Builder
	for id := i; id < i+n; id++ {
		part := fmt.Sprintf("part%d.html", id)
		fmt.Fprintf(&page, "{{if eq .sku \"%d\"}}{{template %q .}}{{end}}", id, part)
		files[part] = &fstest.MapFile{Data: []byte("{{index .product.title 99}}")}
	}
	files["item.html"] = &fstest.MapFile{Data: []byte(page.String())}
	return files
}

// TestTemplatesThatAreNotCompiledAreCounted proves that html/template renders what the compiler does not cover, and that a metric
// counts it.
func TestTemplatesThatAreNotCompiledAreCounted(t *testing.T) {
	registry := prometheus.NewRegistry()
	set := theme(t, fstest.MapFS{"item.html": {Data: []byte(`<!DOCTYPE html><title>{{.product.title}}</title><p {{.sku}}="1">x</p>`)}})
	s := open(t, func(c *detail.Config) {
		c.Registry, c.Templates = registry, func() *templates.Set { return set }
	})
	s.redis.Put("sku:a1", "item", 1, `{"product":{"title":"Lamp"}}`)
	if got := s.get(t, "/item/a1.html"); got.status != 200 || !strings.Contains(got.body, "<title>Lamp") {
		t.Errorf("status %d, want 200 with a page that html/template renders: %s", got.status, got.body)
	}
	if n := counted(t, registry, "vitrine_detail_template_uncompiled_total"); n != 1 {
		t.Errorf("%v pages are told, want 1; not compiled: %v", n, set.Gaps())
	}
}
