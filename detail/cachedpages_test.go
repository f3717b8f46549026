package detail_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"vitrine/detail"
	"vitrine/internal/long"
	"vitrine/internal/poll"
	"vitrine/switches"
	"vitrine/templates"
)

// TestKeptPages proves that a page in memory is served until something in it changes, and not afterwards.
func TestKeptPages(t *testing.T) {
	panel := switches.NewPanel(switches.Identity{Node: "n", Role: "detail"})
	defer panel.Close()
	look, other := theme(t, nil), theme(t, fstest.MapFS{"item.html": {Data: []byte(`<!DOCTYPE html><title>another look</title>`)}})
	var now sync.Map
	now.Store("look", look)
	s := open(t, func(c *detail.Config) {
		c.Switches = panel
		c.Templates = func() *templates.Set { v, _ := now.Load("look"); return v.(*templates.Set) }
	})
	s.redis.Put("sku:1", "item", 1, `{"product":{"title":"Lamp"}}`, "brand:9")
	s.redis.Put("sku:1", "offer", 1, `{"price":{"amount":5}}`)
	s.redis.Put("brand:9", "card", 1, `{"brand":{"title":"Acme"}}`)
	kept := func() {
		t.Helper()
		poll.Until(t, "the page is kept", func() bool { return s.get(t, "/item/1.html").header.Get("X-Vitrine-Source") == "page" })
	}
	shows := func(what string, want bool) {
		t.Helper()
		if got := s.get(t, "/item/1.json"); strings.Contains(got.body, what) != want {
			t.Errorf("whether the page says %q is %v: %s", what, !want, got.body)
		}
		kept()
	}
	kept()
	shows("Acme", true)
	t.Run("until a part of it has another gen", func(t *testing.T) {
		s.redis.Put("brand:9", "card", 2, `{"brand":{"title":"Bolt"}}`)
		s.server.Announced(entity(t, "brand:9"), map[string]uint64{"card": 2})
		shows("Bolt", true)
		s.redis.Put("sku:1", "offer", 2, `{"price":{"amount":6}}`)
		s.server.Announced(entity(t, "sku:1"), map[string]uint64{"item": 1, "offer": 2})
		shows(`"amount":6`, true)
	})
	t.Run("until the gens of its parts are in doubt", func(t *testing.T) {
		// Announced as 3. A late announcement of 2 superseded that one before this server received it.
		s.redis.Put("sku:1", "offer", 3, `{"price":{"amount":7}}`)
		s.server.Announced(entity(t, "sku:1"), map[string]uint64{"item": 1, "offer": 2})
		shows(`"amount":6`, true)
		s.server.Doubted(entity(t, "sku:1"))
		shows(`"amount":7`, true)
	})
	t.Run("until a switch is moved", func(t *testing.T) {
		panel.Apply(switches.Setting{Name: "overlay.item.offer", Scope: switches.All, Value: "off", Revision: 1})
		shows(`"amount"`, false)
		panel.Apply(switches.Setting{Name: "overlay.item.offer", Scope: switches.All, Value: "on", Revision: 2})
		shows(`"amount"`, true)
	})
	t.Run("until there are other templates", func(t *testing.T) {
		now.Store("look", other)
		if got := s.get(t, "/item/1.html"); !strings.Contains(got.body, "another look") {
			t.Errorf("/item/1.html: body %s; want a body with another look", got.body)
		}
		now.Store("look", look)
		kept()
	})
	t.Run("also while announcements of others take its slots", func(t *testing.T) {
		others := long.Pick(100_000, 200_000) // there are 65,536 slots
		for i := range others {
			s.server.Announced(entity(t, fmt.Sprintf("sku:x%d", i)), map[string]uint64{"item": 1})
		}
		s.redis.Put("sku:1", "item", 3, `{"product":{"title":"Newer"}}`)
		s.server.Announced(entity(t, "sku:1"), map[string]uint64{"item": 3, "offer": 3})
		for i := range others {
			s.server.Announced(entity(t, fmt.Sprintf("sku:y%d", i)), map[string]uint64{"item": 1})
		}
		shows("Newer", true)
	})
}

// TestKeptPagesUnderAnnouncements has visitors and announcements race. No visitor may see a generation below one that
// was announced before the request began, unless the page is marked stale.
func TestKeptPagesUnderAnnouncements(t *testing.T) {
	s := open(t)
	var mu sync.Mutex
	announced := uint64(1)
	s.redis.Put("sku:1", "offer", 1, `{}`)
	s.redis.Put("sku:1", "item", 1, `{"product":{"title":"Edition 1"}}`)
	stop := make(chan struct{})
	var visitors sync.WaitGroup
	for range 4 {
		visitors.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				mu.Lock()
				least := announced
				mu.Unlock()
				got := s.get(t, "/item/1.html")
				var gen uint64
				if fmt.Sscan(got.header.Get("X-Vitrine-Gen"), &gen); gen < least && got.header.Get("X-Vitrine-Stale") == "" || !strings.Contains(got.body, fmt.Sprintf("Edition %d<", gen)) {
					t.Errorf("gen %d after %d was announced, from %s", gen, least, got.header.Get("X-Vitrine-Source"))
					return
				}
			}
		})
	}
	for gen := uint64(2); gen < 1500; gen++ {
		s.redis.Put("sku:1", "item", gen, fmt.Sprintf(`{"product":{"title":"Edition %d"}}`, gen))
		s.server.Announced(entity(t, "sku:1"), map[string]uint64{"item": gen})
		mu.Lock()
		announced = gen
		mu.Unlock()
		if gen%50 == 0 {
			for i := range 2000 {
				s.server.Announced(entity(t, fmt.Sprintf("sku:z%d", i)), map[string]uint64{"item": gen})
			}
		}
	}
	close(stop)
	visitors.Wait()
}
