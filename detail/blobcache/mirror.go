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
)

// MirrorConfig of a Mirror. Catalog, From, To and Log are needed.
type MirrorConfig struct {
	Catalog func() *catalog.Catalog // the one in force; may give nil
	From    MirrorSource
	To      MirrorStore
	Log     *slog.Logger

	Rate    int           // blobs a second. Defaults to 5,000
	Batch   int           // blobs in one read. Defaults to 200
	Pending int           // announced keys that may wait; more are dropped for a copy of all. Defaults to 100,000
	Timeout time.Duration // of one read or write. Defaults to 5 s
	Retry   time.Duration // after a failure, doubled up to 32 times. Defaults to 500 ms
}

// MirrorSource is the blobs store that is mirrored.
type MirrorSource interface {
	kv.BlobGetter
	kv.BlobScanner
}

// MirrorStore is the server's own file. Meta of a name never set is empty.
type MirrorStore interface {
	kv.BlobPutter
	Meta(ctx context.Context, name string) ([]byte, error)
	SetMeta(ctx context.Context, name string, value []byte) error
}

// Names in the store's meta.
const (
	metaPosition = "mirror-position" // of the announcements that are all copied
	metaCursor   = "mirror-cursor"   // of a copy of all that is under way
	metaCopied   = "mirror-copied"   // set once all was copied
)

// Mirror copies blobs into the server's own file: announced ones as they come, and all of them in the
// background when the file is new or announcements were lost. Announced blobs go first.
type Mirror struct {
	config MirrorConfig
	wake   chan struct{} // of one: there is something to do

	mu       sync.Mutex // guards all below
	pending  map[kv.BlobKey]bool
	position []byte // of the newest announcement
	copyAll  bool
	idle     bool // everything that was announced is in the file
}

// NewMirror makes a mirror; Run drives it.
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

// Position is what Announced was last given among those whose blobs are all copied; nil before the first.
// Announcements after it are to be asked for again at the start; where they can't be had, call Gap.
func (m *Mirror) Position(ctx context.Context) ([]byte, error) {
	at, err := m.config.To.Meta(ctx, metaPosition)
	if err != nil {
		return nil, fmt.Errorf("read the mirror's position: %w", err)
	}
	return at, nil
}

// Announced notes blobs to copy. position says where in the announcements this one stands, in the caller's
// own bytes. It never blocks: where too many wait, all are dropped and everything is copied instead.
func (m *Mirror) Announced(e item.Entity, gens map[string]uint64, position []byte) {
	m.announced(e, slices.Collect(maps.Keys(gens)), position)
}

// Doubted is Announced for an entity of which any blob may be newer than was announced.
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

// Reached says where the announcements stand, when there is nothing to copy: those up to there are known, or were
// told to be lost.
func (m *Mirror) Reached(position []byte) {
	m.mu.Lock()
	m.position, m.idle = position, false
	m.mu.Unlock()
	m.signal()
}

// Gap says that announcements were lost: everything is copied anew.
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
				pause(ctx, m.config.Retry<<(failures-1))
				continue
			}
			failures = 0
			if !more {
				m.rest()
				break
			}
			pause(ctx, copier.rest)
			copier.rest = 0
		}
	}
	return nil
}

// rest notes that all is copied, unless something was announced since.
func (m *Mirror) rest() {
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

// drain empties what waits.
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

// pause waits, or less where ctx ends.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
