package boltkv

import (
	"bytes"
	"encoding/binary"
	"io"
	"os"
	"time"

	"go.etcd.io/bbolt"
)

// inspect walks every reachable page of the file before bbolt does. bbolt makes the same walk when it opens a file for
// writing, but it trusts what it finds, in a goroutine of its own whose panic nobody can recover, so a flipped byte
// would end the process. inspect reads page heads and keys only, about a second for a GiB; values have checksums of
// their own. It locks the file, so that nobody writes to it meanwhile.
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

// maxDepth limits the depth of a tree. With two keys a page, 24 levels hold 16 million pages.
const maxDepth = 24

// inspector walks the pages of a file.
type inspector struct {
	file     io.ReaderAt
	pageSize uint64
	seen     []bool // pages visited, of those that the file uses
}

// buckets walks the tree of buckets, and the tree of each. Our buckets contain no further buckets.
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

// tree walks from a page down. Its keys must be in [low, high); nil is open. In the tree of buckets, bucket is called
// for each element; in a tree of values it is nil.
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

// read reads a page, and marks it and its overflow pages as seen.
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

// entries checks the bounds and the order of each element, and follows it.
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

// descend follows the element of a branch, whose keys end where the next element's begin.
func (w *inspector) descend(r run, i int, key, high []byte, depth int, bucket func(value []byte) error) (err error) {
	if i+1 < r.count {
		high, err = r.key(i + 1)
		if err != nil {
			return err
		}
	}
	return w.tree(r.child(i), key, high, depth+1, bucket)
}

// visit checks that a leaf's element is of the kind that its tree holds.
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
