// Package durable writes small files that must survive a power cut, and reports whether there may have been one.
package durable

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// WriteFile replaces a file whole or not at all. When it returns, the new content is on the disk. Two callers must not
// write the same file at once.
func WriteFile(path string, body []byte) error {
	next := path + ".new"
	if err := writeSynced(next, body); err != nil {
		return err
	}
	if err := os.Rename(next, path); err != nil {
		return err
	}
	return SyncFolder(filepath.Dir(path))
}

func writeSynced(path string, body []byte) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	_, err = file.Write(body)
	if err == nil {
		err = file.Sync()
	}
	return errors.Join(err, file.Close())
}

// SyncFolder makes the entries of a folder durable: of files created, renamed or removed there.
func SyncFolder(path string) error { return syncPath(path) }

// SyncTree makes all files and folders in root durable. It skips what is removed meanwhile.
func SyncTree(root string) error {
	return filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && (entry.IsDir() || entry.Type().IsRegular()) {
			err = syncPath(path)
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	})
}

func syncPath(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(file.Sync(), file.Close())
}
