package boltkv

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"vitrine/internal/redact"
)

// errClosed is the error of calls after Close.
var errClosed = errors.New("the store is closed")

// write is one caller's work in a group.
type write struct {
	do    func(tx *writing) error // an error fails this caller only, so it must come before the first write
	size  int                     // records or blobs
	taken atomic.Bool             // claimed by the writer, who will do it, or by the caller, who has given up
	done  chan error              // receives one result
}

// update runs f in the next group and returns when that is committed. If ctx ends before the group begins, nothing is
// stored and update returns; afterwards it waits, so that the caller knows what was stored.
func (s *Store) update(ctx context.Context, size int, f func(tx *writing) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	w := &write{do: f, size: size, done: make(chan error, 1)}
	select {
	case <-s.closing: // checked first, since the next select chooses any ready case
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
	case err := <-w.done:
		return s.failed("write", err)
	case <-s.stopped:
	case <-ctx.Done():
	}
	if !w.taken.Swap(true) {
		if err := ctx.Err(); err != nil {
			return err
		}
		return s.failed("write", errClosed)
	}
	return s.failed("write", <-w.done)
}

// commitGroups is the writer's goroutine.
func (s *Store) commitGroups() {
	defer redact.Crash()
	defer close(s.stopped)
	janitor := &janitor{store: s}
	defer s.compactor.abandon()
	tick := time.NewTicker(s.opt.Janitor)
	defer tick.Stop()
	for {
		select {
		case w := <-s.writes:
			s.commit(s.group(w))
		case <-tick.C:
			janitor.sweep()
			s.compactor.check()
		case <-s.compactor.due:
			s.compactor.step()
		case <-s.closing:
			for rest := s.group(nil); len(rest) > 0; rest = s.group(nil) {
				s.commit(rest)
			}
			return
		}
	}
}

// group collects the writes that are waiting, without waiting for more: a single write is committed at once.
func (s *Store) group(first *write) (group []*write) {
	size := 0
	for w := first; ; {
		if w != nil && !w.taken.Swap(true) {
			group = append(group, w)
			size += w.size
		}
		if size >= s.opt.Group {
			return group
		}
		select {
		case w = <-s.writes:
		default:
			return group
		}
	}
}

// commit runs a group in one transaction and gives each caller its result.
func (s *Store) commit(group []*write) {
	if len(group) == 0 {
		return
	}
	errs := make([]error, len(group))
	err := s.write(func(tx *writing) error {
		for i, w := range group {
			errs[i] = w.do(tx)
		}
		return nil
	})
	for i, w := range group {
		w.done <- errors.Join(errs[i], err)
	}
}
