package cli_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/internal/kv/kvtest"
	"vitrine/internal/kv/rediskv"
	"vitrine/internal/long"
	"vitrine/internal/redistest"
)

// loss is a way in which a store loses writes that it has acknowledged.
type loss struct {
	url       string
	before    func() // called where the writes that will be lost begin
	lose      func()
	underLoad bool // edits go on during the loss
}

func losses() map[string]func(t *testing.T) loss {
	return map[string]func(t *testing.T) loss{
		"a snapshot": func(t *testing.T) loss {
			r := redistest.Single(t)
			var restore func()
			return loss{url: r.URL, before: func() { restore = r.Snapshot() }, lose: func() { restore() }}
		},
		"a replica that lags": func(t *testing.T) loss {
			p := redistest.Replicated(t)
			return loss{url: p.URL, before: p.Lag, lose: p.Failover, underLoad: true}
		},
		"a failover by sentinels to a replica that lags": func(t *testing.T) loss {
			w := redistest.Watch(t, 1)
			return loss{url: w.URL, before: w.Lag, lose: func() { w.Kill(); w.Elected() }, underLoad: true}
		},
		"a master of a Cluster that is emptied": func(t *testing.T) loss {
			c := redistest.Cluster(t)
			return loss{url: c.URL, before: func() {}, lose: c.Nodes[1].Flush, underLoad: true}
		},
		"a master of a Cluster whose replica lags": func(t *testing.T) loss {
			c := redistest.Cluster(t)
			r := c.Replica(1)
			return loss{url: c.URL, before: r.Lag, lose: r.TakeOver}
		},
		"a snapshot of one master of a Cluster": func(t *testing.T) loss {
			c := redistest.Cluster(t)
			var restore func()
			return loss{url: c.URL, before: func() { restore = c.Nodes[2].Snapshot() }, lose: func() { restore(); c.Await() }}
		},
	}
}

// TestLostWritesComeBack has a store lose acknowledged edits, deletions, creations and relations. Every record, blob,
// relation and page must be right again, on a server that had already shown the lost state as well.
func TestLostWritesComeBack(t *testing.T) {
	t.Parallel()
	all := losses()
	for _, name := range long.Pick([]string{"a failover by sentinels to a replica that lags", "a master of a Cluster that is emptied"}, slices.Sorted(maps.Keys(all))) {
		t.Run(name, func(t *testing.T) { t.Parallel(); loseWrites(t, all[name](t)) })
	}
}

func loseWrites(t *testing.T, l loss) {
	n := long.Pick(60, 3000)
	s := newShop(t)
	fill(s, n)
	dir, file := t.TempDir(), catalogFor(t, shopCatalog, s.URL)
	v := up(t, filepath.Join(dir, "up"), "--redis", l.url, "--catalog", file)
	d := detailServer(t, v.NATS, l.url, filepath.Join(dir, "detail"))
	v.refreshAll()
	store := openRedis(t, l.url)
	s.holds(t, store, file)
	d.converged(s)
	d.waitMirrored()

	l.before()
	conn := v.dial()
	for i, id := range s.IDs() {
		switch i % 4 {
		case 0:
			s.Put(id, func(p *product) { p.Title, p.Brand = "Edited", fmt.Sprint(10+i%3) })
		case 1:
			s.Delete(id)
		default:
			continue
		}
		announce(t, conn, "all", id)
	}
	for i := range n / 4 {
		id := fmt.Sprint("new-", i)
		s.Put(id, func(p *product) {
			p.Title = "New"
			p.Brand = "20"
			p.Price = 7
		})
		announce(t, conn, "all", id)
	}
	s.holds(t, store, file)
	d.converged(s)
	load := &editor{shop: s, random: rand.New(rand.NewPCG(1, 2)), products: n, late: map[item.Change]bool{}}
	stop := func() {}
	if l.underLoad {
		stop = load.run(t, v.NATS)
	}
	l.lose()
	stop()
	load.flush(t, v.NATS)
	t.Logf("right after the loss %d entities are wrong in the store", len(storeDiffers(t, s, openRedis(t, l.url), file)))
	s.holds(t, store, file)
	v.related(s)
	v.fresh(s)
	d.fresh(s)
	// The store must also stay right.
	if wrong := storeDiffers(t, s, openRedis(t, l.url), file); len(wrong) > 0 {
		t.Errorf("%d entities are wrong again: %s", len(wrong), wrong[0])
	}
}

// TestAFlushInABusyShop flushes a store just after brands were announced. They must be announced again, no page may
// stay marked stale, and a server that starts empty must have the brands.
func TestAFlushInABusyShop(t *testing.T) {
	t.Parallel()
	r := redistest.Single(t)
	s := newShop(t)
	n := long.Pick(60, 2000)
	fill(s, n)
	dir, file := t.TempDir(), catalogFor(t, shopCatalog, s.URL)
	v := up(t, filepath.Join(dir, "up"), "--redis", r.URL, "--catalog", file)
	v.refreshAll()
	v.fresh(s)
	load := &editor{shop: s, random: rand.New(rand.NewPCG(3, 4)), products: n, late: map[item.Change]bool{}}
	stop := load.run(t, v.NATS)
	r.Flush()
	store := openRedis(t, r.URL)
	// The edits alone fill much of the store before the loss is noticed.
	eventually(t, func() string {
		if all, _, err := store.ScanEntities(t.Context(), "", 1000); err != nil || len(all) == 0 {
			return fmt.Sprint("nobody puts anything: ", err)
		}
		return ""
	})
	stop()
	load.flush(t, v.NATS)
	s.holds(t, store, file)
	v.related(s)
	v.fresh(s)
	detailServer(t, v.NATS, r.URL, filepath.Join(dir, "new")).fresh(s)
}

