package boltkv

import (
	"bytes"
	"encoding/binary"
	"io"
	"os"
	"time"

	"go.etcd.io/bbolt"
)

// inspect walks every page of the file that can be reached, before bbolt does. bbolt makes the same walk when
// it opens a file for writing, trusts what it finds, and does so in a goroutine of its own, whose panic nobody
// can recover: a flipped byte would end the process. Only page heads and keys are read, about a second for a
// GiB; values have checksums of their own. The file is locked meanwhile, so that nobody writes to it.
func inspect(path string, lock time.Duration) error {
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{ReadOnly: true, Timeout: lock})
	if err != nil {
		return err
	}
	defer db.Close()
	tx, err := db.Begin(false)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	if info, err := file.Stat(); err != nil || info.Size() < tx.Size() {
		return damaged("it has less than the %d bytes that it speaks of", tx.Size())
	}
	pageSize := uint64(db.Info().PageSize)
	w := &inspector{file: file, pageSize: pageSize, seen: make([]bool, uint64(tx.Size())/pageSize)}
	return w.buckets(uint64(tx.Cursor().Bucket().RootPage()))
}

// maxDepth is how deep a tree may be. With two keys a page, 24 makes 16 million pages.
const maxDepth = 24

// inspector walks the pages of a file.
type inspector struct {
	file     io.ReaderAt
	pageSize uint64
	seen     []bool // pages met, of those that the file uses
}

// buckets walks the tree of buckets, and each one's own. Ours hold no further buckets.
func (w *inspector) buckets(root uint64) error {
	return w.tree(root, nil, nil, 0, func(value []byte) error {
		if len(value) < bucketHead {
			return damaged("a bucket of %d bytes", len(value))
		}
		if root := binary.NativeEndian.Uint64(value); root != 0 {
			return w.tree(root, nil, nil, 0, nil)
		}
		r, err := inlineRun(value[bucketHead:])
		if err != nil {
			return err
		}
		return w.entries(r, nil, nil, 0, nil)
	})
}

// tree walks from a page down. Its keys must be in [low, high), nil being open. bucket is called for the
// elements of a tree of buckets; nil in a tree of values.
func (w *inspector) tree(id uint64, low, high []byte, depth int, bucket func(value []byte) error) error {
	r, err := w.read(id)
	if err != nil {
		return err
	}
	if depth > maxDepth || r.flags == branch && r.count == 0 {
		return damaged("page %d is a branch that leads nowhere", id)
	}
	return w.entries(r, low, high, depth, bucket)
}

// read reads a page, and claims it and those that it overflows into.
func (w *inspector) read(id uint64) (r run, err error) {
	if id < 2 || id >= uint64(len(w.seen)) {
		return r, damaged("page %d is out of bounds", id)
	}
	r, err = readRun(w.file, id, w.pageSize)
	if err != nil {
		return r, err
	}
	end := id + r.size/w.pageSize
	if end > uint64(len(w.seen)) {
		return r, damaged("page %d overflows the file", id)
	}
	for i := id; i < end; i++ {
		if w.seen[i] {
			return r, damaged("page %d is referred to twice", i)
		}
		w.seen[i] = true
	}
	return r, nil
}

// entries looks at each element's bounds and order, and follows it.
func (w *inspector) entries(r run, low, high []byte, depth int, bucket func(value []byte) error) error {
	last := low
	for i := range r.count {
		key, err := r.key(i)
		if err != nil {
			return err
		}
		if order := bytes.Compare(last, key); order > 0 || order == 0 && i > 0 || high != nil && bytes.Compare(key, high) >= 0 {
			return damaged("page %d has its keys in disorder", r.id)
		}
		last = key
		if r.flags == branch {
			err = w.descend(r, i, key, high, depth, bucket)
		} else {
			err = visit(r, i, bucket)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// descend follows a branch's element, whose keys end where the next one's begin.
func (w *inspector) descend(r run, i int, key, high []byte, depth int, bucket func(value []byte) error) (err error) {
	if i+1 < r.count {
		high, err = r.key(i + 1)
		if err != nil {
			return err
		}
	}
	return w.tree(r.child(i), key, high, depth+1, bucket)
}

// visit looks whether a leaf's element is what its tree holds.
func visit(r run, i int, bucket func(value []byte) error) error {
	switch flags := r.elementFlags(i); {
	case flags == 0 && bucket == nil:
		return nil
	case flags != bucketFlag || bucket == nil:
		return damaged("page %d has an element of flags %#x", r.id, flags)
	}
	value, err := r.value(i)
	if err != nil {
		return err
	}
	return bucket(value)
}
