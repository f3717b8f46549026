package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"vitrine/internal/bus"
	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/redact"
)

// The bucket of the catalog, and the keys that a follower reads.
const (
	CatalogBucket = "catalog"
	CatalogKey    = "catalog" // the YAML in force
	ServeKey      = "serve"   // JSON: NAME of --serve → its base URL
)

// PreviousFor is how long the previous catalog may be needed: see Previous.
const PreviousFor = 15 * time.Minute

// askWithin bounds a request to NATS.
const askWithin = 2 * time.Second

// Follower follows the catalog in force. A revision that does not compile is logged and skipped: the last good one
// stays in force.
type Follower struct {
	OnCatalog func(*catalog.Catalog) // called before a catalog comes into force; nil for none
	OnAck     func(Ack)              // called with the result of each pushed revision; nil for none

	bucket   *bus.Bucket
	log      *slog.Logger
	current  atomic.Pointer[catalog.Catalog]
	previous atomic.Pointer[replaced]
	behind   atomic.Bool
	first    chan struct{} // closed when there is a catalog
	waiting  sync.Once     // for logging once that there is none
	changed  chan struct{} // holds a mark after each change
	lost     chan struct{} // holds a mark when the bucket was created again

	mu     sync.Mutex // guards the fields below
	source bus.Entry
	serve  map[string]string
	gone   removed
	file   string // stores the catalog in force, for a start while NATS is away; "" for none
}

// replaced is a catalog that was in force, and until when it may be needed.
type replaced struct {
	catalog *catalog.Catalog
	until   time.Time
}

// NewFollower makes a follower; Run drives it.
func NewFollower(conn *bus.Conn, log *slog.Logger) *Follower {
	return &Follower{
		bucket: conn.Bucket(CatalogBucket), log: log, serve: map[string]string{}, gone: removed{},
		first: make(chan struct{}), changed: make(chan struct{}, 1), lost: make(chan struct{}, 1),
	}
}

// Load reads the catalog in force once.
func Load(ctx context.Context, conn *bus.Conn) (*catalog.Catalog, error) {
	f := NewFollower(conn, slog.New(slog.DiscardHandler)) // the caller reports what it finds
	for _, key := range []string{ServeKey, CatalogKey} {
		e, err := f.bucket.Get(ctx, key)
		if err != nil {
			if key == ServeKey {
				continue // files are not served here
			}
			return nil, fmt.Errorf("read the catalog in force (push one with: vitrine catalog push FILE): %w", err)
		}
		if err := f.apply(e); err != nil {
			return nil, fmt.Errorf("catalog in force: %w", err)
		}
	}
	return f.Catalog(), nil
}

// Catalog is the catalog in force, nil before the first.
func (f *Follower) Catalog() *catalog.Catalog { return f.current.Load() }

// Previous is the last catalog of other shapes that was in force, or nil if there is none or it was replaced longer ago
// than PreviousFor. It renders pages whose blobs are not yet built for the catalog in force.
func (f *Follower) Previous() *catalog.Catalog {
	p := f.previous.Load()
	if p == nil || time.Now().After(p.until) {
		return nil
	}
	return p.catalog
}

// Serving is the catalog that blobs are most probably built for: the previous one while there is one, else the one in
// force.
func (f *Follower) Serving() *catalog.Catalog {
	if p := f.Previous(); p != nil {
		return p
	}
	return f.Catalog()
}

// Changed receives a mark when another catalog has come into force. It has one receiver.
func (f *Follower) Changed() <-chan struct{} { return f.changed }

// Behind reports whether this process can't use the head, and keeps an older catalog.
func (f *Follower) Behind() bool { return f.behind.Load() }

