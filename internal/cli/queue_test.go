package cli_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"vitrine/internal/bus"
	"vitrine/internal/item"
	"vitrine/internal/long"
)

const queueCatalog = `
version: 1
upstreams:
  well: { url: %q, timeout: 5s }
  sick: { url: %q, timeout: %s, concurrency: 4 }
entities:
  sku:
    dimensions:
      product: { from: well, get: "/{id}" }
      stock: { from: sick, get: "/{id}" }
    blobs: { item: { of: [product] }, offer: { of: [stock] } }
pages: { item: { path: "/item/{sku}.html", blob: item, overlay: [offer], template: item.html } }
`

// sickShop gives everybody the same answer until it hangs or refuses.
type sickShop struct {
	hangs   atomic.Bool
	refuses atomic.Bool
	calls   atomic.Int64
}

func (s *sickShop) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.calls.Add(1)
	switch {
	case s.hangs.Load():
		<-r.Context().Done()
	case s.refuses.Load():
		w.Write([]byte("no JSON"))
	default:
		w.Write([]byte(`{"title":"T` + strings.TrimPrefix(r.URL.Path, "/") + `"}`))
	}
}

// queueShop starts a system with an upstream that has the given time-out.
func queueShop(t *testing.T, timeout time.Duration) (v *running, conn *bus.Conn, sick *sickShop) {
	sick = &sickShop{}
	servers := []*httptest.Server{httptest.NewServer(&sickShop{}), httptest.NewServer(sick)}
	for _, s := range servers {
		t.Cleanup(s.Close)
	}
	v = up(t, t.TempDir(), "--catalog", catalogFor(t, queueCatalog, servers[0].URL, servers[1].URL, timeout))
	return v, v.dial(), sick
}

// queued holds the numbers of waiting changes and of dead letters.
type queued struct {
	Streams map[string]map[item.Lane]bus.Lane
	Failed  uint64
}

// stats reads what queue stats shows.
func (r *running) stats() (q queued) {
	r.t.Helper()
	conn := r.look()
	eventually(r.t, func() string {
		var err error
		q.Streams, q.Failed, err = conn.Pending(r.t.Context())
		if err != nil {
			return err.Error()
		}
		return ""
	})
	return q
}

// look returns a connection for looking into the queues, which is made once.
func (r *running) look() *bus.Conn {
	r.t.Helper()
	if r.queues == nil {
		r.queues = r.dial()
	}
	return r.queues
}

func TestAHangingUpstreamIsParked(t *testing.T) {
	t.Parallel()
	v, conn, sick := queueShop(t, 200*time.Millisecond)
	sick.hangs.Store(true)
	var changes []item.Change
	for i := range long.Pick(500, 2000) {
		changes = append(changes, item.Change{Lane: item.Normal, Entity: item.Entity{Kind: "sku", ID: id(i)}, Dimension: "stock"})
	}
	publish(t, conn, changes...)
	for i := range long.Pick(50, 200) {
		announce(t, conn, "product", id(i))
	}
	for i := range long.Pick(50, 200) {
		v.waitFor(id(i), `"title":"T`+id(i)+`"`)
	}
	eventually(t, func() string {
		if s := v.stats(); s.Streams[bus.Changes][item.Normal].Waiting > 0 || s.Streams[bus.Parked][item.Normal].Waiting < long.Pick[uint64](250, 1000) {
			return "not parked: " + text(s.Streams)
		}
		return ""
	})
	sick.hangs.Store(false)
	eventually(t, func() string {
		if left, err := conn.Left(t.Context()); err != nil || left > 0 {
			return "there are some left"
		}
		return ""
	})
	v.waitFor(id(0), `"stock":{"title":"T`+id(0)+`"}`)
	v.waitFor(id(40), `"stock":{"title":"T`+id(40)+`"}`)
	if s := v.stats(); s.Failed > 0 {
		t.Errorf("%d of them failed", s.Failed)
	}
}

func id(i int) string {
	return "s" + string(rune('a'+i%26)) + "-" + strings.Repeat("i", i/26%30) + string(rune('0'+i/780))
}

