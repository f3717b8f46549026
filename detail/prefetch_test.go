package detail_test

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"vitrine/detail"
	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/internal/kv/kvtest"
	"vitrine/switches"
)

// prefetching is a shop without a memory tier, in which item 1 has a brand, a sibling, and a path of three steps.
func prefetching(t *testing.T, change ...func(*detail.Config)) (s *shop, off func(name string)) {
	t.Helper()
	panel := switches.NewPanel(switches.Identity{Node: "n", Role: "detail"})
	s = open(t, append(change, func(c *detail.Config) { c.Switches = panel })...)
	t.Cleanup(panel.Close)
	off = func(name string) {
		panel.Apply(switches.Setting{Name: name, Scope: switches.All, Value: "off", Revision: 1})
	}
	off(switches.ReadLocal)
	s.redis.Put("sku:1", "item", 5, `{"product":{"title":"Lamp"}}`, "brand:9", "siblings=2", "path:c")
	s.redis.Put("sku:2", "item", 5, `{"product":{"title":"Other lamp"}}`)
	s.redis.Put("brand:9", "card", 5, `{"brand":{"title":"Acme"}}`)
	s.redis.Put("category:c", "card", 5, `{"category":{"title":"Desk"}}`, "parent:b")
	s.redis.Put("category:b", "card", 5, `{"category":{"title":"Light"}}`, "parent:a")
	s.redis.Put("category:a", "card", 5, `{"category":{"title":"Home"}}`)
	return s, off
}

// trips returns how many batches f requests from the first tier.
func (s *shop) trips(f func()) int {
	before := s.redis.Reads()
	f()
	return s.redis.Reads() - before
}

func TestAPageIsReadInOneTrip(t *testing.T) {
	registry := prometheus.NewRegistry()
	s, _ := prefetching(t, func(c *detail.Config) { c.Registry = registry })
	var first, again response
	if n := s.trips(func() { first = s.get(t, "/item/1.json") }); n != 4 {
		t.Errorf("a page that nobody has asked for takes %d trips, want 4: itself, and three steps of its path", n)
	}
	if n := s.trips(func() { again = s.get(t, "/item/1.json") }); n != 1 || again.body != first.body {
		t.Errorf("the next time it takes %d trips\n%s\n%s", n, first.body, again.body)
	}
	s.redis.Put("sku:3", "item", 5, `{"product":{"title":"Third lamp"}}`, "brand:9", "path:c")
	var other response
	if n := s.trips(func() { other = s.get(t, "/item/3.json") }); n != 2 {
		t.Errorf("another page of the same path takes %d trips, want 2: itself, and all that it refers to", n)
	}
	if _, path, _ := strings.Cut(other.body, `"path":`); !strings.Contains(first.body, path) || strings.Count(path, "title") != 3 {
		t.Errorf("the other page's path is %s, the first page is %s", path, first.body)
	}
	sum, pages := observed(t, registry, "vitrine_detail_page_trips")
	if sum != 7 || pages != 3 {
		t.Errorf("%v trips for %v pages are told, want 7 for 3", sum, pages)
	}
}

// observed returns the sum and count of a histogram without labels.
func observed(t *testing.T, r *prometheus.Registry, name string) (sum float64, count uint64) {
	t.Helper()
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			h := f.GetMetric()[0].GetHistogram()
			return h.GetSampleSum(), h.GetSampleCount()
		}
	}
	t.Fatalf("no metric %s", name)
	return 0, 0
}

func TestPrefetchingDecidesNothing(t *testing.T) {
	s, off := prefetching(t)
	shows := func(trips int, present, absent string) {
		t.Helper()
		var got response
		if n := s.trips(func() { got = s.get(t, "/item/1.json") }); n != trips {
			t.Errorf("%d trips, want %d", n, trips)
		}
		if !strings.Contains(got.body, present) || strings.Contains(got.body, absent) {
			t.Errorf("%s should show %s and not %s", got.body, present, absent)
		}
	}
	s.get(t, "/item/1.json")
	t.Run("a page that refers to another brand shows that", func(t *testing.T) {
		s.redis.Put("brand:10", "card", 5, `{"brand":{"title":"Bolt"}}`)
		s.redis.Put("sku:1", "item", 6, `{"product":{"title":"Lamp"}}`, "brand:10", "siblings=2", "path:c")
		shows(2, "Bolt", "Acme")
		shows(1, "Bolt", "Acme")
	})
	t.Run("what it refers to no more is not shown", func(t *testing.T) {
		s.redis.Put("sku:1", "item", 7, `{"product":{"title":"Lamp"}}`, "path:c")
		shows(1, "Desk", "Other lamp")
	})
	t.Run("a parent that moved is followed", func(t *testing.T) {
		s.redis.Put("category:c", "card", 6, `{"category":{"title":"Desk"}}`, "parent:a")
		shows(1, "Home", "Light")
	})
	t.Run("the path of a page that is read for the first time follows parents that moved", func(t *testing.T) {
		s.redis.Put("category:c", "card", 7, `{"category":{"title":"Desk"}}`, "parent:d")
		s.redis.Put("category:d", "card", 7, `{"category":{"title":"Floor"}}`, "parent:a")
		s.redis.Put("sku:3", "item", 5, `{"product":{"title":"Third lamp"}}`, "path:c")
		for _, trips := range []int{3, 1} {
			var got response
			if n := s.trips(func() { got = s.get(t, "/item/3.json") }); n != trips {
				t.Errorf("%d trips, want %d", n, trips)
			}
			if !strings.Contains(got.body, "Floor") || !strings.Contains(got.body, "Home") || strings.Contains(got.body, "Light") {
				t.Error(got.body)
			}
		}
	})
	t.Run("a member that is switched off is not asked for", func(t *testing.T) {
		off("part.item.path")
		s.redis.Set(func(m *kvtest.Memory) {
			m.Damaged[kv.BlobKey{Entity: item.Entity{Kind: "category", ID: "c"}, Blob: "card"}] = true
		})
		shows(1, "Lamp", "Desk")
	})
}