// Head asks NATS whether the catalog in force here is the head, and returns nil if it is. Otherwise the error wraps
// item.ErrCatalog, or item.ErrOwn if NATS does not answer. While there is no head, since the bucket was lost, each
// process's own catalog counts.
func (f *Follower) Head(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	head, err := f.bucket.Get(ctx, CatalogKey)
	switch now := f.Catalog(); {
	case errors.Is(err, bus.ErrNoEntry):
		return nil
	case err != nil:
		return fmt.Errorf("%w: ask which catalog is in force: %w", item.ErrOwn, err)
	case now == nil || !bytes.Equal(head.Value, now.Source):
		return fmt.Errorf("%w: revision %d is in force", item.ErrCatalog, head.Revision)
	}
	return nil
}

// Run follows the bucket until ctx ends.
func (f *Follower) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(redact.Guard(func() error { return restore(ctx, "the catalog that was lost", f.lost, f.log, f.PutBack) }))
	group.Go(func() error {
		defer redact.Crash()
		f.recall(ctx)
		return f.bucket.Watch(ctx, func(e bus.Entry) error {
			if e.Reset {
				f.log.Warn("the bucket of the catalog was made anew; the catalog in force stays, and is put back")
				mark(f.lost)
				return nil
			}
			err := f.apply(e)
			f.acknowledge(e.Made, err)
			if err != nil {
				f.log.Error("pushed catalog not taken; the last good one stays (vitrine catalog rollback puts it in force again everywhere)",
					"key", e.Key, "revision", e.Revision, "error", err)
			}
			return nil
		})
	})
	return group.Wait()
}

// Wait returns when there is a catalog, and logs if that takes long.
func (f *Follower) Wait(ctx context.Context) error {
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

// apply puts an entry of the bucket in force.
func (f *Follower) apply(e bus.Entry) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case e.Key == CatalogKey && e.Deleted:
		f.log.Warn("the catalog was deleted from its bucket; the one in force stays, and who starts now has none", "revision", e.Revision)
		return nil
	case e.Key == CatalogKey:
		f.source = e
	case e.Key == ServeKey:
		serve := map[string]string{}
		if err := json.Unmarshal(e.Value, &serve); err != nil {
			return fmt.Errorf("read key %s: %w", ServeKey, err)
		}
		f.serve = serve
	default:
		return nil
	}
	if len(f.source.Value) == 0 {
		return nil
	}
	cat, err := f.parse(f.source)
	f.behind.Store(err != nil)
	if err != nil {
		return err
	}
	f.enforce(cat)
	f.save()
	f.log.Info("catalog in force", "revision", cat.Revision, "site", cat.Site.Name)
	return nil
}

// acknowledge reports the result of the head.
func (f *Follower) acknowledge(made time.Time, err error) {
	f.mu.Lock()
	revision := f.source.Revision
	f.mu.Unlock()
	if f.OnAck == nil || revision == 0 {
		return
	}
	ack := Ack{Bucket: CatalogBucket, Key: CatalogKey, Revision: revision, Made: made}
	if cat := f.Catalog(); cat != nil {
		ack.Value = digest(cat.Source)
	}
	if err != nil {
		ack.Error = err.Error()
	}
	f.OnAck(ack)
}

// parse compiles a revision. It needs mu.
func (f *Follower) parse(e bus.Entry) (*catalog.Catalog, error) {
	cat, err := catalog.Parse(e.Value, "catalog", catalog.Options{Serve: f.serve})
	if err != nil {
		return nil, err
	}
	cat.Revision = e.Revision
	return cat, nil
}

func (f *Follower) enforce(cat *catalog.Catalog) {
	if f.OnCatalog != nil {
		f.OnCatalog(cat)
	}
	if was := f.current.Load(); was != nil && was.Shapes != cat.Shapes {
		f.previous.Store(&replaced{was, time.Now().Add(PreviousFor)})
		f.gone.note(was, cat, time.Now().Add(PreviousFor))
	}
	if f.current.Swap(cat) == nil {
		close(f.first)
	}
	mark(f.changed)
}

// mark puts a mark into a channel unless it holds one.
func mark(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