func TestQueueCommands(t *testing.T) {
	t.Parallel()
	v, conn, sick := queueShop(t, time.Minute) // so that a slow request is not repeated
	v.flip(0, "back.to.source", "off")         // else a reader announces what is missing
	v.flip(0, "sweep.pace", "0")
	announce(t, conn, "product", "good")
	// Otherwise a sweep would announce it later, while the upstream refuses it.
	announce(t, conn, "stock", "good")
	v.waitFor("good", `"title":"Tgood"`)
	v.waitFor("good", `"stock":{"title":"Tgood"}`)
	run := func(want int, args ...string) string {
		t.Helper()
		code, out, stderr := vitrine(t, append([]string{"queue"}, append(args, "--nats", v.NATS)...)...)
		if code != want {
			t.Fatalf("%v: code %d: %s%s", args, code, out, stderr)
		}
		return out // stderr may hold more on a slow machine
	}
	idle := func(ids ...string) { // second looks ask the upstreams too
		t.Helper()
		for _, id := range ids {
			eventually(t, func() string {
				if out := run(0, "show", "sku:"+id); !strings.Contains(out, "nothing is queued") {
					return out
				}
				return ""
			})
		}
	}
	idle("good")
	sick.refuses.Store(true)
	announce(t, conn, "stock", "bad")
	eventually(t, func() string {
		if v.stats().Failed == 0 {
			return "nothing failed"
		}
		return ""
	})
	t.Run("stats counts", func(t *testing.T) {
		var q queued
		if out := run(0, "stats", "--json"); json.Unmarshal([]byte(out), &q) != nil || q.Failed != 1 || q.Streams[bus.Changes] == nil {
			t.Error(out)
		}
	})
	t.Run("failed tells why", func(t *testing.T) {
		var l struct{ Subject, Stage, Reason string }
		if out := run(0, "failed", "--json"); json.Unmarshal([]byte(out), &l) != nil ||
			l.Subject != "change.normal.sku.stock.bad" || l.Stage != "heterog" || !strings.Contains(l.Reason, "no JSON") {
			t.Error(out)
		}
		if out := run(0, "failed", "--dimension", "product"); out != "" {
			t.Error(out)
		}
		if out := run(0, "failed", "--reason", "no such"); out != "" {
			t.Error(out)
		}
		if out := run(0, "failed", "--id", "bad", "--kind", "sku"); !strings.Contains(out, "change.normal.sku.stock.bad") {
			t.Error(out)
		}
	})
	t.Run("show finds it", func(t *testing.T) {
		if out := run(0, "show", "sku:bad"); !strings.Contains(out, "failed.heterog.sku.stock.bad") {
			t.Error(out)
		}
		if out := run(0, "show", "sku:good"); !strings.Contains(out, "nothing is queued") {
			t.Error(out)
		}
		run(2, "show", "nothing")
	})
	t.Run("explain names it", func(t *testing.T) {
		code, out, stderr := vitrine(t, "explain", "sku:bad", "--admin", v.Admin)
		if code != 0 || !strings.Contains(out, "stock: a dead letter after 3 attempts") || !strings.Contains(out, "answered 200: no JSON") {
			t.Error(code, out, stderr)
		}
	})
	t.Run("retry and drop want to know which", func(t *testing.T) {
		run(2, "retry")
		run(2, "drop")
		run(2, "failed", "--kind", "No Kind")
		if out := run(0, "drop", "--all", "--dry-run"); !strings.Contains(out, "1 dead letters") || v.stats().Failed != 1 {
			t.Error(out)
		}
	})
	t.Run("retry brings it onto the page", func(t *testing.T) {
		announce(t, conn, "product", "bad")
		sick.refuses.Store(false)
		if out := run(0, "retry", "--kind", "sku", "--json"); !strings.Contains(out, `"done":1`) {
			t.Error(out)
		}
		v.waitFor("bad", `"stock":{"title":"Tbad"}`)
		if v.stats().Failed != 0 {
			t.Error("the letter is still there")
		}
	})
	t.Run("drop drops", func(t *testing.T) {
		announce(t, conn, "nosuch", "x")
		eventually(t, func() string {
			if v.stats().Failed == 0 {
				return "no dead letter"
			}
			return ""
		})
		for _, by := range [][]string{{"--dimension", "nosuch"}, {"--kind", "sku"}, {"--id", "x"}} {
			if out := run(0, append([]string{"failed"}, by...)...); !strings.Contains(out, "change.normal.sku.nosuch.x") {
				t.Errorf("failed %v does not find what the catalog lacks: %s", by, out)
			}
		}
		if out := run(0, "failed", "--kind", "brand"); out != "" {
			t.Error(out)
		}
		run(0, "drop", "--reason", "catalog")
		if v.stats().Failed != 0 {
			t.Error("the letter is still there")
		}
	})
	t.Run("replay publishes the past once", func(t *testing.T) {
		before := sick.calls.Load()
		for range 3 {
			announce(t, conn, "product", "good")
			announce(t, conn, "stock", "good")
		}
		eventually(t, func() string {
			if sick.calls.Load() == before {
				return "not asked"
			}
			return ""
		})
		out := run(0, "replay", "--since", "1h", "--kind", "sku", "--dimension", "stock", "--dry-run", "--json")
		var r struct{ Seen, Published int }
		if json.Unmarshal([]byte(out), &r) != nil || r.Published != 2 || r.Seen < 7 {
			t.Error(out)
		}
		idle("good", "bad")
		before = sick.calls.Load()
		out = run(0, "replay", "--since", "1h", "--dimension", "stock", "--json")
		if json.Unmarshal([]byte(out), &r) != nil || r.Published != 2 {
			t.Error(out)
		}
		eventually(t, func() string {
			if got := sick.calls.Load() - before; got < 2 {
				return fmt.Sprintf("%d calls for two entities", got)
			}
			return ""
		})
		run(2, "replay")
		run(2, "replay", "--since", "yesterday")
	})
}
