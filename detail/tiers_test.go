package detail_test

import (
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"vitrine/detail"
	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/internal/kv/kvtest"
	"vitrine/internal/poll"
)

func entity(t *testing.T, s string) item.Entity {
	t.Helper()
	e, err := item.ParseEntity(s)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

const lamp = `{"product":{"title":"Lamp"}}`

func TestTierFailure(t *testing.T) {
	t.Run("a later tier serves, marked stale", func(t *testing.T) {
		s := open(t)
		s.redis.Set(func(m *kvtest.Memory) { m.Err = errDown })
		s.bolt.Put("sku:1", "item", 5, lamp)
		got := s.get(t, "/item/1.html")
		if got.status != 200 || got.header.Get("X-Vitrine-Source") != "bolt" || got.header.Get("X-Vitrine-Stale") != "1" ||
			!strings.Contains(got.header.Get("Cache-Control"), "s-maxage=5,") {
			t.Errorf("/item/1.html: status %d, header %v; want status 200, X-Vitrine-Source: bolt, X-Vitrine-Stale: 1, s-maxage=5, in Cache-Control", got.status, got.header)
		}
	})
	t.Run("a flushed first tier does not blank the shop", func(t *testing.T) {
		s := open(t)
		s.bolt.Put("sku:1", "item", 5, lamp)
		if got := s.get(t, "/item/1.html"); got.status != 200 || got.header.Get("X-Vitrine-Stale") != "1" {
			t.Errorf("/item/1.html: status %d, header %v; want status 200, X-Vitrine-Stale: 1", got.status, got.header)
		}
	})
	t.Run("what the first tier could not be asked about is not absent", func(t *testing.T) {
		s := open(t)
		s.redis.Set(func(m *kvtest.Memory) { m.Err = errDown })
		got := s.get(t, "/item/1.html")
		if got.status != 503 || got.header.Get("Retry-After") == "" || got.header.Get("Cache-Control") != "no-store" {
			t.Errorf("/item/1.html: status %d, header %v; want status 503, a Retry-After, Cache-Control: no-store", got.status, got.header)
		}
	})
	t.Run("a later tier that fails leaves the first one's word", func(t *testing.T) {
		s := open(t)
		s.bolt.Set(func(m *kvtest.Memory) { m.Err = errDown })
		if got := s.get(t, "/item/1.html"); got.status != 404 {
			t.Errorf("/item/1.html: status %d; want status 404", got.status)
		}
	})
	t.Run("damage is not absence", func(t *testing.T) {
		s := open(t)
		s.redis.Set(func(m *kvtest.Memory) {
			m.Damaged[kv.BlobKey{Entity: item.Entity{Kind: "sku", ID: "1"}, Blob: "item"}] = true
		})
		if got := s.get(t, "/item/1.html"); got.status != 503 {
			t.Errorf("/item/1.html: status %d; want status 503", got.status)
		}
		s.redis.Put("sku:2", "item", 1, `{"product":`)
		if got := s.get(t, "/item/2.json"); got.status != 503 {
			t.Errorf("/item/2.json: status %d, body %s; want status 503", got.status, got.body)
		}
	})
	t.Run("a joined part that can't be read only leaves a mark", func(t *testing.T) {
		s := open(t)
		s.redis.Put("sku:1", "item", 5, lamp, "brand:9")
		s.redis.Set(func(m *kvtest.Memory) {
			m.Damaged[kv.BlobKey{Entity: item.Entity{Kind: "brand", ID: "9"}, Blob: "card"}] = true
		})
		if got := s.get(t, "/item/1.html"); got.status != 200 || got.header.Get("X-Vitrine-Stale") != "1" {
			t.Errorf("/item/1.html: status %d, header %v; want status 200, X-Vitrine-Stale: 1", got.status, got.header)
		}
	})
	t.Run("the breaker spares a failing tier", func(t *testing.T) {
		s := open(t)
		s.redis.Set(func(m *kvtest.Memory) { m.Err = errDown })
		for range 50 {
			s.get(t, "/item/1.html")
		}
		if n := s.redis.Reads(); n >= 50 {
			t.Errorf("%d reads of a tier that is down", n)
		}
		s.redis.Set(func(m *kvtest.Memory) { m.Err = nil })
		s.redis.Put("sku:1", "item", 5, lamp)
		poll.Until(t, "the tier is taken back", func() bool { return s.get(t, "/item/1.html").status == 200 })
	})
	t.Run("a tier that hangs costs its time-out", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := openInBubble(t, func(c *detail.Config) { c.Blobs.Tiers[0].Timeout = 10 * time.Millisecond })
			hang := make(chan struct{})
			s.redis.Set(func(m *kvtest.Memory) { m.Hang = hang })
			s.bolt.Put("sku:1", "item", 5, lamp)
			began := time.Now()
			got := s.get(t, "/item/1.html")
			took := time.Since(began)
			close(hang)
			if got.status != 200 || got.header.Get("X-Vitrine-Source") != "bolt" || took != 10*time.Millisecond {
				t.Errorf("/item/1.html: status %d, header %v after %v; want status 200, X-Vitrine-Source: bolt, after 10ms", got.status, got.header, took)
			}
		})
	})
	t.Run("no catalog yet", func(t *testing.T) {
		s := open(t, func(c *detail.Config) { c.Catalog = func() *catalog.Catalog { return nil } })
		if got := s.get(t, "/item/1.html"); got.status != 503 || s.server.Ready() == nil {
			t.Errorf("without a catalog: status %d, ready: %v; want status 503 and a server that is not ready", got.status, s.server.Ready())
		}
	})
}

