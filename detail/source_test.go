package detail_test

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"vitrine/detail"
	"vitrine/detail/blobcache"
	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/internal/kv/boltkv"
	"vitrine/internal/kv/kvtest"
	"vitrine/internal/kv/rediskv"
	"vitrine/internal/load"
	"vitrine/internal/long"
	"vitrine/internal/poll"
	"vitrine/internal/redistest"
	"vitrine/internal/upstream"
	"vitrine/switches"
)

// factory serves as the upstreams of a shop. It knows the products 1 to 99.
type factory struct {
	calls atomic.Int64 // of the dimension product
	fail  atomic.Bool
	hang  chan struct{} // if not nil, answers wait until it is closed
}

func (o *factory) Fetch(ctx context.Context, d *catalog.Dimension, asks []upstream.Ask) []upstream.Answer {
	if d.Name == "product" {
		o.calls.Add(1)
	}
	if o.hang != nil {
		select {
		case <-o.hang:
		case <-ctx.Done():
		}
	}
	answers := make([]upstream.Answer, len(asks))
	for i, ask := range asks {
		answers[i] = upstream.Answer{Status: upstream.OK, At: time.Now(), Body: fmt.Appendf(nil, `{"title":"Lamp %s","of":%q}`, ask.ID, d.Name)}
		switch {
		case o.fail.Load() || ctx.Err() != nil:
			answers[i] = upstream.Answer{Err: fmt.Errorf("%w: 500", item.ErrUnavailable)}
		case len(ask.ID) > 2:
			answers[i] = upstream.Answer{Status: upstream.Gone, At: time.Now()}
		}
	}
	return answers
}

// told records what was announced.
type told struct {
	mu  sync.Mutex // guards all
	all []item.Entity
}

func (a *told) Announce(_ context.Context, e item.Entity) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.all = append(a.all, e)
	return nil
}

func (a *told) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.all)
}

