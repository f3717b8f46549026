package boltkv

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"go.etcd.io/bbolt"

	"vitrine/internal/durable"
)

// bbolt never returns pages to the file system: a file that once was large stays large. A compaction copies its content
// into a new file beside it, which then replaces it:
//
//	writer   copies some keys ─ commits a group ─ copies the group's keys, of those it has passed ─ copies more … ─ sync ─ rename
//
// The writer's goroutine does all of this in small steps, so that the copy is always equal to the file as far as it has
// come, and writes wait for milliseconds only. Reads use the old file until the new one has replaced it. Until the
// rename the old file is unchanged; the next start removes what a crash leaves of the new one.

const (
	compactKeys  = 1000      // in one step
	compactBytes = 1 << 20   // in one step, unless a single value is larger
	compactAgain = time.Hour // the pause after a failed compaction
	compactRoom  = 64 << 20  // bytes that must remain free on the disk
)

// compactor compacts the file when much of it is free.
type compactor struct {
	store  *Store
	to     *bbolt.DB        // nil while no compaction is running
	due    <-chan time.Time // time of the next step; nil while to is nil
	bucket int              // index in buckets() of the one being copied
	after  []byte           // the last key copied from it; nil for none
	was    int64            // size of the file before, in bytes
	failed time.Time
}

func compacting(path string) string { return path + ".compacting" }

// removeCompacting removes the remains of an interrupted compaction. The file must be locked.
func removeCompacting(path string) error {
	if err := os.Remove(compacting(path)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove what is left of a compaction: %w", err)
	}
	return nil
}

// freePages is the number of bytes in free pages.
func freePages(db *bbolt.DB) int64 {
	stats := db.Stats()
	return int64(stats.FreePageN+stats.PendingPageN) * int64(db.Info().PageSize)
}

// check begins a compaction if much of the file is free.
func (c *compactor) check() {
	if c.to != nil || c.store.broken.Load() {
		return
	}
	file, free, now := c.store.Size(), freePages(c.store.db.Load()), c.store.opt.Now()
	c.store.free.Store(free)
	if free < c.store.opt.Compact || 2*free < file || now.Sub(c.failed) < compactAgain {
		return
	}
	if err := c.begin(uint64(file - free)); err != nil {
		c.fail(err)
	}
}

// begin creates the new file, which will hold about used bytes.
func (c *compactor) begin(used uint64) error {
	path := c.store.path
	left, err := c.store.opt.Room(filepath.Dir(path))
	if err != nil {
		return err
	}
	if need := used + used/4 + compactRoom; left < need {
		return fmt.Errorf("the disk has %d MiB left, and it takes %d", left>>20, need>>20)
	}
	if err := removeCompacting(path); err != nil {
		return err
	}
	opt := c.store.opt
	opt.NoSync = true // synced once at the end
	c.to, err = openBolt(compacting(path), opt)
	if err != nil {
		return err
	}
	c.bucket, c.after, c.was, c.due = 0, nil, c.store.Size(), time.After(0)
	return c.to.Update(func(tx *bbolt.Tx) error {
		for _, name := range buckets() {
			if _, err := tx.CreateBucket([]byte(name)); err != nil {
				return err
			}
		}
		return nil
	})
}

// pair is a key and its value; nil if it has none.
type pair struct {
	touch
	value []byte
}

// step copies the next keys, and finishes after the last.
func (c *compactor) step() {
	began := time.Now()
	bucket := buckets()[c.bucket]
	pairs, err := c.read(bucket)
	if err == nil {
		err = c.write(pairs)
	}
	switch {
	case err != nil:
		c.fail(err)
		return
	case len(pairs) > 0:
		c.after = pairs[len(pairs)-1].key
	case c.bucket+1 < len(buckets()):
		c.bucket, c.after = c.bucket+1, nil
	default:
		if err := c.finish(); err != nil {
			c.fail(err)
		}
		return
	}
	c.due = time.After(time.Since(began)) // half of the time is left to other writes
}