func TestLocal(t *testing.T) {
	read := func(t *testing.T, s *shop, gen string) response {
		t.Helper()
		got := s.get(t, "/item/1.json")
		if got.header.Get("X-Vitrine-Gen") != gen {
			t.Errorf("gen %s, want %s", got.header.Get("X-Vitrine-Gen"), gen)
		}
		return got
	}
	warm := func(t *testing.T, s *shop) {
		t.Helper()
		poll.Until(t, "the page is local", func() bool { return s.get(t, "/item/1.json").fromMemory() })
	}
	t.Run("an announcement overtakes an entry", func(t *testing.T) {
		s := open(t)
		s.redis.Put("sku:1", "item", 5, lamp)
		warm(t, s)
		s.redis.Put("sku:1", "item", 6, lamp)
		s.server.Announced(entity(t, "sku:1"), map[string]uint64{"item": 6, "offer": 2})
		read(t, s, "6")
	})
	t.Run("an entry at the gen announced stays", func(t *testing.T) {
		s := open(t)
		s.redis.Put("sku:1", "item", 5, lamp)
		warm(t, s)
		s.server.Announced(entity(t, "sku:1"), map[string]uint64{"item": 5})
		if got := read(t, s, "5"); !got.fromMemory() {
			t.Errorf("header %v; want a page from memory", got.header)
		}
	})
	t.Run("an overtaken entry is the last resort", func(t *testing.T) {
		s := open(t)
		s.redis.Put("sku:1", "item", 5, lamp)
		warm(t, s)
		s.server.Announced(entity(t, "sku:1"), map[string]uint64{"item": 6})
		s.redis.Set(func(m *kvtest.Memory) { m.Err = errDown })
		if got := read(t, s, "5"); got.status != 200 || got.header.Get("X-Vitrine-Stale") != "1" {
			t.Errorf("status %d, header %v; want status 200, X-Vitrine-Stale: 1", got.status, got.header)
		}
	})
	t.Run("a gap makes all entries be read again", func(t *testing.T) {
		s := open(t)
		s.redis.Put("sku:1", "item", 5, lamp)
		warm(t, s)
		s.redis.Put("sku:1", "item", 6, lamp)
		s.server.Gap()
		read(t, s, "6")
	})
	t.Run("absence is remembered, and forgotten when announced", func(t *testing.T) {
		s := open(t)
		s.get(t, "/item/1.json")
		s.redis.Put("sku:1", "item", 6, lamp)
		s.server.Announced(entity(t, "sku:1"), map[string]uint64{"item": 6})
		read(t, s, "6")
	})
	t.Run("an expired entry is served while one refresh runs", func(t *testing.T) {
		s := open(t, func(c *detail.Config) { c.Blobs.TTL = 2 * time.Second })
		s.redis.Put("sku:1", "item", 5, lamp)
		warm(t, s)
		s.redis.Put("sku:1", "item", 6, lamp) // not announced, so only the TTL bounds its age
		poll.Until(t, "the new gen", func() bool { return s.get(t, "/item/1.json").header.Get("X-Vitrine-Gen") == "6" })
	})
}

