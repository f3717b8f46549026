package boltkv

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"go.etcd.io/bbolt"

	"vitrine/internal/item"
	"vitrine/internal/kv"
)

// errClosed is what callers get after Close.
var errClosed = errors.New("the store is closed")

// update has f run in the next group and returns when that is committed. An error of f's fails f alone: it
// must not have written before.
func (s *Store) update(ctx context.Context, f func(tx *bbolt.Tx) error) error {
	w := &write{do: f, done: make(chan error, 1)}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-s.closing:
		return s.failed("write", errClosed)
	default:
	}
	select {
	case s.writes <- w:
	case <-ctx.Done():
		return ctx.Err()
	case <-s.closing:
		return s.failed("write", errClosed)
	}
	select {
	case err := <-w.done: // also after ctx has ended: whether it is stored is no secret then
		return s.failed("write", err)
	case <-s.stopped:
		select {
		case err := <-w.done:
			return s.failed("write", err)
		default:
			return s.failed("write", errClosed)
		}
	}
}

// commitGroups is the writer's goroutine.
func (s *Store) commitGroups() {
	defer close(s.stopped)
	janitor := &janitor{store: s}
	tick := time.NewTicker(s.opt.Janitor)
	defer tick.Stop()
	for {
		select {
		case w := <-s.writes:
			s.commit(s.group(w))
		case <-tick.C:
			s.commit([]*write{{do: janitor.sweep, done: make(chan error, 1)}})
		case <-s.closing:
			if rest := s.group(nil); len(rest) > 0 {
				s.commit(rest)
			}
			return
		}
	}
}

// group takes what waits.
func (s *Store) group(first *write) (group []*write) {
	if first != nil {
		group = append(group, first)
	}
	for len(group) < s.opt.Group {
		select {
		case w := <-s.writes:
			group = append(group, w)
		default:
			return group
		}
	}
	return group
}

// commit runs a group in one transaction and tells each caller how it went.
func (s *Store) commit(group []*write) {
	errs := make([]error, len(group))
	err := s.transact(func(tx *bbolt.Tx) error {
		for i, w := range group {
			errs[i] = w.do(tx)
		}
		return nil
	})
	for i, w := range group {
		w.done <- errors.Join(errs[i], err)
	}
}

func (s *Store) transact(f func(tx *bbolt.Tx) error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer s.recover(&err)
	return s.db.Update(f)
}

// janitor removes tombstones that are due to go, a few at a time.
type janitor struct {
	store  *Store
	bucket int
	after  []byte
}

// janitorKeys is how many keys one look takes in.
const janitorKeys = 5000

func (j *janitor) sweep(tx *bbolt.Tx) error {
	names := []string{recBucket, blobBucket}
	b := tx.Bucket([]byte(names[j.bucket]))
	c := b.Cursor()
	k, v := c.Seek(j.after)
	var due [][]byte
	for n := 0; k != nil && n < janitorKeys; k, v = c.Next() {
		if expired(v) {
			due = append(due, bytes.Clone(k))
		}
		n++
	}
	j.after = bytes.Clone(k)
	if k == nil {
		j.bucket = (j.bucket + 1) % len(names)
	}
	for _, k := range due {
		if err := b.Delete(k); err != nil {
			return fmt.Errorf("remove a tombstone: %w", err)
		}
	}
	return nil
}

// expired tells whether a stored value is a tombstone past its time.
func expired(b []byte) bool {
	if len(b) != kv.HeaderSize {
		return false // tombstones have no body
	}
	v, err := kv.Decode(b)
	return err == nil && isDue(v.Header)
}

func isDue(h kv.Header) bool {
	keep := h.Life.Keep()
	return keep > 0 && !h.Fetched.IsZero() && time.Since(h.Fetched) > keep
}

// errLife refuses what no reader could make sense of.
func errLife(l kv.Life) error { return fmt.Errorf("%w: life %d can't be stored", item.ErrRefused, l) }
