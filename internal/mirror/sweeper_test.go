package mirror_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/internal/kv/boltkv"
	"vitrine/internal/mirror"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const shop = `
version: 1
upstreams: { shop: { url: "http://127.0.0.1:9" } }
entities:
  sku:
    dimensions: { product: { from: shop, get: "/{id}" } }
    blobs: { item: { of: [product] } }
pages: { item: { path: "/item/{sku}.html", blob: item, template: item.html } }
`

// world is a store, and a server's own file that mirrors it.
type world struct {
	*testing.T
	store *boltkv.Store
	file  *mirror.File

	mu       sync.Mutex // guards all below
	away     error      // of the store
	reading  func()     // called before the store is read
	removals uint64
	asked    []string
	found    map[string]int
	looks    int // how often it was asked whether workers have removed something
}

func newWorld(t *testing.T) *world {
	log := slog.New(slog.DiscardHandler)
	store, err := boltkv.Open(t.Context(), filepath.Join(t.TempDir(), "store.db"), boltkv.Options{Log: log, NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{T: t, store: store, file: mirror.Open(t.Context(), t.TempDir(), log), found: map[string]int{}}
	t.Cleanup(func() {
		if err := errors.Join(store.Close(), w.file.Release()); err != nil {
			t.Error(err)
		}
	})
	return w
}

func blobKey(name string) kv.BlobKey {
	entity, blob, _ := strings.Cut(name, "/")
	kind, id, _ := strings.Cut(entity, ":")
	return kv.BlobKey{Entity: item.Entity{Kind: kind, ID: id}, Blob: blob}
}

// put writes blobs such as "sku:1/item" at a gen.
func (w *world) put(to kv.BlobPutter, gen uint64, life kv.Existence, names ...string) {
	w.Helper()
	for _, name := range names {
		v := kv.Value{Header: kv.Header{Existence: life, Stamp: gen, Fetched: time.Now()}, Body: []byte(`{}`)}
		if _, err := to.PutBlobs(w.Context(), []kv.BlobPut{{BlobKey: blobKey(name), Value: v}}); err != nil {
			w.Fatal(err)
		}
	}
}

// held lists what the file holds.
func (w *world) held() (names []string) {
	w.Helper()
	keys, _, err := w.file.ScanBlobs(w.Context(), "", 1000)
	if err != nil {
		w.Fatal(err)
	}
	for _, key := range keys {
		names = append(names, fmt.Sprintf("%s:%s/%s", key.Entity.Kind, key.Entity.ID, key.Blob))
	}
	slices.Sort(names)
	return names
}

func (w *world) set(change func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change()
}

// Blobs reads from the store on behalf of the sweeper.
func (w *world) Blobs(ctx context.Context, keys []kv.BlobKey) ([]kv.Blob, error) {
	w.mu.Lock()
	reading, away := w.reading, w.away
	w.mu.Unlock()
	if reading != nil {
		reading()
	}
	if away != nil {
		return nil, away
	}
	return w.store.Blobs(ctx, keys)
}

// sweep runs a sweeper until it has looked twice after a removal and settled it.
func (w *world) sweep(removal uint64) {
	w.Helper()
	c, err := catalog.Parse([]byte(shop), "shop.yaml", catalog.Options{})
	if err != nil {
		w.Fatal(err)
	}
	w.set(func() { w.removals, w.looks = removal, 0 })
	s := mirror.NewSweeper(mirror.SweeperConfig{
		File: w.file, From: w, Log: slog.New(slog.DiscardHandler),
		Catalog: func(context.Context) (*catalog.Catalog, error) { return c, nil },
		Removals: func(context.Context) (uint64, error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.looks++
			return w.removals, nil
		},
		Ask: func(_ context.Context, entities []item.Entity) error {
			for _, e := range entities {
				w.set(func() { w.asked = append(w.asked, e.String()) })
			}
			return nil
		},
		OnSwept: func(what string, n int) { w.set(func() { w.found[what] += n }) },
		Every:   time.Millisecond, Page: 2, Rate: 1_000_000,
	})
	ctx, cancel := context.WithCancel(w.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		looks := 0
		w.set(func() { looks = w.looks })
		if looks >= 2 || time.Now().After(deadline) {
			break
		}
	}
	cancel()
	if err := <-ended; err != nil {
		w.Error(err)
	}
}

// TestSweeper proves that a file loses the blobs that a removal of leftovers took from the store, and none that a
// page needs.
func TestSweeper(t *testing.T) {
	w := newWorld(t)
	both := []string{"sku:1/item", "sku:2/old_item"}
	w.put(w.store, 5, kv.Alive, both...)
	w.put(w.file, 5, kv.Alive, both...)
	w.put(w.file, 5, kv.Alive, "sku:1/old_item", "shop:1/sign", "sku:3/old_item", "sku:lost/item")
	w.put(w.file, 5, kv.Gone, "sku:gone/item")
	all := w.held()
	w.sweep(0)
	if diff := cmp.Diff(all, w.held()); diff != "" {
		t.Errorf("nobody has removed anything, and the file is swept:\n%s", diff)
	}
	w.set(func() { w.away = item.ErrUnavailable })
	w.sweep(7)
	if diff := cmp.Diff(all, w.held()); diff != "" {
		t.Errorf("the store is away, and the file is swept:\n%s", diff)
	}
	w.set(func() { w.away = nil })
	w.sweep(7)
	if diff := cmp.Diff([]string{"sku:1/item", "sku:2/old_item", "sku:gone/item", "sku:lost/item"}, w.held()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"sku:lost"}, w.asked); diff != "" {
		t.Errorf("asked for:\n%s", diff)
	}
	if diff := cmp.Diff(map[string]int{mirror.Removed: 3, mirror.Asked: 1}, w.found); diff != "" {
		t.Errorf("told:\n%s", diff)
	}
	w.sweep(7)
	if len(w.asked) != 1 {
		t.Errorf("swept again after the same removal: asked for %v", w.asked)
	}
	if _, err := w.store.RemoveBlobs(t.Context(), []kv.BlobSeen{{BlobKey: blobKey("sku:2/old_item"), Gen: 5}}); err != nil {
		t.Fatal(err)
	}
	w.sweep(8)
	if held := w.held(); slices.Contains(held, "sku:2/old_item") {
		t.Errorf("after the next removal there still is %v", held)
	}
}

// TestBlobsWrittenDuringASweepStay builds a blob, of a name that no catalog needed, again between the sweeper's look
// and its removal. The blob must stay.
func TestBlobsWrittenDuringASweepStay(t *testing.T) {
	w := newWorld(t)
	w.put(w.file, 5, kv.Alive, "sku:1/old_item")
	w.reading = func() { w.put(w.file, 6, kv.Alive, "sku:1/old_item") }
	w.sweep(1)
	if held := w.held(); len(held) != 1 {
		t.Errorf("held: %v", held)
	}
}