// read gives the next keys of a bucket; none at its end.
func (c *compactor) read(bucket string) (pairs []pair, err error) {
	size := 0
	err = c.store.transact(false, func(tx *bbolt.Tx) error {
		cursor := tx.Bucket([]byte(bucket)).Cursor()
		k, v := cursor.Seek(c.after)
		if c.after != nil && string(k) == string(c.after) {
			k, v = cursor.Next()
		}
		for ; k != nil && len(pairs) < compactKeys && size < compactBytes; k, v = cursor.Next() {
			pairs = append(pairs, pair{touch{bucket, append([]byte{}, k...)}, append([]byte{}, v...)})
			size += len(k) + len(v)
		}
		return nil
	})
	return pairs, err
}

// write stores pairs in the new file.
func (c *compactor) write(pairs []pair) error {
	if len(pairs) == 0 {
		return nil
	}
	return c.to.Update(func(tx *bbolt.Tx) error {
		for _, p := range pairs {
			b := tx.Bucket([]byte(p.bucket))
			b.FillPercent = 0.9 // most keys come in order
			var err error
			if p.value == nil {
				err = b.Delete(p.key)
			} else {
				err = b.Put(p.key, p.value)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// follow copies what was just written, as far as the copy has come; the rest will be copied later.
func (c *compactor) follow(touched []touch) {
	if c.to == nil {
		return
	}
	var pairs []pair
	err := c.store.transact(false, func(tx *bbolt.Tx) error {
		for _, t := range touched {
			if !c.passed(t) {
				continue
			}
			p := pair{touch: t}
			if v := tx.Bucket([]byte(t.bucket)).Get(t.key); v != nil {
				p.value = append([]byte{}, v...)
			}
			pairs = append(pairs, p)
		}
		return nil
	})
	if err == nil {
		err = c.write(pairs)
	}
	if err != nil {
		c.fail(err)
	}
}

// passed reports whether the copy has passed a key's position.
func (c *compactor) passed(t touch) bool {
	for i, name := range buckets() {
		if name == t.bucket {
			return i < c.bucket || i == c.bucket && string(t.key) <= string(c.after)
		}
	}
	return false
}

// finish replaces the old file with the new one. The folder is synced before anything else is written; otherwise a
// power cut could bring back the old file, without what was written since.
func (c *compactor) finish() error {
	path := c.store.path
	err := errors.Join(check(c.to), c.to.Sync())
	if err == nil {
		err = os.Rename(compacting(path), path)
	}
	if err != nil {
		return err
	}
	err = durable.SyncFolder(filepath.Dir(path))
	c.to.NoSync = c.store.opt.NoSync
	old := c.store.db.Swap(c.to)
	c.to, c.due = nil, nil
	err = errors.Join(err, old.Close()) // once its readers are done
	c.store.free.Store(freePages(c.store.db.Load()))
	c.store.opt.Log.Info("the store's file was compacted", "path", path, "bytes_before", c.was, "bytes", c.store.Size())
	if err != nil {
		c.store.opt.Log.Warn("the compacted store is in use, and something of the change failed", "path", path, "error", err)
	}
	return nil
}

// fail stops a compaction and postpones the next. The file is unchanged.
func (c *compactor) fail(err error) {
	c.abandon()
	c.failed = c.store.opt.Now()
	c.store.opt.Log.Warn("the store's file is not compacted; tried again in an hour", "path", c.store.path, "error", err)
}

// abandon stops a running compaction, if there is one.
func (c *compactor) abandon() {
	if c.to == nil {
		return
	}
	err := c.to.Close()
	c.to, c.due = nil, nil
	if err := errors.Join(err, removeCompacting(c.store.path)); err != nil {
		c.store.opt.Log.Warn("a compaction left something behind", "path", c.store.path, "error", err)
	}
}