// TestAnAnnouncementOvertakesAFill replays the interleaving in doc.go: the announcement comes between a read and its
// fill.
func TestAnAnnouncementOvertakesAFill(t *testing.T) {
	s := open(t)
	hang, entered := make(chan struct{}), make(chan struct{}, 10)
	s.redis.Put("sku:1", "item", 5, lamp)
	s.redis.Set(func(m *kvtest.Memory) { m.Hang, m.Entered = hang, entered })
	done := make(chan response)
	go func() { done <- s.get(t, "/item/1.json") }()
	<-entered // gen 5 has been read and is not stored yet
	s.redis.Set(func(m *kvtest.Memory) { m.Hang, m.Entered = nil, nil })
	s.redis.Put("sku:1", "item", 6, lamp)
	s.server.Announced(entity(t, "sku:1"), map[string]uint64{"item": 6})
	close(hang)
	if got := <-done; got.header.Get("X-Vitrine-Gen") != "6" || got.header.Get("X-Vitrine-Stale") != "" {
		t.Errorf("a read below the minimum generation must be made again: %v", got.header)
	}
	if got := s.get(t, "/item/1.json"); got.header.Get("X-Vitrine-Gen") != "6" {
		t.Errorf("gen %s is cached below the minimum", got.header.Get("X-Vitrine-Gen"))
	}
}

func TestBelowTheMinimumIsServedMarked(t *testing.T) {
	s := open(t)
	s.redis.Put("sku:1", "item", 5, lamp) // the store lags behind the announcement
	s.server.Announced(entity(t, "sku:1"), map[string]uint64{"item": 6})
	for range 3 {
		got := s.get(t, "/item/1.json")
		if got.status != 200 || got.header.Get("X-Vitrine-Stale") != "1" || got.fromMemory() {
			t.Errorf("/item/1.json: status %d, header %v; want status 200, X-Vitrine-Stale: 1, a page that is not from memory", got.status, got.header)
		}
	}
}

func TestOneReadForMany(t *testing.T) {
	registry := prometheus.NewRegistry()
	s := open(t, func(c *detail.Config) { c.Registry = registry })
	hang, entered := make(chan struct{}), make(chan struct{}, 100)
	s.redis.Put("sku:1", "item", 5, lamp)
	s.redis.Set(func(m *kvtest.Memory) { m.Hang, m.Entered = hang, entered })
	const visitors, keys = 20, 2
	var wait sync.WaitGroup
	for range visitors {
		wait.Go(func() { s.get(t, "/item/1.json") })
	}
	<-entered
	poll.Until(t, "all have missed", func() bool {
		return counted(t, registry, "vitrine_detail_tier_keys_total", "local", "miss") == visitors*keys
	})
	close(hang)
	wait.Wait()
	if n := s.redis.Reads(); n > visitors/2 {
		t.Errorf("%d visitors made %d reads", visitors, n)
	}
}

// counted returns the value of the counter with exactly these label values.
func counted(t *testing.T, r *prometheus.Registry, name string, labels ...string) float64 {
	t.Helper()
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			var have []string
			for _, l := range m.GetLabel() {
				have = append(have, l.GetValue())
			}
			slices.Sort(have)
			if f.GetName() == name && slices.Equal(have, slices.Sorted(slices.Values(labels))) {
				return m.GetCounter().GetValue()
			}
		}
	}
	return 0
}

