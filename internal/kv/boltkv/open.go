package boltkv

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"vitrine/internal/durable"
	"vitrine/internal/item"
)

// damageError is a file that exists and can't be trusted.
type damageError struct{ what string }

func (d *damageError) Error() string { return "damaged: " + d.what }

// openFile opens the file and checks that it is whole and ours. If not, the error is a *damageError.
func openFile(path string, opt Options) (db *bbolt.DB, err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil { // bbolt panics on invalid pages
			db = nil
			err = damaged("%v", r) // not closed: the panicking call may hold its locks
		}
	}()
	info, err := os.Stat(path)
	existed := err == nil
	switch {
	case existed && !info.Mode().IsRegular():
		return nil, fmt.Errorf("open %s: it is no file", path)
	case existed && info.Size() < int64(2*os.Getpagesize()):
		return nil, damaged("it has %d bytes", info.Size()) // bbolt would treat an empty file as a new one
	case existed:
		if err := inspect(path, opt.Lock); err != nil {
			return nil, openError(path, err)
		}
	}
	db, err = openBolt(path, opt)
	if err != nil {
		return nil, openError(path, err)
	}
	if existed {
		err = check(db)
	} else {
		err = lay(db)
		if err == nil {
			err = durable.SyncFolder(filepath.Dir(path)) // bbolt syncs the file, but not its directory entry
		}
	}
	if err != nil {
		db.Close()
		return nil, err
	}
	return db, nil
}

// openBolt opens a file for writing. If it waited for the lock while another process's compaction replaced the file, it
// holds the lock of a deleted file, and opens again.
func openBolt(path string, opt Options) (*bbolt.DB, error) {
	var file *os.File
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{
		Timeout: opt.Lock, NoFreelistSync: true, FreelistType: bbolt.FreelistMapType, InitialMmapSize: 64 << 20, NoSync: opt.NoSync,
		OpenFile: func(name string, flag int, mode os.FileMode) (_ *os.File, err error) {
			file, err = os.OpenFile(name, flag, mode)
			return file, err
		},
	})
	if err != nil {
		return nil, err
	}
	locked, err := file.Stat()
	if err == nil {
		if there, failed := os.Stat(path); failed != nil || !os.SameFile(locked, there) {
			err = berrors.ErrTimeout
		}
	}
	if err != nil {
		db.Close()
		return nil, err
	}
	return db, nil
}

// openError separates damage from failures that a new file would not cure.
func openError(path string, err error) error {
	damage := (*damageError)(nil)
	switch {
	case errors.As(err, &damage):
		return err
	case errors.Is(err, berrors.ErrTimeout):
		return fmt.Errorf("open %s: %w: another process has it locked; is a vitrine running with the same --dir?", path, item.ErrUnavailable)
	case errors.Is(err, berrors.ErrInvalid), errors.Is(err, berrors.ErrChecksum), errors.Is(err, berrors.ErrVersionMismatch):
		return damaged("%v", err)
	}
	return fmt.Errorf("open %s: %w", path, err)
}

// check looks for what lay created: a file without it is not ours, or has lost pages.
func check(db *bbolt.DB) error {
	return db.View(func(tx *bbolt.Tx) error {
		for _, name := range buckets() {
			if tx.Bucket([]byte(name)) == nil {
				return damaged("bucket %s is missing", name)
			}
		}
		if tx.Bucket([]byte(metaBucket)).Get([]byte(sentinel)) == nil {
			return damaged("the sentinel is missing")
		}
		return nil
	})
}

// lay creates the buckets, the sentinel and the epoch.
func lay(db *bbolt.DB) error {
	return db.Update(func(tx *bbolt.Tx) error {
		for _, name := range buckets() {
			if _, err := tx.CreateBucketIfNotExists([]byte(name)); err != nil {
				return err
			}
		}
		meta := tx.Bucket([]byte(metaBucket))
		if err := meta.Put([]byte(sentinel), []byte("1")); err != nil {
			return err
		}
		return meta.Put([]byte(metaPrefix+epochName), []byte(rand.Text()))
	})
}

func buckets() []string { return []string{recBucket, genBucket, blobBucket, relBucket, metaBucket} }
