package boltkv

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"vitrine/internal/failpoint"
	"vitrine/internal/item"
)

// view runs a read. f must copy what it keeps.
func (s *Store) view(ctx context.Context, f func(tx *bbolt.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.failed("read", s.transact(false, f))
}

// transact runs f in a transaction, which is committed unless f fails. A panic or fault caused by a damaged page
// becomes an error. bbolt's View and Update can't be used for that: to end a transaction that panicked, Update walks
// all pages again, panics again, and keeps its locks.
func (s *Store) transact(writable bool, f func(tx *bbolt.Tx) error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	tx, err := s.begin(writable)
	if err != nil {
		return err
	}
	defer func() {
		if r := recover(); r != nil {
			err = s.faulted(r)
		}
		_ = tx.Rollback() // does nothing after Commit
	}()
	if err := f(tx); err != nil || !writable {
		return err
	}
	failpoint.Hit(failpoint.Committing)
	err = tx.Commit()
	failpoint.Hit(failpoint.Committed)
	return err
}

// begin opens a transaction. A fault here, when the file was truncated, leaves bbolt's locks held.
func (s *Store) begin(writable bool) (tx *bbolt.Tx, err error) {
	if s.broken.Load() {
		return nil, errors.New("the file was damaged while open")
	}
	defer func() {
		if r := recover(); r != nil {
			s.broken.Store(true)
			err = s.faulted(r)
		}
	}()
	for {
		db := s.db.Load()
		tx, err := db.Begin(writable)
		if errors.Is(err, berrors.ErrDatabaseNotOpen) && db != s.db.Load() {
			continue // a compaction has replaced it
		}
		return tx, err
	}
}

// faulted converts a panic to an error, and logs the first one.
func (s *Store) faulted(r any) error {
	if !s.damageLogged.Swap(true) {
		s.opt.Log.Error("the store's file is damaged; the next start will set it aside", "path", s.path, "panic", fmt.Sprint(r))
	}
	return damaged("%v", r)
}

// failed wraps bbolt's error, once. A lost compare-and-set is not a failure of the store.
func (s *Store) failed(what string, err error) error {
	if err == nil || errors.Is(err, item.ErrChanged) {
		return err
	}
	return fmt.Errorf("%s %s: %w: %w", what, s.path, item.ErrUnavailable, err)
}