// TestAnnouncedUnderLoad proves that under concurrent load a page read after an announcement is never older than it,
// unless it is marked stale.
func TestAnnouncedUnderLoad(t *testing.T) {
	s := open(t)
	s.redis.Put("sku:1", "item", 1, lamp)
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					s.get(t, "/item/1.json")
				}
			}
		})
	}
	for gen := uint64(2); gen < 150; gen++ {
		s.redis.Put("sku:1", "item", gen, lamp)
		s.server.Announced(entity(t, "sku:1"), map[string]uint64{"item": gen})
		got := s.get(t, "/item/1.json").header
		if now, err := strconv.ParseUint(got.Get("X-Vitrine-Gen"), 10, 64); err != nil || now < gen || got.Get("X-Vitrine-Stale") != "" {
			t.Fatalf("gen %d was announced; the page has %s, stale %q", gen, got.Get("X-Vitrine-Gen"), got.Get("X-Vitrine-Stale"))
		}
	}
	close(stop)
	readers.Wait()
}

func TestReplica(t *testing.T) {
	replicated := func(t *testing.T) (*shop, *kvtest.Memory) {
		replica := kvtest.NewMemory()
		return openInBubble(t, func(c *detail.Config) {
			c.Blobs.Tiers[0].Replica, c.Blobs.Tiers[0].Timeout = replica, 100*time.Millisecond
		}), replica
	}
	t.Run("is read in place of the master", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s, replica := replicated(t)
			replica.Put("sku:1", "item", 5, lamp)
			replica.Put("sku:1", "offer", 5, `{"price":{"amount":"5.10"}}`)
			got := s.get(t, "/item/1.json")
			if got.status != 200 || got.header.Get("X-Vitrine-Source") != "redis" || got.header.Get("X-Vitrine-Stale") != "" || s.redis.Reads() != 0 {
				t.Errorf("status %d, header %v, %d reads of the primary; want status 200, X-Vitrine-Source: redis, no X-Vitrine-Stale, no read", got.status, got.header, s.redis.Reads())
			}
		})
	})
	t.Run("what it has too old is read again at the master", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s, replica := replicated(t)
			replica.Put("sku:1", "item", 5, lamp)
			s.redis.Put("sku:1", "item", 6, `{"product":{"title":"New"}}`)
			s.server.Announced(entity(t, "sku:1"), map[string]uint64{"item": 6})
			if got := s.get(t, "/item/1.json"); got.header.Get("X-Vitrine-Gen") != "6" || got.header.Get("X-Vitrine-Stale") != "" {
				t.Errorf("/item/1.json: header %v; want X-Vitrine-Gen: 6, no X-Vitrine-Stale", got.header)
			}
		})
	})
	t.Run("what it does not have yet is read at the master", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s, _ := replicated(t)
			s.redis.Put("sku:1", "item", 6, lamp)
			if got := s.get(t, "/item/1.json"); got.status != 200 || got.header.Get("X-Vitrine-Stale") != "" {
				t.Errorf("/item/1.json: status %d, header %v; want status 200, no X-Vitrine-Stale", got.status, got.header)
			}
			s.redis.Set(func(m *kvtest.Memory) { m.Err = errDown })
			if got := s.get(t, "/item/2.json"); got.status != 503 {
				t.Errorf("/item/2.json, which the master may have: status %d, want 503", got.status)
			}
		})
	})
	t.Run("that fails, or hangs, is done without", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s, replica := replicated(t)
			s.redis.Put("sku:1", "item", 6, lamp)
			s.redis.Put("sku:2", "item", 6, lamp)
			replica.Set(func(m *kvtest.Memory) { m.Err = errDown })
			if got := s.get(t, "/item/1.json"); got.status != 200 || got.header.Get("X-Vitrine-Stale") != "" {
				t.Errorf("/item/1.json: status %d, header %v; want status 200, no X-Vitrine-Stale", got.status, got.header)
			}
			hang := make(chan struct{})
			defer close(hang)
			replica.Set(func(m *kvtest.Memory) { m.Hang = hang })
			if got := s.get(t, "/item/2.json"); got.status != 200 || got.header.Get("X-Vitrine-Source") != "redis" {
				t.Errorf("/item/2.json: status %d, header %v; want status 200, X-Vitrine-Source: redis", got.status, got.header)
			}
		})
	})
}
