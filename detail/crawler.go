package detail

import (
	"hash/maphash"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"vitrine/switches"
)

const (
	crawlPages = 50               // pages a second that are made for all crawlers together, at 100 percent
	paceWindow = 10 * time.Second // over which a visitor's pages are counted
	paceMost   = 100              // pages made for one visitor in a window; who wants more is a crawler
	pacePlaces = 1 << 14          // visitors that are counted at once, by hash
)

// crawlers keeps those who read everything from taking the place of those who read something. Only pages that have
// to be made count: what is in memory costs nothing.
//
// A crawler is who says so (User-Agent), or for whom more pages were made than a person reads. What is read for it
// is not kept in memory, so that its sweep drives nothing out, and no upstream is asked for its sake.
type crawlers struct {
	on       *switches.Switch // off: they get nothing
	budget   *switches.Switch // percent of crawlPages
	visitors *visitors
	limit    *rate.Limiter
	seed     maphash.Seed

	mu     sync.Mutex // guards places
	places [pacePlaces]pace
}

// pace is how many pages were made for a visitor since a time. Two of one place share it, which is the more strict.
type pace struct {
	since time.Time
	pages int
}

func newCrawlers(panel *switches.Panel, v *visitors) *crawlers {
	return &crawlers{on: panel.Switch(switches.Crawlers), budget: panel.Switch(switches.CrawlerBudget), visitors: v,
		limit: rate.NewLimiter(crawlPages, crawlPages), seed: maphash.MakeSeed()}
}

// admit notes that a page has to be made for a visitor. It tells whether that is a crawler, and errBusy where
// crawlers have had their share.
func (c *crawlers) admit(r *http.Request) (crawler bool, err error) {
	if !saysCrawler(r.UserAgent()) && !c.fast(c.visitors.of(r)) {
		return false, nil
	}
	percent := rate.Limit(c.budget.Percent())
	if want := crawlPages * percent / 100; c.limit.Limit() != want {
		c.limit.SetLimit(want)
		c.limit.SetBurst(int(want))
	}
	if !c.limit.Allow() {
		return true, errBusy
	}
	return true, nil
}

// fast counts a page for a visitor.
func (c *crawlers) fast(who netip.Addr) bool {
	if !who.IsValid() {
		return false
	}
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	p := &c.places[maphash.Comparable(c.seed, who)%pacePlaces]
	if now.Sub(p.since) > paceWindow {
		*p = pace{since: now}
	}
	p.pages++
	return p.pages > paceMost
}
