package blobcache

import (
	"fmt"
	"testing"
	"time"

	"github.com/dgraph-io/ristretto/v2"

	"vitrine/internal/item"
	"vitrine/internal/kv"
)

// heldUp is a local cache whose write buffer is applied only as far as the test allows.
type heldUp struct {
	*local
	t       *testing.T
	reached chan struct{} // receives when the buffer was applied up to a stop
	goOn    chan struct{}
	stops   int
}

const stopBlob = "stop"

func newHeldUp(t *testing.T) *heldUp {
	l, err := newLocal(1<<20, time.Hour, nil, func() bool { return true })
	if err != nil {
		t.Fatal(err)
	}
	l.cache.Close()
	h := &heldUp{local: l, t: t, reached: make(chan struct{}), goOn: make(chan struct{})}
	l.cache, err = ristretto.NewCache(&ristretto.Config[string, *entry]{
		NumCounters: 1000, MaxCost: 1 << 20, BufferItems: 64, IgnoreInternalCost: true,
		OnExit: l.forget,
		Cost: func(e *entry) int64 { // called by the goroutine that applies the buffer, and by no other
			if e.part.Key.Blob == stopBlob {
				h.reached <- struct{}{}
				<-h.goOn
			}
			return 1
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.close)
	return h
}

// stop puts a stop into the buffer: an entry whose cost function blocks.
func (h *heldUp) stop() {
	h.stops++
	key := keyOf(fmt.Sprint(h.stops), stopBlob)
	h.cache.Set(key.String(), &entry{part: Part{Key: key}}, 0)
}

// pass has the buffer applied from the stop that was reached to the next one, or to its end.
func (h *heldUp) pass(toEnd bool) {
	h.goOn <- struct{}{}
	if toEnd {
		h.cache.Wait()
		return
	}
	<-h.reached
}

// fill stores a blob as a reader does after reading it from a lower tier.
func (h *heldUp) fill(key kv.BlobKey, gen uint64) {
	h.store(blobAt(key, gen), h.mark(key))
}

func keyOf(id, blob string) kv.BlobKey {
	return kv.BlobKey{Entity: item.Entity{Kind: "sku", ID: id}, Blob: blob}
}

func blobAt(key kv.BlobKey, gen uint64) Part {
	return Part{Key: key, Value: kv.Value{Header: kv.Header{Existence: kv.Alive, Stamp: gen}, Body: []byte("{}")}}
}

// neighbour returns a key whose minimum generation shares a slot with that of a.
func (h *heldUp) neighbour(a kv.BlobKey) kv.BlobKey {
	for n := 0; ; n++ {
		if b := keyOf(fmt.Sprint("neighbour ", n), a.Blob); h.minimums.slot(b) == h.minimums.slot(a) {
			return b
		}
	}
}

// TestAnnouncedWhileTheCacheIsBehind proves that an announcement overtakes both entries of a key while ristretto
// shows the older one and the newer one waits in its buffer, even if another key takes the slot of the minimum
// generation at once.
func TestAnnouncedWhileTheCacheIsBehind(t *testing.T) {
	h := newHeldUp(t)
	a := keyOf("a", "offer")
	b := h.neighbour(a)
	h.stop()
	<-h.reached
	h.fill(a, 1)
	h.stop()
	h.announced(a, 2, false)
	h.cache.Del(a.String()) // as an eviction does
	h.fill(a, 2)
	h.pass(false)
	if e, ok := h.cache.Get(a.String()); !ok || e.part.Stamp != 1 {
		t.Fatalf("the cache shows %v, %t; the test needs the first entry", e, ok)
	}
	h.announced(a, 3, false)
	h.announced(b, 1, false)
	h.pass(true)
	if part, how := h.get(a); how != missing {
		t.Errorf("gen 3 was announced, and gen %d is served", part.Stamp)
	}
	h.fill(a, 3)
	h.cache.Wait()
	if part, how := h.get(a); how != fresh || part.Stamp != 3 {
		t.Errorf("gen 3 was read, and the cache has gen %d, %v", part.Stamp, how)
	}
}

// TestAnAnnouncementThatComesLate has a read begin before an announcement that its slot then forgets or holds in
// doubt. A later announcement by another syncer, with a lower generation, must not hide the first.
func TestAnAnnouncementThatComesLate(t *testing.T) {
	for _, c := range []struct {
		name      string
		announced func(h *heldUp, a, b kv.BlobKey)
		want      freshness
	}{
		{"another key has taken the slot meanwhile", func(h *heldUp, a, b kv.BlobKey) {
			h.announced(a, 2, false)
			h.announced(b, 1, false)
			h.announced(a, 1, false)
		}, missing},
		{"the key was in doubt meanwhile", func(h *heldUp, a, _ kv.BlobKey) {
			h.announced(a, 0, true)
			h.announced(a, 1, false)
		}, missing},
		{"what was read is what was announced", func(h *heldUp, a, _ kv.BlobKey) { h.announced(a, 1, false) }, fresh},
		{"nothing was announced but of another key", func(h *heldUp, _, b kv.BlobKey) { h.announced(b, 1, false) }, missing},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHeldUp(t)
			a := keyOf("a", "offer")
			before := h.mark(a)
			c.announced(h, a, h.neighbour(a))
			h.store(blobAt(a, 1), before)
			h.cache.Wait()
			if part, how := h.get(a); how != c.want {
				t.Errorf("gen %d is served: %v, want %v", part.Stamp, how, c.want)
			}
		})
	}
}
