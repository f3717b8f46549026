// Package mirror is a detail server's own copy of the blobs: a bbolt file that is served while Redis is away, and from
// which memory is warmed at the start.
package mirror

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/internal/kv/boltkv"
	"vitrine/internal/pause"
)

// reopenEvery is the interval of attempts to open a file.
const reopenEvery = 5 * time.Second

// FileName is the name of the file in the server's folder.
const FileName = "mirror.db"

// File is a detail server's own bbolt file. It can be released for a process that takes over, and may be unavailable:
// the server then uses the other tiers.
type File struct {
	open func() (*boltkv.Store, error)

	mu    sync.RWMutex // held for reading while the store is used
	store *boltkv.Store
	gone  bool // released, and not to be opened again
}

// Open opens the file of a server's folder. If that fails, Run tries again, and until then all operations fail with
// item.ErrUnavailable. ctx bounds the opening of the file, now and later.
func Open(ctx context.Context, dir string, log *slog.Logger) *File {
	f := &File{open: func() (*boltkv.Store, error) {
		return boltkv.Open(ctx, filepath.Join(dir, FileName), boltkv.Options{Log: log})
	}}
	if err := f.Acquire(); err != nil {
		log.Warn("this server's own file can't be opened; serving without it", "error", err)
	}
	return f
}

var errNotOpen = fmt.Errorf("%w: this server's own file is not open", item.ErrUnavailable)

// use calls do with the store, or fails with item.ErrUnavailable.
func (f *File) use(do func(*boltkv.Store) error) error {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if f.store == nil {
		return errNotOpen
	}
	return do(f.store)
}

// Acquire opens the file, unless it is open.
func (f *File) Acquire() (err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.gone = false
	if f.store == nil {
		f.store, err = f.open()
	}
	return err
}

// Release closes the file once its readers are done.
func (f *File) Release() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	store := f.store
	f.store = nil
	f.gone = true
	if store == nil {
		return nil
	}
	return store.Close()
}

// Run tries to open a file that could not be opened, until ctx ends, and then calls opened.
func (f *File) Run(ctx context.Context, opened func()) error {
	pause.Every(ctx, reopenEvery, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.store != nil || f.gone {
			return
		}
		if store, err := f.open(); err == nil {
			f.store = store
			opened()
		}
	})
	return nil
}

// Size is the file's size in bytes, 0 while it is not open.
func (f *File) Size() int64 { return f.measure((*boltkv.Store).Size) }

// Free is the number of bytes in free pages of the file, 0 while it is not open.
func (f *File) Free() int64 { return f.measure((*boltkv.Store).Free) }

func (f *File) measure(size func(*boltkv.Store) int64) (n int64) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if f.store != nil {
		n = size(f.store)
	}
	return n
}

// Blobs implements kv.BlobGetter.
func (f *File) Blobs(ctx context.Context, keys []kv.BlobKey) (blobs []kv.Blob, err error) {
	err = f.use(func(s *boltkv.Store) error {
		blobs, err = s.Blobs(ctx, keys)
		return err
	})
	return blobs, err
}

// ScanBlobs implements kv.BlobScanner.
func (f *File) ScanBlobs(ctx context.Context, cursor string, limit int) (keys []kv.BlobKey, next string, err error) {
	err = f.use(func(s *boltkv.Store) error {
		keys, next, err = s.ScanBlobs(ctx, cursor, limit)
		return err
	})
	return keys, next, err
}

// PutBlobs implements kv.BlobPutter.
func (f *File) PutBlobs(ctx context.Context, puts []kv.BlobPut) (stored []bool, err error) {
	err = f.use(func(s *boltkv.Store) error {
		stored, err = s.PutBlobs(ctx, puts)
		return err
	})
	return stored, err
}

// RemoveBlobs implements kv.BlobRemover.
func (f *File) RemoveBlobs(ctx context.Context, blobs []kv.BlobSeen) (removed []bool, err error) {
	err = f.use(func(s *boltkv.Store) error {
		removed, err = s.RemoveBlobs(ctx, blobs)
		return err
	})
	return removed, err
}

// Meta reads a small named value of the file.
func (f *File) Meta(ctx context.Context, name string) (value []byte, err error) {
	err = f.use(func(s *boltkv.Store) error {
		value, err = s.Meta(ctx, name)
		return err
	})
	return value, err
}

// SetMeta writes a small named value into the file.
func (f *File) SetMeta(ctx context.Context, name string, value []byte) error {
	return f.use(func(s *boltkv.Store) error { return s.SetMeta(ctx, name, value) })
}