func TestTheLastResort(t *testing.T) {
	sourced := func(t *testing.T, change ...func(*detail.Config)) (*shop, *factory, *told) {
		o, a := &factory{}, &told{}
		return open(t, append(change, func(c *detail.Config) { c.Fallback.Fetcher, c.Announcer = o, a })...), o, a
	}
	t.Run("a page that no tier has is made from its upstreams, marked, announced, and not stored", func(t *testing.T) {
		s, o, a := sourced(t)
		for range 20 {
			got := s.get(t, "/item/1.html")
			if got.status != 200 || got.header.Get("X-Vitrine-Source") != "upstream" || got.header.Get("X-Vitrine-Stale") != "1" || !strings.Contains(got.body, "Lamp 1") {
				t.Fatalf("/item/1.html: status %d, header %v; want status 200, X-Vitrine-Source: upstream, X-Vitrine-Stale: 1, a body with Lamp 1", got.status, got.header)
			}
		}
		if n := o.calls.Load(); n != 1 {
			t.Errorf("%d calls", n)
		}
		poll.Until(t, "it is announced", func() bool { return a.count() == 1 })
		if len(s.redis.Stored)+len(s.bolt.Stored) > 0 {
			t.Error("it was stored")
		}
		s.redis.Put("sku:1", "item", 5, lamp)
		s.server.Announced(entity(t, "sku:1"), map[string]uint64{"item": 5})
		if got := s.get(t, "/item/1.html"); got.header.Get("X-Vitrine-Source") != "redis" || got.header.Get("X-Vitrine-Gen") != "5" {
			t.Errorf("/item/1.html: header %v; want X-Vitrine-Source: redis, X-Vitrine-Gen: 5", got.header)
		}
	})
	t.Run("what its upstream does not know is not found, not announced, and not asked for again", func(t *testing.T) {
		s, o, a := sourced(t)
		for range 20 {
			if got := s.get(t, "/item/1000.html"); got.status != 404 {
				t.Errorf("/item/1000.html: status %d; want status 404", got.status)
			}
		}
		if n := o.calls.Load(); n != 1 {
			t.Errorf("asked %d times", n)
		}
		s.server.Close() // waits for announcements
		if n := a.count(); n > 0 {
			t.Errorf("%d announcements", n)
		}
	})
	t.Run("what came into being since its upstream said no is there at once", func(t *testing.T) {
		s, _, _ := sourced(t)
		s.get(t, "/item/1000.html")
		s.redis.Put("sku:1000", "item", 5, lamp)
		s.server.Announced(entity(t, "sku:1000"), map[string]uint64{"item": 5})
		if got := s.get(t, "/item/1000.html"); got.status != 200 {
			t.Errorf("/item/1000.html: status %d; want status 200", got.status)
		}
	})
	t.Run("an upstream that fails is no 404", func(t *testing.T) {
		s, o, _ := sourced(t)
		o.fail.Store(true)
		if got := s.get(t, "/item/1.html"); got.status != 503 || got.header.Get("Retry-After") == "" {
			t.Errorf("/item/1.html: status %d, header %v; want status 503, a Retry-After", got.status, got.header)
		}
	})
	t.Run("what is in a tier asks nobody", func(t *testing.T) {
		s, o, _ := sourced(t)
		s.redis.Put("sku:1", "item", 5, lamp)
		s.redis.Bury("sku:2", "item", 5, kv.Gone)
		s.get(t, "/item/1.html")
		if got := s.get(t, "/item/2.html"); got.status != 410 || o.calls.Load() != 0 {
			t.Errorf("/item/2.html: status %d, calls of the upstream %d; want status 410, no call", got.status, o.calls.Load())
		}
	})
	for _, name := range []string{switches.ReadUpstream, switches.BackToSource} {
		t.Run(name+" off: only what is copied is served", func(t *testing.T) {
			panel := switches.NewPanel(switches.Identity{Node: "n", Role: "detail"})
			defer panel.Close()
			s, o, _ := sourced(t, func(c *detail.Config) { c.Switches = panel })
			panel.Apply(switches.Setting{Name: name, Scope: switches.All, Value: "off", Revision: 1})
			if got := s.get(t, "/item/1.html"); got.status != 404 || o.calls.Load() != 0 {
				t.Errorf("/item/1.html: status %d, calls of the upstream %d; want status 404, no call", got.status, o.calls.Load())
			}
		})
	}
	t.Run("too many at once are not asked for: unknown, but for what was announced", func(t *testing.T) {
		s, o, _ := sourced(t)
		for i := range 40 {
			if i%2 == 0 {
				s.server.Announced(entity(t, fmt.Sprint("sku:", i+1)), map[string]uint64{"item": 5})
			}
		}
		o.hang = make(chan struct{})
		var wait sync.WaitGroup
		var served, refused atomic.Int64
		var codes sync.Map // by id, of requests that were refused
		for i := range 40 {
			wait.Go(func() {
				if got := s.get(t, fmt.Sprintf("/item/%d.html", i+1)); got.status == 200 {
					served.Add(1)
				} else {
					codes.Store(i, got.status)
					refused.Add(1)
				}
			})
		}
		poll.Until(t, "the others are refused", func() bool { return refused.Load() == 24 })
		close(o.hang)
		wait.Wait()
		if served.Load() != 16 || o.calls.Load() != 16 {
			t.Errorf("%d served, %d calls", served.Load(), o.calls.Load())
		}
		codes.Range(func(i, code any) bool {
			if want := 404 + 99*(1-i.(int)%2); code != want {
				t.Errorf("%d: %d, want %d", i, code, want)
			}
			return true
		})
	})
}

// TestAnnouncementsAreBounded proves that at most fifty a second are published, however many blobs are missing.
func TestAnnouncementsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &told{}
		s := openInBubble(t, func(c *detail.Config) { c.Fallback.Fetcher, c.Announcer = &factory{}, a })
		for second := range 2 {
			for i := range 90 {
				if got := s.get(t, fmt.Sprintf("/item/%d.html", i+1)); got.status != 200 {
					t.Fatalf("status %d; want status 200", got.status)
				}
			}
			synctest.Wait()
			if n := a.count(); n != min(90, 50*(second+1)) {
				t.Errorf("%d announcements after %d s", n, second)
			}
			time.Sleep(time.Second)
		}
	})
}

