package detail_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"vitrine/detail"
	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/kv/kvtest"
	"vitrine/internal/poll"
	"vitrine/switches"
)

// narrow is an upstream of live parts with a limited number of places, as upstream.Client has them. It answers when
// the test lets it.
type narrow struct {
	places chan struct{}
	let    chan struct{}

	mu    sync.Mutex // guards asked
	asked int
}

func (n *narrow) Live(ctx context.Context, l *catalog.Live, id string, _ map[string]string) (json.RawMessage, error) {
	select {
	case n.places <- struct{}{}:
		defer func() { <-n.places }()
	case <-ctx.Done():
		return nil, item.ErrUnavailable
	}
	n.mu.Lock()
	n.asked++
	n.mu.Unlock()
	if strings.HasPrefix(id, "slow") {
		<-n.let
	}
	return json.RawMessage(`{"text":"here"}`), nil
}

func (n *narrow) count() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.asked
}

// TestLiveShares proves that one visitor with many requests leaves most of an upstream's places to others.
func TestLiveShares(t *testing.T) {
	const places = 16
	n := &narrow{places: make(chan struct{}, places), let: make(chan struct{})}
	s := open(t, func(c *detail.Config) {
		c.Live.Asker = n
		c.Catalog().Upstreams["products"].Concurrency = places
		for _, l := range c.Catalog().Pages[0].Live {
			l.Deadline = time.Minute
		}
	})
	release := sync.OnceFunc(func() { close(n.let) })
	t.Cleanup(release) // before the server is closed, which waits for calls
	var slow []string
	for i := range 100 {
		slow = append(slow, fmt.Sprint("slow", i))
		s.redis.Put("sku:"+slow[i], "item", 1, lamp)
		s.redis.Put(fmt.Sprint("sku:", i), "item", 1, lamp)
	}
	greedy := "X-Forwarded-For: 203.0.113.9"
	var wait sync.WaitGroup
	for i := range 3 {
		wait.Go(func() { s.get(t, fmt.Sprintf("/live?ids=%s&area=%d", strings.Join(slow, ","), i), greedy) })
	}
	poll.Until(t, "the greedy visitor has his places", func() bool { return n.count() == places/4 })
	for i := range 40 {
		_, shown := s.live(t, fmt.Sprintf("/live/%d", i), fmt.Sprintf("X-Forwarded-For: 203.0.113.%d", 10+i))
		if got := shown.Parts["delivery"].State; got != "fresh" {
			t.Errorf("another visitor's part is %s", got)
		}
	}
	release()
	wait.Wait()
}

// TestLivePace proves that a visitor's requests for live parts are rate-limited, and that beyond the limit the last
// known part is shown.
func TestLivePace(t *testing.T) {
	o := &liveUpstream{}
	s := open(t, func(c *detail.Config) { c.Live.Asker = o })
	ids := numbers(100)
	for _, id := range ids {
		s.redis.Put("sku:"+id, "item", 1, lamp)
	}
	hidden := func(who string, requests int) (n int) {
		for i := range requests {
			_, shown := s.live(t, fmt.Sprintf("/live?ids=%s&area=%d-%d", strings.Join(ids, ","), len(who), i), "X-Forwarded-For: "+who)
			for _, one := range shown.Items {
				if one.Parts["delivery"].State != "fresh" {
					n++
				}
			}
		}
		return n
	}
	if n := hidden("203.0.113.9", 10); n < 100 {
		t.Errorf("%d of 1000 hidden to who asks without an end", n)
	}
	if n := hidden("203.0.113.200", 1); n > 0 {
		t.Errorf("%d hidden to another", n)
	}
}

// TestHeadsAreBounded proves that the head of a response fits into a proxy's buffer of 4 KiB, whatever the page
// refers to.
func TestHeadsAreBounded(t *testing.T) {
	for _, c := range []struct {
		tags                detail.Tags
		cacheTag, surrogate bool
	}{{"", true, true}, {detail.CacheTag, true, false}, {detail.Surrogate, false, true}, {detail.TagsNone, false, false}} {
		t.Run(string(c.tags), func(t *testing.T) {
			s := open(t, func(d *detail.Config) { d.Tags = c.tags })
			s.catalog.Pages[0].With[1].Ref.Max = 64
			var ids []string
			for i := range 64 {
				ids = append(ids, fmt.Sprintf("%s%02d", strings.Repeat("a.", 31), i)) // longer when escaped
				s.redis.Put("sku:"+ids[i], "item", 1, lamp)
			}
			s.redis.Put("sku:1", "item", 1, lamp, "siblings="+strings.Join(ids, ","))
			got := s.get(t, "/item/1.html")
			var head strings.Builder
			if err := got.header.Write(&head); err != nil || head.Len() > 4000 {
				t.Errorf("%d bytes, %v", head.Len(), err)
			}
			for name, want := range map[string]bool{"Cache-Tag": c.cacheTag, "Surrogate-Key": c.surrogate} {
				value := got.header.Get(name)
				if (value != "") != want || want && (!strings.HasPrefix(value, "sku:1") || !strings.HasSuffix(value, "more")) {
					t.Errorf("the header %s is %q", name, value)
				}
			}
		})
	}
	s := open(t)
	s.redis.Put("sku:1", "item", 1, lamp)
	if got := s.get(t, "/item/1.html").header.Get("Cache-Tag"); got != "sku:1" {
		t.Errorf("of a small page: %q", got)
	}
	if _, err := detail.New(detail.Config{Catalog: func() *catalog.Catalog { return nil }, Tags: "all"}); err == nil {
		t.Error("unknown tags were taken")
	}
}

// TestIndexIsGated proves that the list of all pages is made once for many visitors, counts as a page to be made, and
// is charged to a crawler's budget.
func TestIndexIsGated(t *testing.T) {
	synctest.Test(t, indexIsGated)
}

func indexIsGated(t *testing.T) {
	var store *kvtest.Memory
	panel := switches.NewPanel(switches.Identity{Node: "n", Role: "detail"})
	t.Cleanup(panel.Close)
	s := openInBubble(t, func(c *detail.Config) {
		store = c.Blobs.Tiers[0].Blobs.(*kvtest.Memory)
		c.Index, c.Lister, c.Switches = true, store, panel
	})
	for i := range 50 {
		store.Put(fmt.Sprint("sku:", i), "item", 1, lamp)
	}
	var wait sync.WaitGroup
	for range 20 {
		wait.Go(func() {
			if got := s.get(t, "/"); got.status != 200 || strings.Count(got.body, `href="/item/`) < 50 {
				t.Errorf("the index: status %d, %d bytes; want status 200 with 50 links", got.status, len(got.body))
			}
		})
	}
	wait.Wait()
	if n := store.Scanned(); n != 1 {
		t.Errorf("listed %d times", n)
	}
	panel.Apply(switches.Setting{Name: switches.CrawlerBudget, Scope: switches.All, Value: "0", Revision: 1})
	if got := s.get(t, "/?page=2", "User-Agent: Somebot/1"); got.status != http.StatusTooManyRequests {
		t.Error("a crawler without a budget:", got.status)
	}
	if got := s.get(t, "/?page=x"); got.status != 400 {
		t.Errorf("/?page=x: status %d; want status 400", got.status)
	}
}
