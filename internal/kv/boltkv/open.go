package boltkv

import (
	"errors"
	"fmt"
	"os"
	"runtime/debug"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"vitrine/internal/kv"
)

// damageError says that a file is there and can't be trusted.
type damageError struct{ what string }

func (d *damageError) Error() string { return "damaged: " + d.what }

// openFile opens the file, and looks whether it is whole and ours. It answers *damageError where it isn't.
func openFile(path string, opt Options) (db *bbolt.DB, err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil { // bbolt panics over pages that make no sense
			if db != nil {
				db.Close()
			}
			db, err = nil, &damageError{fmt.Sprint(r)}
		}
	}()
	size, existed := sizeOf(path)
	if existed && size < int64(2*os.Getpagesize()) {
		return nil, &damageError{fmt.Sprintf("it has %d bytes", size)}
	}
	db, err = bbolt.Open(path, 0o600, &bbolt.Options{
		Timeout: opt.Lock, NoFreelistSync: true, FreelistType: bbolt.FreelistMapType, InitialMmapSize: 64 << 20, NoSync: opt.NoSync,
	})
	switch {
	case errors.Is(err, berrors.ErrTimeout):
		return nil, fmt.Errorf("open %s: another process has it locked; is a vitrine running with the same --dir?", path)
	case errors.Is(err, berrors.ErrInvalid), errors.Is(err, berrors.ErrChecksum), errors.Is(err, berrors.ErrVersionMismatch):
		return nil, &damageError{err.Error()}
	case err != nil:
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	if existed {
		err = check(db, path, size <= opt.Check)
	} else {
		err = lay(db)
	}
	if err != nil {
		db.Close()
		return nil, err
	}
	return db, nil
}

func sizeOf(path string) (int64, bool) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, false
	}
	return info.Size(), true
}

// suspectPath is the mark that a running process leaves when it meets damage.
func suspectPath(path string) string { return path + ".suspect" }

// check looks for the sentinel, and walks the whole structure where the file is small or under suspicion.
func check(db *bbolt.DB, path string, whole bool) error {
	_, suspect := sizeOf(suspectPath(path))
	err := db.View(func(tx *bbolt.Tx) error {
		for _, name := range []string{recBucket, genBucket, blobBucket, relBucket, metaBucket} {
			if tx.Bucket([]byte(name)) == nil {
				return &damageError{"bucket " + name + " is missing"}
			}
		}
		if tx.Bucket([]byte(metaBucket)).Get([]byte(sentinel)) == nil {
			return &damageError{"the sentinel is missing"}
		}
		if !whole && !suspect {
			return nil
		}
		var first error
		for err := range tx.Check() { // read to its end, which stops bbolt's goroutine
			if first == nil {
				first = &damageError{err.Error()}
			}
		}
		return first
	})
	if err == nil && suspect {
		return os.Remove(suspectPath(path))
	}
	return err
}

// lay makes the buckets, the sentinel and the epoch.
func lay(db *bbolt.DB) error {
	return db.Update(func(tx *bbolt.Tx) error {
		for _, name := range []string{recBucket, genBucket, blobBucket, relBucket, metaBucket} {
			if _, err := tx.CreateBucketIfNotExists([]byte(name)); err != nil {
				return err
			}
		}
		meta := tx.Bucket([]byte(metaBucket))
		if err := meta.Put([]byte(sentinel), []byte("1")); err != nil {
			return err
		}
		return meta.Put([]byte("m:"+kv.EpochKey), newEpoch())
	})
}
