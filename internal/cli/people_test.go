package cli_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"vitrine/internal/load"
	"vitrine/internal/long"
	"vitrine/internal/redistest"
)

// peopleCatalog is shopCatalog with nothing cached in nginx, so that each response comes from a detail server, and
// with a live part. The second %s is the address of the live part's upstream.
var peopleCatalog = strings.NewReplacer(
	"cache: { max_age: 0s, shared: 60s, swr: 10m, sie: 24h }", "cache: { max_age: 0s, shared: 0s }",
	"entities:", `  couriers: { url: "%s", concurrency: 16 }
entities:`,
	"  offer: { blob: offer }\n", "  offer: { blob: offer }\n  delivery: { from: couriers, get: \"/delivery/{id}?area={area}\", vary: { area: '[0-9-]{1,32}' }, deadline: 150ms, fresh: 2s, keep: 10m, fallback: hide }\n",
	"live: [offer]", "live: [offer, delivery]",
).Replace(shopCatalog)

// crowd is a group of visitors in front of an nginx.
type crowd struct {
	t      *testing.T
	nginx  *nginx
	pages  []string // paths
	live   []string
	rate   float64
	period time.Duration
}

// person returns a header field that gives a connection a visitor's address of its own.
func person(n int) string { return fmt.Sprintf("X-Forwarded-For: 203.0.113.%d\r\n", n) }

// people requests paths in an open loop, and fails the test for any error or refusal.
func (c *crowd) people(what string, paths []string) {
	next, err := load.New("zipf", paths, 1.05, 1)
	if err != nil {
		c.t.Error(err)
		return
	}
	got, err := load.Run(c.t.Context(), load.Config{Addr: strings.TrimPrefix(c.nginx.URL, "http://"), Next: next, Rate: c.rate, For: c.period, Connections: long.Pick(2, 64), Encoding: "gzip", Fields: person})
	if err != nil || got.Failed > 0 || got.Status[200] != got.Sent || got.Sent == 0 {
		c.t.Errorf("%s: of %d requests %v, no answer to %d: %v %v", what, got.Sent, got.Status, got.Failed, got.Errors, err)
	}
	c.t.Logf("%-28s %5d answers, p50 %.2f p99 %.2f ms, from %v", what, got.Sent, got.Latency.P50, got.Latency.P99, got.Source)
}

// beside runs others while people request paths, and stops them afterwards.
func (c *crowd) beside(what string, paths []string, others ...func(ctx context.Context)) {
	c.t.Helper()
	ctx, stop := context.WithCancel(c.t.Context())
	var wait sync.WaitGroup
	for _, other := range others {
		wait.Go(func() { other(ctx) })
	}
	c.people(what, paths)
	stop()
	wait.Wait()
}

// one returns the address of visitor n for every request. many returns another address for each request.
func one(n int) func(int64) string {
	return func(int64) string { return fmt.Sprintf("198.51.100.%d", n) }
}

func many(i int64) string { return fmt.Sprintf("100.%d.%d.%d", 128+i>>16%128, i>>8%256, i%256) }

// asking sends requests without a break over the given number of connections, and counts the responses by status.
func (c *crowd) asking(visitors int, agent string, address func(i int64) string, path func(i int64) string) (func(ctx context.Context), *sync.Map) {
	var statuses sync.Map // int → *atomic.Int64
	return func(ctx context.Context) {
		client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: visitors, MaxConnsPerHost: visitors}}
		defer client.CloseIdleConnections()
		var n atomic.Int64
		var wait sync.WaitGroup
		for range visitors {
			wait.Go(func() {
				for ctx.Err() == nil {
					i := n.Add(1)
					r, err := http.NewRequestWithContext(ctx, http.MethodGet, c.nginx.URL+path(i), nil)
					if err != nil {
						c.t.Error(err)
						return
					}
					r.Header.Set("User-Agent", agent)
					r.Header.Set("X-Forwarded-For", address(i))
					res, err := client.Do(r)
					if err != nil {
						continue
					}
					res.Body.Close()
					count, _ := statuses.LoadOrStore(res.StatusCode, new(atomic.Int64))
					count.(*atomic.Int64).Add(1)
				}
			})
		}
		wait.Wait()
	}, &statuses
}

func countOf(statuses *sync.Map, code int) int64 {
	n, ok := statuses.Load(code)
	if !ok {
		return 0
	}
	return n.(*atomic.Int64).Load()
}

// slowly has visitors request pages and read nothing.
func (c *crowd) slowly(visitors int) func(ctx context.Context) {
	return func(ctx context.Context) {
		for i := range visitors {
			conn, err := net.Dial("tcp", strings.TrimPrefix(c.nginx.URL, "http://"))
			if err != nil {
				c.t.Error(err)
				return
			}
			defer conn.Close()
			for range 20 {
				fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: shop\r\nX-Forwarded-For: 203.0.113.%d\r\n\r\n", c.pages[i%len(c.pages)], 100+i%100)
			}
		}
		<-ctx.Done()
	}
}

