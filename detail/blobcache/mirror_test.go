package blobcache_test

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"vitrine/detail/blobcache"
	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/internal/kv/kvtest"
	"vitrine/internal/poll"
)

const lamp = `{"product":{"title":"Lamp"}}`

var errDown = fmt.Errorf("%w: connection refused", item.ErrUnavailable)

// shop returns a catalog of one kind with two blobs.
func shop() *catalog.Catalog {
	sku := &catalog.Kind{Name: "sku"}
	sku.Blobs = []*catalog.Blob{{Kind: sku, Name: "item"}, {Kind: sku, Name: "offer"}}
	return &catalog.Catalog{Kinds: map[string]*catalog.Kind{"sku": sku}}
}

func entity(t *testing.T, s string) item.Entity {
	t.Helper()
	e, err := item.ParseEntity(s)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// mirror runs a mirror of from into to until stop, which waits until it has ended.
func mirror(t *testing.T, from, to *kvtest.Memory, change ...func(*blobcache.MirrorConfig)) (m *blobcache.Mirror, stop func()) {
	t.Helper()
	c := blobcache.MirrorConfig{Catalog: shop, From: from, To: to, Log: slog.New(slog.DiscardHandler), Rate: 1_000_000, Batch: 10, Retry: time.Millisecond}
	for _, f := range change {
		f(&c)
	}
	m, err := blobcache.NewMirror(c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- m.Run(ctx) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(stop)
	return m, stop
}

func TestMirror(t *testing.T) {
	t.Run("a new file gets all, and remembers that", func(t *testing.T) {
		from, to := kvtest.NewMemory(), kvtest.NewMemory()
		for i := range 57 {
			from.Put(fmt.Sprintf("sku:%d", i), "item", 5, lamp)
		}
		_, stop := mirror(t, from, to)
		poll.Until(t, "all are copied", func() bool {
			done, _ := to.Meta(t.Context(), "mirror-copied")
			return to.Count() == 57 && len(done) > 0
		})
		stop()
		from.Put("sku:late", "item", 5, lamp)
		m, _ := mirror(t, from, to)
		m.Announced(entity(t, "sku:0"), map[string]uint64{"item": 5}, []byte("p"))
		poll.Until(t, "the position", func() bool { at, err := m.Position(t.Context()); return err == nil && string(at) == "p" })
		if to.Count() != 57 {
			t.Error("a finished copy was begun again")
		}
		m.Gap()
		poll.Until(t, "a gap copies all", func() bool { return to.Count() == 58 })
	})
	t.Run("announced blobs come over, and the position with them", func(t *testing.T) {
		from, to := kvtest.NewMemory(), kvtest.NewMemory()
		to.Metas["mirror-copied"] = []byte("1")
		m, _ := mirror(t, from, to)
		from.Put("sku:1", "item", 7, lamp)
		m.Announced(entity(t, "sku:1"), map[string]uint64{"item": 7, "offer": 2}, []byte("42"))
		poll.Until(t, "the position", func() bool { at, err := m.Position(t.Context()); return err == nil && string(at) == "42" })
		if to.Count() != 1 {
			t.Errorf("%d blobs", to.Count())
		}
	})
	t.Run("a failing source loses nothing", func(t *testing.T) {
		from, to := kvtest.NewMemory(), kvtest.NewMemory()
		from.Put("sku:1", "item", 7, lamp)
		from.Set(func(m *kvtest.Memory) { m.Err = errDown })
		m, _ := mirror(t, from, to)
		m.Announced(entity(t, "sku:1"), map[string]uint64{"item": 7}, []byte("42"))
		poll.Until(t, "a try", func() bool { return from.Reads() > 1 })
		if at, err := m.Position(t.Context()); err != nil || at != nil {
			t.Errorf("position %q before the copy: %v", at, err)
		}
		from.Set(func(m *kvtest.Memory) { m.Err = nil })
		poll.Until(t, "the copy", func() bool { return to.Count() == 1 })
	})
	t.Run("too many announcements become a copy of all", func(t *testing.T) {
		from, to := kvtest.NewMemory(), kvtest.NewMemory()
		to.Metas["mirror-copied"] = []byte("1")
		for i := range 20 {
			from.Put(fmt.Sprintf("sku:%d", i), "item", 5, lamp)
		}
		m, err := blobcache.NewMirror(blobcache.MirrorConfig{Catalog: shop, From: from, To: to, Log: slog.New(slog.DiscardHandler), Pending: 3, Rate: 1_000_000})
		if err != nil {
			t.Fatal(err)
		}
		for i := range 4 {
			m.Announced(entity(t, fmt.Sprintf("sku:%d", i)), map[string]uint64{"item": 5}, []byte("4"))
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- m.Run(ctx) }()
		poll.Until(t, "all are copied", func() bool { return to.Count() == 20 })
		cancel()
		<-done
	})
	t.Run("damage there does not touch the copy here", func(t *testing.T) {
		from, to := kvtest.NewMemory(), kvtest.NewMemory()
		from.Put("sku:1", "item", 7, lamp)
		to.Put("sku:1", "item", 6, lamp)
		key := kv.BlobKey{Entity: entity(t, "sku:1"), Blob: "item"}
		from.Set(func(m *kvtest.Memory) { m.Damaged[key] = true })
		mirror(t, from, to)
		poll.Until(t, "all looked at", func() bool { done, _ := to.Meta(t.Context(), "mirror-copied"); return len(done) > 0 })
		if to.Count() != 1 {
			t.Error("lost")
		}
	})
}

// TestMirrorDoubts proves that the mirror copies all blobs of an entity in doubt, since a superseded announcement may
// have named a blob that its successor does not.
func TestMirrorDoubts(t *testing.T) {
	from, to := kvtest.NewMemory(), kvtest.NewMemory()
	m, _ := mirror(t, from, to)
	poll.Until(t, "the copy of all", func() bool {
		done, _ := to.Meta(t.Context(), "mirror-copied")
		return len(done) > 0
	})
	from.Put("sku:1", "item", 5, lamp)
	from.Put("sku:1", "offer", 6, lamp)
	m.Announced(entity(t, "sku:1"), map[string]uint64{"item": 5}, []byte("1"))
	m.Doubted(entity(t, "sku:1"), []byte("1"))
	poll.Until(t, "both blobs", func() bool { return to.Count() == 2 })
}
