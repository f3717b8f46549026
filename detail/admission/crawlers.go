package admission

import (
	"hash/maphash"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"vitrine/switches"
)

const (
	crawlerPages = 50               // a second, made for all crawlers together while crawler.budget is at 100 percent
	paceWindow   = 10 * time.Second // in which a visitor's pages are counted
	pacePages    = 100              // made for one visitor within a window; who wants more is a crawler
	paceSlots    = 1 << 14          // counters of visitors, by hash
)

// crawlers bounds the pages that are made for crawlers, so that a sweep through the shop does not take the place of people.
// Pages in memory cost nothing and are not counted.
//
// A crawler is whoever says so by its User-Agent, and any visitor for whom more pages are made than a person reads.
type crawlers struct {
	on     *switches.Switch // off: they get nothing
	budget *switches.Switch // percent of crawlerPages
	limit  *rate.Limiter
	seed   maphash.Seed

	mu    sync.Mutex // guards paces
	paces [paceSlots]pace
}

// pace counts the pages that were made for a visitor since a time. Visitors whose hashes collide share one, which makes it
// stricter.
type pace struct {
	since time.Time
	pages int
}

func newCrawlers(panel *switches.Panel) *crawlers {
	return &crawlers{
		on:     panel.Must(switches.Crawlers),
		budget: panel.Must(switches.CrawlerBudget),
		limit:  rate.NewLimiter(crawlerPages, crawlerPages),
		seed:   maphash.MakeSeed(),
	}
}

// allow reports whether one more page may be made for a crawler, and counts it.
func (c *crawlers) allow() bool {
	want := crawlerPages * rate.Limit(c.budget.Percent()) / 100
	if c.limit.Limit() != want {
		c.limit.SetLimit(want)
		c.limit.SetBurst(int(want))
	}
	return c.limit.Allow()
}

// tooFast counts a page for a visitor, and reports whether a person would not read as many. A visitor who can't be told
// apart is not counted.
func (c *crawlers) tooFast(visitor netip.Addr) bool {
	if !visitor.IsValid() {
		return false
	}
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	p := &c.paces[maphash.Comparable(c.seed, visitor)%paceSlots]
	if now.Sub(p.since) > paceWindow {
		*p = pace{since: now}
	}
	p.pages++
	return p.pages > pacePages
}