// TestPeopleThroughNginx proves, with the shipped nginx and two detail servers, that neither another visitor's
// behaviour nor any switch makes a response to people an error.
func TestPeopleThroughNginx(t *testing.T) {
	r := redistest.Single(t)
	s := newShop(t)
	fill(s, long.Pick(40, 100))
	var hang atomic.Bool
	couriers := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if hang.Load() {
			<-r.Context().Done()
			return
		}
		fmt.Fprint(w, `{"text":"tomorrow"}`)
	}))
	t.Cleanup(couriers.Close)
	dir := t.TempDir()
	v := up(t, filepath.Join(dir, "up"), "--redis", r.URL, "--catalog", catalogFor(t, peopleCatalog, s.URL, couriers.URL))
	v.refreshAll()
	v.converged(s)
	a := detailServer(t, v.NATS, r.URL, filepath.Join(dir, "a"))
	b := detailServer(t, v.NATS, r.URL, filepath.Join(dir, "b"))
	a.converged(s)
	b.converged(s)
	a.mirrored()
	b.mirrored()
	c := &crowd{t: t, nginx: startNginx(t, a.Pages, b.Pages), rate: long.Pick(30., 500.), period: long.Pick(time.Second, 20*time.Second)}
	var all []string
	for _, id := range s.IDs() {
		c.pages = append(c.pages, "/item/"+url.PathEscape(id)+".html")
		c.live = append(c.live, "/live/"+url.PathEscape(id)+"?area=1-72")
		all = append(all, c.pages[len(c.pages)-1], c.live[len(c.live)-1])
	}
	c.people("nobody else", all)

	v.flip(0, "crawlers", "off")
	robots, got := c.asking(4, "Somebot/1.0", one(1), func(i int64) string { return c.pages[i%int64(len(c.pages))] })
	c.beside("crawlers off", all, robots)
	if countOf(got, 503) == 0 || countOf(got, 502) > 0 {
		t.Errorf("crawlers that are switched off got %d times 503 and %d times 502", countOf(got, 503), countOf(got, 502))
	}
	v.flip(0, "crawlers", "on")

	v.flip(0, "route.live", "off")
	pages, got := c.asking(4, "Mozilla/5.0", one(2), func(i int64) string { return c.live[i%int64(len(c.live))] })
	c.beside("live off", c.pages, pages) // pages that are open still request their live parts
	if countOf(got, 503) == 0 || countOf(got, 502) > 0 {
		t.Errorf("live parts that are switched off: %d times 503 and %d times 502", countOf(got, 503), countOf(got, 502))
	}
	v.flip(0, "route.live", "on")

	if long.Full() { // unknown ids are to be compared with this
		known, _ := c.asking(64, "Mozilla/5.0", many, func(i int64) string { return c.pages[i%int64(len(c.pages))] })
		c.beside("known pages", all, known)
	}

	unknown, got := c.asking(long.Pick(8, 64), "Mozilla/5.0", many, func(i int64) string { return fmt.Sprintf("/item/no-such-%d.html", i) })
	c.beside("unknown ids", all, unknown)
	// While the store is busy, an id is answered as unavailable rather than unknown.
	if countOf(got, 404) == 0 || countOf(got, 502)+countOf(got, 504) > 0 || countOf(got, 503) > countOf(got, 404)/10 {
		t.Errorf("unknown ids: 404 %d times, 503 %d, 502 %d", countOf(got, 404), countOf(got, 503), countOf(got, 502))
	}

	hang.Store(true)
	s.Slow(time.Minute)
	asked, _ := c.asking(8, "Mozilla/5.0", one(4), func(i int64) string { return fmt.Sprintf("/item/other-%d.html", i) })
	c.beside("hanging upstreams", all, asked)
	s.Slow(0)
	hang.Store(false)

	greedy, got := c.asking(16, "Mozilla/5.0", one(5), func(i int64) string {
		var ids []string
		for _, id := range s.IDs() {
			ids = append(ids, url.QueryEscape(id))
		}
		return fmt.Sprintf("/live?ids=%s&area=%d", strings.Join(ids, ","), i)
	})
	c.beside("100 live parts at a time", all, greedy)
	if countOf(got, 200) == 0 || long.Full() && countOf(got, 429) == 0 { // a machine too slow to reach the limit is not limited
		t.Errorf("who asks for 100 at a time: 200 %d times, 429 %d", countOf(got, 200), countOf(got, 429))
	}

	c.beside("slow readers", all, c.slowly(long.Pick(50, 200)))

	c.beside("a restart", all, func(context.Context) {
		if code := a.stop(); code != 0 {
			t.Errorf("a server ended with code %d", code)
		}
		next := detailServer(t, v.NATS, r.URL, filepath.Join(dir, "a"), "--http", strings.TrimPrefix(a.Pages, "http://"))
		if next.Pages != a.Pages {
			t.Errorf("it has %s, not %s", next.Pages, a.Pages)
		}
	})
}
