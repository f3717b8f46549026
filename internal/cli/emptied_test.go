package cli_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"vitrine/internal/bus"
	"vitrine/internal/long"
	"vitrine/internal/redistest"
)

var emptiedSeed = flag.Uint64("emptied-seed", 1, "the first seed of TestARedisThatComesBackEmptyUnderLoad")

// TestARedisThatComesBackEmptyUnderLoad runs two detail servers, one of them with a damaged file of its own, two
// workers and two syncers, while prices are edited and pages are requested. Redis goes away and comes back empty.
// When the edits end, the pages of both servers must be right. The TTL of memory is ten times as long as by default,
// so that expiry cannot be the reason.
func TestARedisThatComesBackEmptyUnderLoad(t *testing.T) {
	t.Parallel()
	for i := range long.Pick(uint64(1), 5) {
		seed := *emptiedSeed + i
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) { emptyUnderLoad(t, rand.New(rand.NewPCG(seed, 16))) })
	}
}

func emptyUnderLoad(t *testing.T, random *rand.Rand) {
	r := redistest.Single(t, "--appendonly", "no")
	s := newShop(t)
	fill(s, long.Pick(80, 5000))
	dir := t.TempDir()
	v := up(t, filepath.Join(dir, "up"), "--redis", r.URL, "--catalog", catalogFor(t, shopCatalog, s.URL))
	v.refreshAll()
	v.converged(s)
	role(t, "heterog", v.NATS, filepath.Join(dir, "heterog"), "--redis", r.URL)
	role(t, "syncer", v.NATS, filepath.Join(dir, "syncer"), "--redis", r.URL)
	whole := detailServer(t, v.NATS, r.URL, filepath.Join(dir, "whole"))
	hurt := detailServer(t, v.NATS, r.URL, filepath.Join(dir, "hurt"))
	hurt.waitMirrored()
	hurt.stop()
	damage(t, filepath.Join(dir, "hurt", "mirror.db"), random)
	hurt = detailServer(t, v.NATS, r.URL, filepath.Join(dir, "hurt"))
	v.flip(0, "ttl.factor", "1000")
	whole.converged(s)
	hurt.converged(s)

	var edits atomic.Int64
	stop := make(chan struct{})
	var load sync.WaitGroup
	conn, ids := v.dial(), s.IDs()
	seed := random.Uint64()
	load.Go(func() { editPrices(t, s, conn, ids, rand.New(rand.NewPCG(seed, 1)), &edits, stop) })
	for _, d := range []*running{whole, hurt} {
		load.Go(func() { askForPages(t, d, ids, stop) })
	}
	more := func(n int64) {
		t.Helper()
		at := edits.Load() + n
		eventually(t, func() string {
			if edits.Load() < at {
				return "no prices are edited"
			}
			return ""
		})
	}
	more(50)
	r.Stop()
	more(50)
	r.Start()
	more(long.Pick[int64](200, 3000))
	close(stop)
	load.Wait()
	whole.converged(s)
	hurt.converged(s)
	// They must also stay right.
	for name, d := range map[string]*running{"whole": whole, "hurt": hurt} {
		for _, id := range ids {
			if wrong := d.differs(s, id); wrong != "" {
				t.Errorf("%s: %s", name, wrong)
			}
		}
	}
}

// damage overwrites bytes at random places of a file.
func damage(t *testing.T, path string, random *rand.Rand) {
	t.Helper()
	body, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for range 1 + len(body)/1000 {
		body[random.IntN(len(body))] ^= byte(1 + random.IntN(255))
	}
	if err := os.WriteFile(path, body, 0o600); err != nil {
		t.Fatal(err)
	}
}

func editPrices(t *testing.T, s *shop, conn *bus.Conn, ids []string, random *rand.Rand, edits *atomic.Int64, stop <-chan struct{}) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return
		case <-tick.C:
		}
		id, what := ids[random.IntN(len(ids))], []string{"price", "all"}[random.IntN(2)]
		s.Put(id, func(p *product) { p.Price += 10_000 })
		announce(t, conn, what, id)
		edits.Add(1)
	}
}

// askForPages requests one page after the other until stop is closed, with pauses in the short form.
func askForPages(t *testing.T, d *running, ids []string, stop <-chan struct{}) {
	tick := time.NewTicker(long.Pick(2*time.Millisecond, time.Microsecond))
	defer tick.Stop()
	for i := 0; ; i++ {
		select {
		case <-stop:
			return
		case <-tick.C:
		}
		fetch(t, d.Pages+"/item/"+url.PathEscape(ids[i%len(ids)])+".json")
	}
}