// TestAFlushWithADictionary flushes a store whose running writers compress with a dictionary that the flush removes.
// A process that starts later must be able to read every record.
func TestAFlushWithADictionary(t *testing.T) {
	t.Parallel()
	r := redistest.Single(t)
	s := newShop(t)
	fill(s, 60)
	dir, file := t.TempDir(), catalogFor(t, shopCatalog, s.URL)
	for _, id := range s.IDs() { // large and similar enough for a dictionary
		s.Put(id, func(p *product) { p.Title = strings.Repeat("oak steel cotton blue lamp ", 20) + id })
	}
	writeWithADictionary(t, openRedis(t, r.URL), item.Entity{Kind: "sku", ID: oddID(0)})
	v := up(t, filepath.Join(dir, "up"), "--redis", r.URL, "--catalog", file)
	v.refreshAll()
	v.converged(s)
	conn := v.dial()
	r.Flush()
	for _, id := range s.IDs() {
		announce(t, conn, "all", id)
	}
	later := openRedis(t, r.URL)
	eventually(t, func() string {
		if got, err := later.Dictionaries(t.Context()); err != nil || len(got) != 1 {
			return fmt.Sprint(len(got), " dictionaries are stored, ", err)
		}
		return ""
	})
	s.holds(t, openRedis(t, r.URL), file)
	detailServer(t, v.NATS, r.URL, filepath.Join(dir, "new")).fresh(s)
}

// writeWithADictionary stores a dictionary and a record compressed with it, so that whoever reads the record learns
// the dictionary.
func writeWithADictionary(t *testing.T, store *rediskv.Store, e item.Entity) {
	t.Helper()
	made, err := kv.Train(kvtest.Articles(200, 1), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	if err := store.AddDictionary(t.Context(), made); err != nil {
		t.Fatal(err)
	}
	key := kv.RecordKey{Entity: e, Dimension: "product"}
	put := kv.Put{RecordKey: key, Value: kv.Value{Header: kv.Header{Existence: kv.Alive}, Body: kvtest.Articles(1, 2)[0]}}
	eventually(t, func() string { // Redis may be slow on a busy machine
		if _, err := store.PutRecords(t.Context(), []kv.Put{put}); err != nil {
			return err.Error()
		}
		return ""
	})
}

// TestAnEvictingStoreIsRefused proves that every role that writes records refuses a Redis that evicts keys, and says
// what to do about it.
func TestAnEvictingStoreIsRefused(t *testing.T) {
	t.Parallel()
	r := redistest.Single(t, "--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru")
	s := newShop(t)
	file := catalogFor(t, shopCatalog, s.URL)
	v := up(t, t.TempDir(), "--catalog", file)
	for _, args := range [][]string{
		{"up", "--catalog", file, "--http", "127.0.0.1:0", "--nats", "127.0.0.1:0"},
		{"heterog", "--nats", v.NATS},
		{"syncer", "--nats", v.NATS},
	} {
		args = append(args, "--redis", r.URL, "--dir", t.TempDir(), "--admin", "127.0.0.1:0")
		code, _, stderr := vitrine(t, args...)
		if code == 0 || !strings.Contains(stderr, "CONFIG SET maxmemory-policy noeviction") {
			t.Errorf("%s ended with code %d: %s", args[0], code, stderr)
		}
	}
	fill(s, 1) // a role that only reads goes on
	detailServer(t, v.NATS, r.URL, t.TempDir())
}

// TestRefreshAllMends proves that refresh --all finds deletions that nobody announced and entities missing from the
// relation index, without --force, both through the admin listener and by the address of Redis.
func TestRefreshAllMends(t *testing.T) {
	t.Parallel()
	all := map[string]func(v *running, redis string) []string{
		"through the admin listener": func(v *running, _ string) []string { return []string{"--admin", v.Admin} },
		"by Redis":                   func(_ *running, redis string) []string { return []string{"--redis", redis} },
	}
	// TestRefreshFillsAndMends covers the admin listener.
	for _, name := range long.Pick([]string{"by Redis"}, slices.Sorted(maps.Keys(all))) {
		by := all[name]
		t.Run(name, func(t *testing.T) {
			r := redistest.Single(t)
			s := newShop(t)
			fill(s, 40)
			file := catalogFor(t, shopCatalog, s.URL)
			v := up(t, t.TempDir(), "--redis", r.URL, "--catalog", file)
			v.refreshAll()
			v.converged(s)
			v.related(s)
			for i, id := range s.IDs() {
				if i%4 == 0 {
					s.Delete(id)
				}
			}
			brand := kv.Relation{Target: item.Entity{Kind: "brand", ID: "3"}, Kind: "sku", Ref: "brand"}
			if r.Do("DEL", brand.Head()) != int64(1) {
				t.Fatal("no list at ", brand.Head())
			}
			if code, _, stderr := vitrine(t, append([]string{"refresh", "--all", "--wait", "--nats", v.NATS}, by(v, r.URL)...)...); code != 0 {
				t.Fatal(stderr)
			}
			s.holds(t, openRedis(t, r.URL), file)
			v.fresh(s)
			v.related(s)
		})
	}
}
