package blobcache_test

import (
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"vitrine/detail/blobcache"
	"vitrine/internal/kv"
	"vitrine/internal/kv/rediskv"
	"vitrine/internal/poll"
	"vitrine/internal/redistest"
)

func redisAt(t *testing.T, c rediskv.Config) *rediskv.Store {
	t.Helper()
	c.Log, c.Timeout = slog.New(slog.DiscardHandler), 20*time.Second
	s, err := rediskv.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// TestReadsOverAFailover kills a master under readers that keep nothing in memory. Each of their reads is to be
// answered by a replica, and writes are to come back with the election. A replica that has lost its master's stream is not
// believed where it has less than was announced.
func TestReadsOverAFailover(t *testing.T) {
	w := redistest.Watch(t, 2)
	master := redisAt(t, rediskv.Config{URL: w.URL})
	cache, err := blobcache.New(blobcache.Config{Log: slog.New(slog.DiscardHandler), ReadDeadline: time.Minute, Tiers: []blobcache.Tier{{
		Name: "redis", Blobs: master, Replica: redisAt(t, rediskv.Config{URL: w.URL, Replicas: true}), Timeout: time.Minute}}})
	if err != nil {
		t.Fatal(err)
	}
	defer cache.Close()
	keys := make([]kv.BlobKey, 20)
	for i := range keys {
		keys[i] = kv.BlobKey{Entity: entity(t, fmt.Sprintf("sku:%d", i)), Blob: "item"}
	}
	write := func(gen uint64) error {
		puts := make([]kv.BlobPut, len(keys))
		for i, key := range keys {
			puts[i] = kv.BlobPut{BlobKey: key, Value: kv.Value{Header: kv.Header{Existence: kv.Alive, Stamp: gen}, Body: []byte(lamp)}}
		}
		_, err := master.PutBlobs(t.Context(), puts)
		return err
	}
	if err := write(5); err != nil {
		t.Fatal(err)
	}
	w.Servers[0].Do("WAIT", 2, 0)

	stop := make(chan struct{})
	var reads, failed atomic.Int64
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				for _, part := range cache.Read(t.Context(), keys, blobcache.Policy{NoStore: true}) {
					reads.Add(1)
					if part.Err != nil || part.Existence != kv.Alive {
						failed.Add(1)
						t.Logf("%s: %v", part.Key, part.Err)
					}
				}
			}
		})
	}
	w.Kill()
	w.Elected()
	began := time.Now()
	poll.Until(t, "a write", func() bool { return write(6) == nil })
	t.Logf("writes were back %s after the election", time.Since(began).Round(time.Millisecond))
	before := reads.Load()
	poll.Until(t, "reads after the election", func() bool { return reads.Load() > before+100 })
	close(stop)
	readers.Wait()
	if failed.Load() > 0 {
		t.Errorf("%d of %d reads failed", failed.Load(), reads.Load())
	}
	for _, key := range keys {
		cache.Announced(key.Entity, map[string]uint64{key.Blob: 6})
	}
	for _, part := range cache.Read(t.Context(), keys, blobcache.Policy{NoStore: true}) {
		if part.Err != nil || part.Stamp != 6 || part.Stale {
			t.Errorf("%s: gen %d, stale %t, %v; want 6, which was announced", part.Key, part.Stamp, part.Stale, part.Err)
		}
	}
}
