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

// view runs a read. f copies out what it wants to keep.
func (s *Store) view(ctx context.Context, f func(tx *bbolt.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.failed("read", s.transact(false, f))
}

// transact runs f in a transaction of its own, which is committed unless f fails. A panic or fault over a
// damaged page becomes an error. bbolt's View and Update are not for that: to end a transaction that panicked,
// Update walks all pages once more, panics again, and keeps its locks.
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
		_ = tx.Rollback() // after Commit it is closed, and this does nothing
	}()
	if err := f(tx); err != nil || !writable {
		return err
	}
	failpoint.Hit(failpoint.Committing)
	err = tx.Commit()
	failpoint.Hit(failpoint.Committed)
	return err
}

// begin opens a transaction. A fault in here, when the file was cut to nothing, leaves bbolt's locks held.
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
			continue // its compacted successor has taken its place
		}
		return tx, err
	}
}

// faulted makes an error of a panic, and logs the first.
func (s *Store) faulted(r any) error {
	if !s.told.Swap(true) {
		s.opt.Log.Error("the store's file is damaged; the next start will set it aside", "path", s.path, "panic", fmt.Sprint(r))
	}
	return damaged("%v", r)
}

// failed wraps what bbolt says, once. A lost compare-and-set is no failure of the store's.
func (s *Store) failed(what string, err error) error {
	if err == nil || errors.Is(err, item.ErrChanged) {
		return err
	}
	return fmt.Errorf("%s %s: %w: %w", what, s.path, item.ErrUnavailable, err)
}
