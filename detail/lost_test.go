package detail_test

import (
	"errors"
	"strings"
	"testing"

	"vitrine/detail"
	"vitrine/internal/kv/kvtest"
	"vitrine/internal/poll"
	"vitrine/switches"

	"github.com/prometheus/client_golang/prometheus"
)

// TestALostPart has the store come back empty while this server's own file is damaged or new, and one blob of a page
// stored again before the others. The page must go on showing the others from memory, and must request them.
func TestALostPart(t *testing.T) {
	fill := func(s *shop) {
		s.redis.Put("sku:1", "item", 1, `{"product":{"title":"Lamp"}}`)
		s.redis.Put("sku:1", "offer", 1, `{"price":{"amount":5}}`)
	}
	for _, c := range []struct {
		name string
		bolt func(*kvtest.Memory)
	}{
		{"with an own file that has nothing yet", func(*kvtest.Memory) {}},
		{"with an own file that fails", func(m *kvtest.Memory) { m.Set(func(m *kvtest.Memory) { m.Err = errors.New("damaged") }) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := &told{}
			registry := prometheus.NewRegistry()
			s := open(t, func(c *detail.Config) { c.Announcer, c.Registry = a, registry })
			c.bolt(s.bolt)
			fill(s)
			if got := s.get(t, "/item/1.json"); !strings.Contains(got.body, `"amount":5`) {
				t.Fatalf(`/item/1.json: body %s; want a body with "amount":5`, got.body)
			}
			inMemory(t, s, registry)
			s.redis.Set(func(m *kvtest.Memory) { clear(m.Stored) })
			s.redis.Put("sku:1", "item", 2, `{"product":{"title":"Newer"}}`)
			s.server.Announced(entity(t, "sku:1"), map[string]uint64{"item": 2})
			s.server.Gap() // forces what is in memory to be read again
			got := s.get(t, "/item/1.json")
			if !strings.Contains(got.body, "Newer") || !strings.Contains(got.body, `"amount":5`) || got.header.Get("X-Vitrine-Stale") != "1" {
				t.Errorf("the price is lost: %s %v", got.body, got.header)
			}
			poll.Until(t, "the entity is announced", func() bool { return a.count() == 1 })
			s.redis.Put("sku:1", "offer", 3, `{"price":{"amount":6}}`)
			s.server.Announced(entity(t, "sku:1"), map[string]uint64{"item": 2, "offer": 3})
			if got := s.get(t, "/item/1.json"); !strings.Contains(got.body, `"amount":6`) {
				t.Errorf(`/item/1.json: body %s; want a body with "amount":6`, got.body)
			}
		})
	}
	t.Run("a part whose root record is not stored again yet is no missing page", func(t *testing.T) {
		a := &told{}
		registry := prometheus.NewRegistry()
		s := open(t, func(c *detail.Config) { c.Announcer, c.Registry = a, registry })
		fill(s)
		inMemory(t, s, registry)
		s.redis.PutRootless("sku:1", "item", 2)
		s.server.Announced(entity(t, "sku:1"), map[string]uint64{"item": 2})
		s.server.Gap()
		if got := s.get(t, "/item/1.json"); got.status != 200 || !strings.Contains(got.body, "Lamp") {
			t.Errorf("status %d, want 200 without the lost part: %s", got.status, got.body)
		}
		poll.Until(t, "the entity is announced", func() bool { return a.count() == 1 })
	})
	t.Run("a part that nobody ever saw is asked for as well", func(t *testing.T) {
		a := &told{}
		s := open(t, func(c *detail.Config) { c.Announcer = a })
		s.redis.Put("sku:1", "item", 1, `{"product":{"title":"Lamp"}}`)
		if got := s.get(t, "/item/1.json"); !strings.Contains(got.header.Get("Cache-Control"), "s-maxage=5,") {
			t.Errorf("shared caches keep a page that lacks a part: %v", got.header)
		}
		poll.Until(t, "the entity is announced", func() bool { return a.count() == 1 })
	})
	t.Run("nothing is asked for while back to source is shed", func(t *testing.T) {
		panel := switches.NewPanel(switches.Identity{Node: "n", Role: "detail"})
		defer panel.Close()
		back := func(value string, revision uint64) {
			panel.Apply(switches.Setting{Name: switches.BackToSource, Scope: switches.All, Value: value, Revision: revision})
		}
		a := &told{}
		s := open(t, func(c *detail.Config) { c.Announcer, c.Switches = a, panel })
		s.redis.Put("sku:1", "item", 1, `{"product":{"title":"Lamp"}}`)
		back("off", 1)
		s.get(t, "/item/1.json")
		back("on", 2)
		s.redis.Put("sku:2", "item", 1, `{"product":{"title":"Vase"}}`)
		s.get(t, "/item/2.json")
		poll.Until(t, "an entity is announced", func() bool { return a.count() > 0 })
		if a.all[0].ID != "2" || a.count() > 1 {
			t.Errorf("a reader announced while back to source was shed: %v", a.all)
		}
	})
	t.Run("a page that there is not is not asked for", func(t *testing.T) {
		a := &told{}
		s := open(t, func(c *detail.Config) { c.Announcer = a })
		if got := s.get(t, "/item/77.json"); got.status != 404 || a.count() > 0 {
			t.Errorf("an entity that nobody knows: status %d, announced %d times; want status 404, no announcement", got.status, a.count())
		}
	})
}

// inMemory waits until both blobs of article 1 are in memory. ristretto applies a Set late and may drop it.
func inMemory(t *testing.T, s *shop, registry *prometheus.Registry) {
	t.Helper()
	hits := func() float64 { return counted(t, registry, "vitrine_detail_tier_keys_total", "local", "hit") }
	poll.Until(t, "the blobs are in memory", func() bool {
		before := hits()
		s.get(t, "/blobs/sku/item?ids=1")
		s.get(t, "/blobs/sku/offer?ids=1")
		return hits() == before+2
	})
}
