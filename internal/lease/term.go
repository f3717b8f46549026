package lease

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"vitrine/internal/item"
	"vitrine/internal/pause"
)

// term is the time in which a process has the lease without a break.
type term struct {
	lease    *Lease
	revision uint64      // of the note
	timer    *time.Timer // ends the work at the end of the term

	sent atomic.Pointer[time.Time] // when the last write that succeeded was sent
}

// write writes the note, which prolongs the term.
func (t *term) write(ctx context.Context, holder string) error {
	sent := time.Now()
	revision, err := Write(ctx, t.lease.Notes, t.lease.key(), holding{holder}, t.revision)
	if err != nil {
		return err
	}
	t.revision = revision
	t.sent.Store(&sent)
	return nil
}

// end is when the term ends unless the note is written again.
func (t *term) end() time.Time { return t.sent.Load().Add(t.lease.keeps()) }

// check fails when the term has ended. A machine that was suspended has its wall clock alone go on.
func (t *term) check() error {
	now, end := time.Now(), t.end()
	if now.Before(end) && now.Round(0).Before(end.Round(0)) {
		return nil
	}
	return fmt.Errorf("%w: lease %s: %w", item.ErrUnavailable, t.lease.Name, ErrLost)
}

// renew writes the note at intervals until ctx ends, or another process has written it.
func (t *term) renew(ctx context.Context) error {
	for pause.For(ctx, t.lease.Every) == nil {
		err := t.write(ctx, t.lease.holder)
		switch {
		case err == nil:
			t.timer.Reset(time.Until(t.end()))
		case errors.Is(err, item.ErrChanged):
			return ErrLost
		case ctx.Err() == nil:
			t.lease.Log.Debug("a lease is not renewed", "lease", t.lease.Name, "error", err)
		}
	}
	return nil
}

// releaseWithin is how long a process that stops tries to give its lease back.
const releaseWithin = time.Second

// release gives the lease back, so that another process can take it at once. What can't be given back is taken over.
func (t *term) release(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseWithin)
	defer cancel()
	if err := t.write(ctx, ""); err != nil {
		t.lease.Log.Debug("a lease is not given back", "lease", t.lease.Name, "error", err)
	}
}
