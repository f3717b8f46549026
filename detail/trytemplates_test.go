package detail_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"vitrine/detail"
	"vitrine/switches"
	"vitrine/templates"
)

// TestTemplatesAreTriedOnRealPages proves that a trial finds the one product of 1,000 without a second picture, a
// case that no sample data shows.
func TestTemplatesAreTriedOnRealPages(t *testing.T) {
	registry := prometheus.NewRegistry()
	panel := switches.NewPanel(switches.Identity{Node: "n", Role: "detail"})
	s := open(t, func(c *detail.Config) { c.Registry, c.Switches = registry, panel })
	for i := range 1000 {
		images := `["a","b"]`
		if i == 777 {
			images = `["a"]`
		}
		s.redis.Put(fmt.Sprint("sku:", i), "item", 1, `{"product":{"title":"Lamp","images":`+images+`}}`)
	}
	for _, id := range []string{"1", "2", "3"} { // these are in memory
		s.get(t, "/item/"+id+".html")
	}
	try := func(set *templates.Set) detail.Trial {
		t.Helper()
		trial, err := s.server.Try(t.Context(), s.redis, set, 2000, func(detail.Progress) {})
		if err != nil {
			t.Fatal(err)
		}
		return trial
	}
	bad := try(lookOf(t, "<!DOCTYPE html><title>{{.product.title}}</title>\n{{index .product.images 1}}"))
	if bad.OK() || bad.Pages != 1000 || len(bad.Failed) != 1 {
		t.Fatalf("the trial is %+v, want one failure on 1000 pages", bad)
	}
	if f := bad.Failed[0]; f.Entity != "sku:777" || f.File != "item.html" || f.Line != 2 || f.Path != "/item/777.html" || !strings.Contains(f.Error, "out of range") {
		t.Errorf("the failure is %+v, want item.html, line 2, on the page of sku:777", f)
	}
	if good := try(lookOf(t, `<!DOCTYPE html><title>{{.product.title}}</title>{{range .product.images}}{{.}}{{end}}`)); !good.OK() || good.Pages != 1000 {
		t.Errorf("sound templates fail: %+v", good)
	}
	if n := places(t, registry, "vitrine_detail_template_errors_total"); n != 0 {
		t.Errorf("what was only tried is counted at %d places", n)
	}
	if got := s.get(t, "/item/777.html"); got.status != http.StatusOK || !strings.Contains(got.body, "<h1>Lamp</h1>") {
		t.Errorf("status %d: the trial has changed the templates in force: %.300s", got.status, got.body)
	}
	s.catalog.Pages[0].Template = "nosuch.html"
	if missing := try(theme(t, nil)); missing.OK() || len(missing.Missing) != 1 || !strings.Contains(missing.Missing[0], `"nosuch.html"`) {
		t.Errorf("the trial does not name the missing nosuch.html: %+v", missing)
	}
}

// TestPopularPagesAreTried proves that of a store larger than the sample the most requested pages are tried, though
// others are in memory as well.
func TestPopularPagesAreTried(t *testing.T) {
	panel := switches.NewPanel(switches.Identity{Node: "n", Role: "detail"})
	s := open(t, func(c *detail.Config) { c.Switches = panel })
	for i := range 1000 {
		s.redis.Put(fmt.Sprint("sku:", i), "item", 1, `{"product":{"title":"Lamp"}}`)
	}
	for i := range 300 {
		s.get(t, fmt.Sprintf("/item/%d.html", i))
	}
	for range 1000 { // one request in 32 is counted
		s.get(t, "/item/77.html")
		s.get(t, "/item/277.json")
	}
	failing := lookOf(t, `{{if or (eq .sku "77") (eq .sku "277")}}{{index .product.title 99}}{{end}}`)
	var last detail.Progress
	trial, err := s.server.Try(t.Context(), s.redis, failing, 10, func(p detail.Progress) { last = p })
	if err != nil {
		t.Fatal(err)
	}
	if trial.Pages != 10 || len(trial.Failed) != 2 {
		t.Errorf("the trial is %+v, want two failures on 10 pages", trial)
	}
	if last.Of != 10 || last.Tried != 10 || last.Listed != 1000 {
		t.Errorf("the progress ends at %+v, want 10 tried of 1000 listed", last)
	}
}
