package audit_test

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"vitrine/internal/audit"
	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/internal/kv/boltkv"
	"vitrine/internal/kv/rediskv"
	"vitrine/internal/long"
	"vitrine/internal/redistest"
	"vitrine/internal/shape"
	"vitrine/internal/upstream"
)

// entities is the number of entities in the store of TestAnIdleHour.
func entities() int { return long.Pick(2000, 1_000_000) }

// storeOf is a complete store.
type storeOf interface {
	kv.Records
	kv.Blobs
}

// TestAnIdleHour runs each agent of an idle system once over a real store, and logs what an hour of them costs: 11
// sweeps, a sweep that compares, 360 turns of the sampler. It asserts only what the agents list.
func TestAnIdleHour(t *testing.T) {
	t.Run("redis", func(t *testing.T) {
		r := redistest.Single(t, "--appendonly", "no")
		store, err := rediskv.Open(t.Context(), rediskv.Config{URL: r.URL, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = store.Close() })
		idleHour(t, store, func() time.Duration {
			var total float64
			in := bufio.NewScanner(strings.NewReader(r.Do("INFO", "cpu").(string)))
			for in.Scan() {
				name, value, _ := strings.Cut(in.Text(), ":")
				if name == "used_cpu_user" || name == "used_cpu_sys" {
					seconds, _ := strconv.ParseFloat(value, 64)
					total += seconds
				}
			}
			return time.Duration(total * float64(time.Second))
		})
	})
	t.Run("bbolt", func(t *testing.T) {
		store, err := boltkv.Open(t.Context(), filepath.Join(t.TempDir(), "store.db"), boltkv.Options{Log: slog.New(slog.DiscardHandler), NoSync: true})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = store.Close() })
		idleHour(t, store, processCPU)
	})
}

// processCPU returns the CPU time that this process has used, including the agents and the store.
func processCPU() time.Duration {
	var use syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &use)
	return time.Duration(use.Utime.Nano() + use.Stime.Nano())
}

func idleHour(t *testing.T, store storeOf, cpu func() time.Duration) {
	r := newRoom(t)
	n := entities()
	load(r, store, n)
	cost := func(what string, f func()) time.Duration {
		before, began := cpu(), time.Now()
		f()
		took := cpu() - before
		t.Logf("%-18s %10.3f s CPU of the store, %8.1f s", what, took.Seconds(), time.Since(began).Seconds())
		return took
	}
	cfg := r.sweeper().Config
	cfg.Records = store
	cfg.Blobs = store
	cfg.Upstream = right{r.price()}
	s := audit.New(cfg)
	sweep := cost("a sweep", func() {
		if found, err := s.Sweep(t.Context()); err != nil || found.Entities < n || found.Dirty > 0 {
			t.Errorf("a sweep of what is clean: %+v, error %v", found, err)
		}
	})
	compare := cost("a comparison", func() {
		if found, err := s.Compare(t.Context()); err != nil || found.Entities < n || found.Blobs > 0 {
			t.Errorf("a comparison of what is right: %+v, error %v", found, err)
		}
	})
	const turns = 36
	var listed, calls atomic.Int64
	cfg.Records = lister{store, &listed}
	var c clock
	c.at.Store(time.Now().Unix())
	sampler := audit.NewSampler(audit.SamplerConfig{
		Sweeper: audit.New(cfg), Notes: r.conn.Bucket("catalog"), Changes: r.conn, Log: slog.New(slog.DiscardHandler), Clock: c.Now,
		OnSampled: func(s audit.Sampled) { calls.Add(int64(s.Checked) / 4) },
	})
	sample := cost(fmt.Sprintf("%d samples", turns), func() {
		for range turns {
			r.turn(sampler, &c)
		}
	})
	if most := int64(turns * 10 * 50); listed.Load() > most {
		t.Errorf("%d turns list %d entities", turns, listed.Load())
	}
	hour := 11*sweep + compare + 10*sample
	t.Logf("%d entities, an idle hour: %.1f s CPU of the store, %.2f%% of a core; %d calls of upstreams", n, hour.Seconds(), 100*hour.Hours(), 10*calls.Load())
}

// right is an upstream whose answers equal what load has stored.
type right struct{ of *catalog.Dimension }

func (r right) Fetch(_ context.Context, _ *catalog.Dimension, asks []upstream.Ask) []upstream.Answer {
	answers := make([]upstream.Answer, len(asks))
	for i, a := range asks {
		answers[i] = upstream.Answer{Status: upstream.OK, Body: []byte(priceOf(a.ID, 1))}
	}
	return answers
}

// lister counts the listed entities.
type lister struct {
	storeOf
	entities *atomic.Int64
}

func (l lister) ScanEntities(ctx context.Context, cursor string, limit int) ([]item.Entity, string, error) {
	found, next, err := l.storeOf.ScanEntities(ctx, cursor, limit)
	l.entities.Add(int64(len(found)))
	return found, next, err
}

// load fills a store with n entities at rest: a record, its blob, and the state.
func load(r *room, store storeOf, n int) {
	r.Helper()
	blob := r.catalog.Kinds["sku"].Blobs[0]
	must := func(err error) {
		r.Helper()
		if err != nil {
			r.Fatal(err)
		}
	}
	for from := 0; from < n; from += 2000 {
		var puts []kv.Put
		for i := from; i < min(n, from+2000); i++ {
			id := fmt.Sprintf("sku%07d", i)
			rec, _, err := shape.MakeRecord(r.price(), []byte(priceOf(id, 1)))
			must(err)
			puts = append(puts, kv.Put{RecordKey: priceKey(id), Value: kv.Value{
				Header: kv.Header{Existence: kv.Alive, Shape: r.price().Shape, Fetched: time.Now()}, Body: rec.Body}})
		}
		results, err := store.PutRecords(r.Context(), puts)
		must(err)
		blobs := make([]kv.BlobPut, len(puts))
		built := make([]kv.Built, len(puts))
		for i, p := range puts {
			gen := results[i].State.Gens["price"]
			v, err := shape.Fold(blob, p.Entity, map[string]kv.Record{"price": {Value: p.Value}})
			must(err)
			v.Stamp = gen
			blobs[i] = kv.BlobPut{BlobKey: kv.BlobKey{Entity: p.Entity, Blob: blob.Name}, Value: v}
			built[i] = kv.Built{Entity: p.Entity, Gens: map[string]uint64{blob.Name: gen}, Shapes: map[string]uint32{blob.Name: v.Shape}}
		}
		_, err = store.PutBlobs(r.Context(), blobs)
		must(err)
		must(store.MarkBuilt(r.Context(), built))
	}
}
