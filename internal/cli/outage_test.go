package cli_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"vitrine/internal/bus"
	"vitrine/internal/freeaddr"
	"vitrine/internal/item"
	"vitrine/internal/long"
	"vitrine/internal/redistest"
)

const outageCatalog = `
version: 1
upstreams:
  hangs: { url: %q, timeout: 1s }
  fails: { url: %q, timeout: 1s }
  resets: { url: %q, timeout: 1s }
  refuses: { url: %q, timeout: 1s }
entities:
  sku:
    dimensions:
      hangs: { from: hangs, get: "/{id}" }
      fails: { from: fails, get: "/{id}" }
      resets: { from: resets, get: "/{id}" }
      refuses: { from: refuses, get: "/{id}" }
    blobs: { item: { of: [hangs, fails, resets, refuses] } }
pages: { item: { path: "/item/{sku}.html", blob: item, template: item.html } }
`

// counters is an upstream with a number for each id, which can be taken down in one way.
type counters struct {
	URL  string
	down func()
	back func()

	hurt atomic.Pointer[http.HandlerFunc]

	mu     sync.Mutex // guards counts
	counts map[string]int
}

func (c *counters) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if hurt := c.hurt.Load(); hurt != nil {
		(*hurt)(w, r)
		return
	}
	fmt.Fprintf(w, `{"title":"T","n":%d}`, c.count(strings.TrimPrefix(r.URL.Path, "/")))
}

func (c *counters) count(id string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.counts[id]
}

func (c *counters) raise(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.counts[id]++
}

// hurtBy makes an upstream that, when it is down, answers by hurt.
func hurtBy(t *testing.T, hurt http.HandlerFunc) *counters {
	c := &counters{counts: map[string]int{}}
	server := httptest.NewServer(c)
	t.Cleanup(server.Close)
	c.URL = server.URL
	c.down = func() { c.hurt.Store(&hurt) }
	c.back = func() { c.hurt.Store(nil) }
	return c
}

// refusing makes an upstream that, when it is down, does not listen.
func refusing(t *testing.T) *counters {
	c := &counters{counts: map[string]int{}}
	address := freeaddr.Of(t)
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	c.URL = "http://" + address
	server := &http.Server{Handler: c}
	go server.Serve(l)
	c.down = func() { server.Close() }
	c.back = func() {
		eventually(t, func() string {
			l, err := net.Listen("tcp", address)
			if err != nil {
				return err.Error()
			}
			server = &http.Server{Handler: c}
			go server.Serve(l)
			return ""
		})
	}
	t.Cleanup(func() { server.Close() })
	return c
}

// upstreamsThatGoDown returns an upstream for each of the four ways of being down.
func upstreamsThatGoDown(t *testing.T) map[string]*counters {
	return map[string]*counters{
		"hangs": hurtBy(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }),
		"fails": hurtBy(t, func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "maintenance", http.StatusServiceUnavailable)
		}),
		"refuses": refusing(t),
		"resets": hurtBy(t, func(w http.ResponseWriter, _ *http.Request) {
			if conn, _, err := w.(http.Hijacker).Hijack(); err == nil {
				conn.(*net.TCPConn).SetLinger(0)
				conn.Close()
			}
		}),
	}
}

// TestAnOutageOfAnyLength takes upstreams down in four ways while changes trickle in. Within a minute after they come
// back every page must be right, with no dead letter and no action by an operator. The full form takes 15 minutes.
func TestAnOutageOfAnyLength(t *testing.T) {
	t.Parallel()
	stores := map[string]func(*testing.T) []string{
		"embedded":   func(*testing.T) []string { return nil },
		"over Redis": func(t *testing.T) []string { return []string{"--redis", redistest.Single(t).URL} },
	}
	for _, name := range long.Pick([]string{"embedded"}, slices.Sorted(maps.Keys(stores))) {
		store := stores[name]
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			upstreams := upstreamsThatGoDown(t)
			file := catalogFor(t, outageCatalog, upstreams["hangs"].URL, upstreams["fails"].URL, upstreams["resets"].URL, upstreams["refuses"].URL)
			v := up(t, t.TempDir(), append(store(t), "--catalog", file)...)
			outage(t, v, upstreams, long.Pick(4*time.Second, 15*time.Minute), long.Pick(250*time.Millisecond, 3*time.Second))
		})
	}
}

const outageIDs = 40

func outage(t *testing.T, v *running, upstreams map[string]*counters, lasts, every time.Duration) {
	conn := v.dial()
	for i := range outageIDs {
		announce(t, conn, "all", fmt.Sprint(i))
	}
	eventually(t, func() string { return v.countersDiffer(upstreams) })
	for _, o := range upstreams {
		o.down()
	}
	trickle(t, conn, upstreams, lasts, every)
	for _, o := range upstreams {
		o.back()
	}
	began := time.Now()
	eventually(t, func() string { return v.countersDiffer(upstreams) })
	took := time.Since(began)
	t.Logf("right %.1f s after the return from an outage of %s", took.Seconds(), lasts)
	if long.Full() && took > time.Minute {
		t.Errorf("it took %s", took)
	}
	if s := v.stats(); s.Failed > 0 {
		t.Errorf("%d failed", s.Failed)
	}
}

// trickle edits and announces one entity of each upstream at a time.
func trickle(t *testing.T, conn *bus.Conn, upstreams map[string]*counters, lasts, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	end := time.After(lasts)
	for i := 0; ; i++ {
		select {
		case <-end:
			return
		case <-tick.C:
		}
		id, lane := fmt.Sprint(i%outageIDs), item.Lanes()[i%2]
		var changes []item.Change
		for name, o := range upstreams {
			o.raise(id)
			changes = append(changes, item.Change{Lane: lane, Entity: item.Entity{Kind: "sku", ID: id}, Dimension: name})
		}
		publish(t, conn, changes...)
	}
}

// countersDiffer says how a page differs from its upstream's number, or "" if none does.
func (r *running) countersDiffer(upstreams map[string]*counters) string {
	r.t.Helper()
	for i := range outageIDs {
		id := fmt.Sprint(i)
		_, _, body := fetch(r.t, r.Pages+"/item/"+id+".json")
		var page map[string]json.RawMessage
		if err := json.Unmarshal(body, &page); err != nil {
			return fmt.Sprintf("page of %s: %v", id, err)
		}
		for name, o := range upstreams {
			if want := fmt.Sprintf(`{"title":"T","n":%d}`, o.count(id)); string(page[name]) != want {
				return fmt.Sprintf("%s of %s is %s, want %s", name, id, page[name], want)
			}
		}
	}
	return ""
}