func TestRecordsTier(t *testing.T) {
	store, err := boltkv.Open(t.Context(), filepath.Join(t.TempDir(), "records.db"), boltkv.Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	e := entity(t, "sku:1")
	put := func(dimension, body string) uint64 {
		v := kv.Value{Header: kv.Header{Existence: kv.Alive, Fetched: time.Now()}, Body: []byte(body)}
		got, err := store.PutRecords(t.Context(), []kv.Put{{RecordKey: kv.RecordKey{Entity: e, Dimension: dimension}, Value: v}})
		if err != nil {
			t.Fatal(err)
		}
		return got[0].State.Gens[dimension]
	}
	put("product", `{"title":"Lamp"}`)
	gen := put("status", `{"state":"on"}`)
	a := &told{}
	s := open(t, func(c *detail.Config) {
		c.Announcer = a
		current := c.Catalog
		c.Blobs.Tiers = append(c.Blobs.Tiers, blobcache.FromRecords(store, current))
	})
	s.redis.Set(func(m *kvtest.Memory) { m.Err = errDown })
	got := s.get(t, "/item/1.json")
	if got.status != 200 || got.header.Get("X-Vitrine-Source") != "records" || got.header.Get("X-Vitrine-Gen") != fmt.Sprint(gen) ||
		!strings.Contains(got.body, `"status":{"state":"on"}`) {
		t.Errorf("status %d, header %v, body %s; want a page of the records with the gen %d and the status", got.status, got.header, got.body, gen)
	}
	poll.Until(t, "it is announced", func() bool { return a.count() == 1 })
	if got := s.get(t, "/item/2.json"); got.status != 503 {
		t.Error(got.status) // Redis could not be read
	}
}

var leaseRate = flag.Float64("leaserate", 600, "requests a second at one key in TestALeaseBetweenServers")

// TestALeaseBetweenServers has three servers request the same page, which no tier has.
func TestALeaseBetweenServers(t *testing.T) {
	redis := redistest.Single(t)
	o := &factory{hang: make(chan struct{})}
	var shops []*shop
	for range 3 {
		leases, err := rediskv.Open(t.Context(), rediskv.Config{URL: redis.URL, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { leases.Close() })
		shops = append(shops, open(t, func(c *detail.Config) { c.Fallback.Fetcher, c.Fallback.Leases = o, leases }))
	}
	var wait sync.WaitGroup
	began := time.Now()
	for i := range 150 {
		wait.Go(func() {
			if got := shops[i%3].get(t, "/item/1.html"); got.status != 200 || got.header.Get("X-Vitrine-Source") != "upstream" {
				t.Errorf("status %d, header %v; want status 200, X-Vitrine-Source: upstream", got.status, got.header)
			}
		})
	}
	poll.Until(t, "one asks", func() bool { return o.calls.Load() > 0 })
	close(o.hang)
	wait.Wait()
	lease := 2 * time.Second
	if n, took := o.calls.Load(), time.Since(began); n < 1 || n > 1+int64(took/lease) { // a slow machine may take longer than a lease
		t.Errorf("%d calls in %s", n, took)
	}
	// An entity that is requested without a break but never copied costs one call for each lease of two seconds.
	o.calls.Store(0)
	began = time.Now()
	for _, s := range shops {
		wait.Go(func() {
			next := func(float64) load.Request { return load.Request{Path: "/item/3.html"} }
			r, err := load.Run(t.Context(), load.Config{Addr: strings.TrimPrefix(s.url, "http://"), Next: next, Rate: *leaseRate / 3, For: long.Pick(1500*time.Millisecond, 3*time.Second), Connections: 32})
			if err != nil || r.Status[200] != r.Sent {
				t.Errorf("error %v, statuses %v, errors %v; want status 200 for each request", err, r.Status, r.Errors)
			}
			t.Logf("%.0f answers/s, p99 %.2f ms", r.Rate, r.Latency.P99)
		})
	}
	wait.Wait()
	took := time.Since(began)
	if n := o.calls.Load(); n < 1 || n > 2+int64(took/lease) {
		t.Errorf("%d calls in %s", n, took)
	}
	t.Logf("%d calls", o.calls.Load())
	redis.Stop()
	if got := shops[0].get(t, "/item/2.html"); got.status != 200 {
		t.Error("without the leases' store each asks for itself:", got.status)
	}
}
