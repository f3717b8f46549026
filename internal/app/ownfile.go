package app

import (
	"context"
	"fmt"
	"sync"
	"time"

	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/internal/kv/boltkv"
)

// reopenEvery is how often a file that could not be opened is tried again.
const reopenEvery = 5 * time.Second

// ownFile is a detail server's own bbolt file. It can be let go for a process that takes over, and may not be
// there: the server then serves from the other tiers.
type ownFile struct {
	open func() (*boltkv.Store, error)

	mu    sync.RWMutex // held for reading while the store is used
	store *boltkv.Store
	gone  bool // let go, and not to be opened again
}

var errOwnFile = fmt.Errorf("%w: this server's own file is not open", item.ErrUnavailable)

// use calls f with the store.
func (o *ownFile) use(f func(*boltkv.Store) error) error {
	o.mu.RLock()
	defer o.mu.RUnlock()
	if o.store == nil {
		return errOwnFile
	}
	return f(o.store)
}

// take opens the file, unless it is open.
func (o *ownFile) take() (err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.gone = false; o.store == nil {
		o.store, err = o.open()
	}
	return err
}

// release closes the file, once those who read from it are through.
func (o *ownFile) release() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	store := o.store
	o.store, o.gone = nil, true
	if store == nil {
		return nil
	}
	return store.Close()
}

// Run tries to open a file that could not be, until ctx ends.
func (o *ownFile) Run(ctx context.Context, opened func()) error {
	tick := time.NewTicker(reopenEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		o.mu.Lock()
		if o.store == nil && !o.gone {
			if store, err := o.open(); err == nil {
				o.store = store
				opened()
			}
		}
		o.mu.Unlock()
	}
}

// Blobs reads from the file.
func (o *ownFile) Blobs(ctx context.Context, keys []kv.BlobKey) (blobs []kv.Blob, err error) {
	err = o.use(func(s *boltkv.Store) error {
		blobs, err = s.Blobs(ctx, keys)
		return err
	})
	return blobs, err
}

// ScanBlobs lists what is in the file.
func (o *ownFile) ScanBlobs(ctx context.Context, cursor string, limit int) (keys []kv.BlobKey, next string, err error) {
	err = o.use(func(s *boltkv.Store) error {
		keys, next, err = s.ScanBlobs(ctx, cursor, limit)
		return err
	})
	return keys, next, err
}

// PutBlobs writes into the file.
func (o *ownFile) PutBlobs(ctx context.Context, puts []kv.BlobPut) (stored []bool, err error) {
	err = o.use(func(s *boltkv.Store) error {
		stored, err = s.PutBlobs(ctx, puts)
		return err
	})
	return stored, err
}

// Meta reads a note of the file.
func (o *ownFile) Meta(ctx context.Context, name string) (value []byte, err error) {
	err = o.use(func(s *boltkv.Store) error {
		value, err = s.Meta(ctx, name)
		return err
	})
	return value, err
}

// SetMeta writes a note into the file.
func (o *ownFile) SetMeta(ctx context.Context, name string, value []byte) error {
	return o.use(func(s *boltkv.Store) error { return s.SetMeta(ctx, name, value) })
}
