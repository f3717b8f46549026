package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"vitrine/internal/bus"
	"vitrine/internal/catalog"
	"vitrine/internal/durable"
)

// The keys of the bucket "catalog".
const (
	catalogBucket = "catalog"
	catalogKey    = "catalog" // the YAML in force
	serveKey      = "serve"   // JSON: NAME of --serve → its base URL
)

// marksBucket is where workers note things for each other: they may not write where operators push.
const (
	marksBucket = "marks"
	sweptKey    = "swept" // the revision that the store was last swept for
)

// follower keeps the catalog in force. A revision that does not compile is told and left aside: the last
// good one stays.
type follower struct {
	bucket  *bus.Bucket
	log     *slog.Logger
	current atomic.Pointer[catalog.Catalog]
	first   chan struct{} // closed when there is one
	waiting sync.Once     // tells that none has come
	changed chan struct{} // holds one mark when there is another
	took    func(*catalog.Catalog)

	mu     sync.Mutex // guards all below
	source bus.Entry
	serve  map[string]string
	file   string // where the catalog in force is kept, for a start while NATS is away; "" for nowhere
}

// kept is what the file holds.
type kept struct {
	Source   string            `json:"source"`
	Revision uint64            `json:"revision"`
	Serve    map[string]string `json:"serve,omitempty"`
}

// keep has the catalog in force kept in a file, and takes what is there until NATS says something newer.
func (f *follower) keep(file string) {
	var k kept
	body, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(body, &k)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		f.log.Warn("the catalog that was in force can't be read", "file", file, "error", err)
	default:
		f.mu.Lock()
		f.serve = k.Serve
		f.mu.Unlock()
		if err := f.take(bus.Entry{Key: catalogKey, Value: []byte(k.Source), Revision: k.Revision}); err != nil {
			f.log.Warn("the catalog that was in force is not taken", "file", file, "error", err)
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.file = file
}

// save keeps the catalog in force. It needs mu.
func (f *follower) save() {
	if f.file == "" {
		return
	}
	body, err := json.Marshal(kept{string(f.source.Value), f.source.Revision, f.serve})
	if err == nil {
		err = durable.WriteFile(f.file, body)
	}
	if err != nil {
		f.log.Warn("the catalog in force can't be kept on disk", "error", err)
	}
}

func newFollower(conn *bus.Conn, log *slog.Logger) *follower {
	return &follower{bucket: conn.Bucket(catalogBucket), log: log, first: make(chan struct{}), changed: make(chan struct{}, 1), serve: map[string]string{}}
}

// Catalog is the one in force, nil before the first.
func (f *follower) Catalog() *catalog.Catalog { return f.current.Load() }

// Run follows the bucket until ctx ends.
func (f *follower) Run(ctx context.Context) error {
	return f.bucket.Watch(ctx, func(e bus.Entry) error {
		if err := f.take(e); err != nil {
			f.log.Error("pushed catalog not taken; the last good one stays", "key", e.Key, "revision", e.Revision, "error", err)
		}
		return nil
	})
}

// Wait returns when there is a catalog, and says so where that takes long.
func (f *follower) Wait(ctx context.Context) error {
	long := time.NewTimer(time.Second)
	defer long.Stop()
	for {
		select {
		case <-f.first:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		case <-long.C:
			f.waiting.Do(func() { f.log.Info("waiting for a catalog; push one with: vitrine catalog push FILE") })
		}
	}
}

func (f *follower) take(e bus.Entry) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch e.Key {
	case catalogKey:
		f.source = e
	case serveKey:
		serve := map[string]string{}
		if err := json.Unmarshal(e.Value, &serve); err != nil {
			return fmt.Errorf("read key %s: %w", serveKey, err)
		}
		f.serve = serve
	default:
		return nil
	}
	if len(f.source.Value) == 0 {
		return nil
	}
	cat, err := catalog.Parse(f.source.Value, "catalog", catalog.Options{Serve: f.serve, Env: os.LookupEnv})
	if err != nil {
		return err
	}
	cat.Revision = f.source.Revision
	if f.took != nil {
		f.took(cat)
	}
	if f.current.Swap(cat) == nil {
		close(f.first)
	}
	f.save()
	f.log.Info("catalog in force", "revision", cat.Revision, "site", cat.Site.Name)
	select {
	case f.changed <- struct{}{}:
	default:
	}
	return nil
}

// putBack puts into the bucket again what it lost: the catalog in force, and where files are served.
func (f *follower) putBack(ctx context.Context) error {
	f.mu.Lock()
	source := f.source.Value
	serve, err := json.Marshal(f.serve)
	f.mu.Unlock()
	if err != nil || len(source) == 0 {
		return err
	}
	if _, err := f.bucket.Put(ctx, serveKey, serve); err != nil {
		return fmt.Errorf("tell again where files are served: %w", err)
	}
	if _, err := f.bucket.Put(ctx, catalogKey, source); err != nil {
		return fmt.Errorf("push the catalog again: %w", err)
	}
	return nil
}

// loadCatalog reads the catalog in force once, for commands.
func loadCatalog(ctx context.Context, conn *bus.Conn) (*catalog.Catalog, error) {
	f := newFollower(conn, slog.New(slog.DiscardHandler)) // a command says itself what it found
	for _, key := range []string{serveKey, catalogKey} {
		e, err := f.bucket.Get(ctx, key)
		if err != nil {
			if key == serveKey {
				continue // nothing is served from files
			}
			return nil, fmt.Errorf("read the catalog in force (push one with: vitrine catalog push FILE): %w", err)
		}
		if err := f.take(e); err != nil {
			return nil, fmt.Errorf("catalog in force: %w", err)
		}
	}
	return f.Catalog(), nil
}
