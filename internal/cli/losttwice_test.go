package cli_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"vitrine/internal/item"
	"vitrine/internal/long"
	"vitrine/internal/redistest"
)

// TestLostTwice has a store lose its last writes, and lose them twice more during the repair. A server that starts
// with a file from before all losses must end up right as well.
func TestLostTwice(t *testing.T) {
	t.Parallel()
	r := redistest.Single(t)
	s := newShop(t)
	n := long.Pick(100, 3000)
	fill(s, n)
	dir, file := t.TempDir(), catalogFor(t, shopCatalog, s.URL)
	v := up(t, filepath.Join(dir, "up"), "--redis", r.URL, "--catalog", file)
	v.refreshAll()
	s.holds(t, openRedis(t, r.URL), file)
	d := detailServer(t, v.NATS, r.URL, filepath.Join(dir, "detail"))
	d.waitMirrored()
	d.stop()
	restore := r.Snapshot()

	conn := v.dial()
	for i, id := range s.IDs() {
		if s.Put(id, func(p *product) { p.Title, p.Brand = "Edited", fmt.Sprint(10+i%3) }); i%5 == 0 {
			s.Delete(id)
		}
		announce(t, conn, "all", id)
	}
	s.holds(t, openRedis(t, r.URL), file)
	s.Slow(20 * time.Millisecond) // so that the repair takes a while
	for range 3 {
		calls := s.Calls.Load()
		restore()
		eventually(t, func() string {
			if s.Calls.Load() < calls+20 {
				return "nobody mends it"
			}
			return ""
		})
	}
	s.Slow(0)
	s.holds(t, openRedis(t, r.URL), file)
	v.related(s)
	v.fresh(s)
	detailServer(t, v.NATS, r.URL, filepath.Join(dir, "detail")).fresh(s)
}

// TestAWalkThatIsKilled loses NATS's files together with waiting edits and deletions that nobody will announce again.
// The process that walks the lists is killed again and again, and the upstream lists invalid ids and fails now and
// then. Everything must converge.
func TestAWalkThatIsKilled(t *testing.T) {
	t.Parallel()
	binary := built(t)
	s := newShop(t)
	fill(s, long.Pick(150, 5000))
	server := httptest.NewServer(&hostileLists{sound: s})
	t.Cleanup(server.Close)
	dir, file := t.TempDir(), catalogFor(t, shopCatalog, server.URL)
	p := start(t, binary, home{dir, 1}, file)
	conn := p.dial()
	for _, id := range s.IDs() {
		announce(t, conn, "all", id)
	}
	p.converged(s)
	p.kill()
	if err := os.RemoveAll(filepath.Join(dir, "nats")); err != nil {
		t.Fatal(err)
	}
	for i, id := range s.IDs() {
		if s.Put(id, func(p *product) { p.Title = "Edited, and the announcement was lost" }); i%3 == 0 {
			s.Delete(id)
		}
	}
	s.Slow(5 * time.Millisecond)
	random := rand.New(rand.NewPCG(5, 6))
	for range long.Pick(3, 10) {
		calls := s.Calls.Load() + random.Int64N(60)
		p = start(t, binary, home{dir, 1}, file)
		eventually(t, func() string {
			if s.Calls.Load() <= calls {
				return "nobody walks"
			}
			return ""
		})
		p.kill()
	}
	s.Slow(0)
	p = start(t, binary, home{dir, 1}, file)
	p.converged(s)
	p.waitEmpty()
	p.related(s)
	p.kill()
	compare(t, s, home{dir, 1}, file)
}

// hostileLists adds invalid ids to a shop's lists, and fails every third request for one.
type hostileLists struct {
	sound http.Handler
	lists atomic.Int64
}

func (h *hostileLists) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !strings.HasPrefix(r.URL.RawQuery, "cursor=") {
		h.sound.ServeHTTP(w, r)
		return
	}
	if h.lists.Add(1)%3 == 0 {
		http.Error(w, "no", http.StatusInternalServerError)
		return
	}
	answer := httptest.NewRecorder()
	h.sound.ServeHTTP(answer, r)
	body := strings.Replace(answer.Body.String(), `"items":[`, `"items":[{"sku":""},{"sku":"a\nb"},{"sku":".."},`, 1)
	fmt.Fprint(w, body)
}

// TestEverythingIsAway takes away the upstream, and then Redis as well, for longer than every timer, while edits go
// on. When both are back, everything must be right without a dead letter.
func TestEverythingIsAway(t *testing.T) {
	t.Parallel()
	r := redistest.Single(t)
	s := newShop(t)
	fill(s, long.Pick(40, 120))
	faulty := &faultyShop{shop: s}
	server := httptest.NewServer(faulty)
	t.Cleanup(server.Close)
	dir, file := t.TempDir(), catalogFor(t, shopCatalog, server.URL)
	v := up(t, filepath.Join(dir, "up"), "--redis", r.URL, "--catalog", file)
	role(t, "heterog", v.NATS, filepath.Join(dir, "heterog"), "--redis", r.URL)
	role(t, "syncer", v.NATS, filepath.Join(dir, "syncer"), "--redis", r.URL)
	v.refreshAll()
	v.converged(s)
	load := &editor{shop: s, random: rand.New(rand.NewPCG(7, 8)), products: long.Pick(40, 120), late: map[item.Change]bool{}}
	stop := load.run(t, v.NATS)
	for _, name := range long.Pick([]string{"failing", "a lost permission"}, []string{"failing", "reset", "a lost permission"}) {
		unwell := faults()[name]
		faulty.fault.Store(&unwell)
		<-time.After(long.Pick(300*time.Millisecond, 40*time.Second)) // the duration is what is tested
		r.Stop()
		<-time.After(long.Pick(300*time.Millisecond, 40*time.Second))
		r.Start()
	}
	stop()
	load.flush(t, v.NATS)
	faulty.fault.Store(nil)
	s.holds(t, openRedis(t, r.URL), file)
	v.related(s)
	v.fresh(s)
	if _, failed, err := v.dial().Pending(t.Context()); err != nil || failed > 0 {
		t.Errorf("%d dead letters, %v", failed, err)
	}
}
