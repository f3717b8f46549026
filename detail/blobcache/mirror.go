package blobcache

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/internal/pause"
)

// MirrorConfig configures a Mirror. Catalog, From, To and Log are required.
type MirrorConfig struct {
	Catalog func() *catalog.Catalog // the catalog in force; may return nil
	From    MirrorSource
	To      MirrorStore
	Log     *slog.Logger

	Rate    int           // blobs a second. Defaults to 5,000
	Batch   int           // blobs in one read. Defaults to 200
	Pending int           // announced keys that may wait; beyond it, all are dropped and everything is copied. Defaults to 100,000
	Timeout time.Duration // of one read or write. Defaults to 5 s
	Retry   time.Duration // wait after a failure, doubled with each further one up to 32 times as long. Defaults to 500 ms
}

// MirrorSource is the blobs store that is mirrored.
type MirrorSource interface {
	kv.BlobGetter
	kv.BlobScanner
}

// MirrorStore is the server's own file: blobs, and small values by name.
type MirrorStore interface {
	kv.BlobPutter
	// Meta returns the value of a name, empty if it was never set.
	Meta(ctx context.Context, name string) ([]byte, error)
	SetMeta(ctx context.Context, name string, value []byte) error
}

// Names in the store's meta.
const (
	metaPosition = "mirror-position" // all that was announced up to there is copied
	metaCursor   = "mirror-cursor"   // of the full copy that is under way
	metaCopied   = "mirror-copied"   // set once a full copy has ended
)

// Mirror copies blobs into the server's own file: the announced blobs as they come, and all blobs in the background when the
// file is new or announcements were lost. Announced blobs are copied first. It is safe for concurrent use.
type Mirror struct {
	config MirrorConfig
	wake   chan struct{} // of capacity one: there is something to copy

	mu       sync.Mutex // guards all below
	pending  map[kv.BlobKey]bool
	position []byte // of the newest announcement
	copyAll  bool   // a full copy is due
	idle     bool   // all that was announced is in the file
}

// NewMirror makes a Mirror; Run does its work. It fails if a required field is missing or a bound is negative.
func NewMirror(c MirrorConfig) (*Mirror, error) {
	c.Rate = cmp.Or(c.Rate, 5000)
	c.Batch = cmp.Or(c.Batch, 200)
	c.Pending = cmp.Or(c.Pending, 100_000)
	c.Timeout = cmp.Or(c.Timeout, 5*time.Second)
	c.Retry = cmp.Or(c.Retry, 500*time.Millisecond)
	if c.Catalog == nil || c.From == nil || c.To == nil || c.Log == nil || min(c.Rate, c.Batch, c.Pending) < 0 {
		return nil, errors.New("mirror: Catalog, From, To and Log must be given, and no bound be negative")
	}
	return &Mirror{config: c, wake: make(chan struct{}, 1), pending: map[kv.BlobKey]bool{}}, nil
}

// Position returns the position up to which every announcement is copied; nil before the first. After a start, the caller passes on the
// announcements that follow it, or calls Gap if they can't be had. Position fails with what the file fails with.
func (m *Mirror) Position(ctx context.Context) ([]byte, error) {
	at, err := m.config.To.Meta(ctx, metaPosition)
	if err != nil {
		return nil, fmt.Errorf("read the mirror's position: %w", err)
	}
	return at, nil
}

// Announced notes blobs of an entity to copy: the names in gens. position is that of this announcement, in bytes that only the caller
// understands. Announced never blocks: if more keys wait than Pending, all are dropped and everything is copied instead.
func (m *Mirror) Announced(e item.Entity, gens map[string]uint64, position []byte) {
	m.announced(e, slices.Collect(maps.Keys(gens)), position)
}

// Doubted is like Announced, for an entity whose blobs may all be newer than their last announcement.
func (m *Mirror) Doubted(e item.Entity, position []byte) {
	m.announced(e, m.config.Catalog().BlobNames(e.Kind), position)
}

func (m *Mirror) announced(e item.Entity, blobs []string, position []byte) {
	m.mu.Lock()
	for _, blob := range blobs {
		m.pending[kv.BlobKey{Entity: e, Blob: blob}] = true
	}
	m.position, m.idle = position, false
	if len(m.pending) > m.config.Pending {
		clear(m.pending)
		m.copyAll = true
	}
	m.mu.Unlock()
	m.signal()
}

// Reached notes a position up to which every announcement was passed on or reported by Gap, although the last of them named no blob.
func (m *Mirror) Reached(position []byte) {
	m.mu.Lock()
	m.position, m.idle = position, false
	m.mu.Unlock()
	m.signal()
}

// Gap notes that announcements were lost. Everything is copied anew.
func (m *Mirror) Gap() {
	m.mu.Lock()
	m.copyAll, m.idle = true, false
	m.mu.Unlock()
	m.signal()
}

func (m *Mirror) signal() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// Run copies until ctx ends. Failures are logged and tried again; it returns nil.
func (m *Mirror) Run(ctx context.Context) error {
	m.signal()
	copier := &copier{mirror: m, config: m.config, restart: true}
	failures := 0
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
			return nil
		case <-m.wake:
		}
		for ctx.Err() == nil {
			more, err := copier.step(ctx)
			if err != nil && ctx.Err() == nil {
				failures = min(failures+1, 6)
				m.config.Log.Warn("mirror waits", "error", err, "failures", failures)
				_ = pause.For(ctx, m.config.Retry<<(failures-1))
				continue
			}
			failures = 0
			if !more {
				m.settle()
				break
			}
			_ = pause.For(ctx, copier.delay)
			copier.delay = 0
		}
	}
	return nil
}

// settle notes that the copier has nothing left to do. The mirror is idle unless something was announced since.
func (m *Mirror) settle() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.idle = len(m.pending) == 0 && !m.copyAll
}

// Behind reports whether something that was announced is not in the file yet.
func (m *Mirror) Behind() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return !m.idle
}

// drain returns all that waits, and forgets it.
func (m *Mirror) drain() (keys []kv.BlobKey, position []byte, all bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for key := range m.pending {
		keys = append(keys, key)
	}
	clear(m.pending)
	position, all = m.position, m.copyAll
	m.position, m.copyAll = nil, false
	return keys, position, all
}
