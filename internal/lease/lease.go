package lease

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"vitrine/internal/bus"
	"vitrine/internal/item"
	"vitrine/internal/pause"
	"vitrine/internal/redact"
)

// keyPrefix is before the name of a lease in the key of its note.
const keyPrefix = "lease."

// ErrLost is why the context of work under a lease has ended.
var ErrLost = errors.New("another process may have the lease")

// Config configures a Lease. Name, Notes and Log are required.
type Config struct {
	Name  string
	Notes Notes
	Log   *slog.Logger
	Held  func(bool) // called when this process gets the lease, and when it no longer has it; defaults to nothing

	Every    time.Duration // between two writes of the note, and two looks at it. Defaults to a fifth of Takeover
	Takeover time.Duration // after which a note that is not written any more is taken over. Defaults to 5 s
}

// Lease is a right that one process has at a time. One goroutine uses it.
type Lease struct {
	Config
	holder string // this one, random

	seen  uint64    // the note's latest revision
	since time.Time // when it was seen first
}

// holding is a lease's note.
type holding struct {
	Holder string `json:"holder,omitempty"` // "" is nobody
}

// New makes a Lease.
func New(c Config) *Lease {
	if c.Held == nil {
		c.Held = func(bool) {}
	}
	c.Takeover = cmp.Or(c.Takeover, 5*time.Second)
	c.Every = cmp.Or(c.Every, c.Takeover/5)
	return &Lease{Config: c, holder: rand.Text()}
}

// Run calls work each time that this process has got the lease, until ctx ends, or work fails while it has the lease. work
// returns when its context ends, which is the case when the lease may be lost. It is over when another call begins.
func (l *Lease) Run(ctx context.Context, work func(context.Context) error) error {
	for ctx.Err() == nil {
		t, err := l.claim(ctx)
		if err != nil {
			return nil // ctx has ended
		}
		if err := l.hold(ctx, t, work); err != nil {
			return err
		}
	}
	return nil
}

// Try calls work once if this process can have the lease now, and then gives it back. had reports whether it could. That a holder
// does not write any more shows in the course of several calls.
func (l *Lease) Try(ctx context.Context, work func(context.Context) error) (had bool, err error) {
	t, err := l.take(ctx)
	if t == nil {
		return false, err
	}
	return true, l.hold(ctx, t, work)
}

// claim waits until the lease can be had, and takes it. It fails when ctx ends.
func (l *Lease) claim(ctx context.Context) (*term, error) {
	for {
		t, err := l.take(ctx)
		if t != nil {
			return t, nil
		}
		if err != nil {
			l.Log.Debug("a lease can't be looked at", "lease", l.Name, "error", err)
		}
		if err := pause.For(ctx, l.Every); err != nil {
			return nil, err
		}
	}
}

// take takes the lease if nobody has it, or its holder does not write any more; otherwise there is no term.
func (l *Lease) take(ctx context.Context) (*term, error) {
	now, revision, err := Read[holding](ctx, l.Notes, l.key())
	if err != nil {
		return nil, err
	}
	if revision != l.seen || l.since.IsZero() {
		l.seen = revision
		l.since = time.Now()
	}
	if now.Holder != "" && now.Holder != l.holder && time.Since(l.since) < l.Takeover {
		return nil, nil
	}
	t := &term{lease: l, revision: revision}
	switch err := t.write(ctx, l.holder); {
	case errors.Is(err, item.ErrChanged):
		return nil, nil // another process was faster
	case err != nil:
		return nil, err
	}
	return t, nil
}

// hold calls work while the lease is held.
func (l *Lease) hold(ctx context.Context, t *term, work func(context.Context) error) error {
	l.Held(true)
	defer l.Held(false)
	held, end := context.WithCancelCause(ctx)
	defer end(nil)
	t.timer = time.AfterFunc(time.Until(t.end()), func() {
		defer redact.Crash()
		end(ErrLost)
	})
	defer t.timer.Stop()
	worked := make(chan error, 1)
	go func() {
		defer redact.Crash()
		err := work(bus.Fenced(held, t.check))
		end(nil) // nothing is left to hold the lease for
		worked <- err
	}()
	end(t.renew(held))
	err := <-worked
	if errors.Is(context.Cause(held), ErrLost) {
		l.Log.Warn("a lease was lost, and may be another process's now", "lease", l.Name)
		return nil
	}
	t.release(ctx)
	return err
}

func (l *Lease) key() string { return keyPrefix + l.Name }

// keeps is how long work may go on after a write of the note was sent.
func (l *Lease) keeps() time.Duration { return l.Takeover - l.Takeover/5 }

// Forget takes all leases from whoever has them. For an embedded NATS that has just started: their holders are dead, and need not be
// waited for.
func Forget(ctx context.Context, marks *bus.Bucket) error {
	keys, err := marks.Keys(ctx)
	if err != nil && !errors.Is(err, bus.ErrNoEntry) {
		return fmt.Errorf("take leases from dead processes: %w", err)
	}
	for _, key := range keys {
		if !strings.HasPrefix(key, keyPrefix) {
			continue
		}
		if err := marks.Delete(ctx, key); err != nil {
			return fmt.Errorf("take a lease from a dead process: %w", err)
		}
	}
	return nil
}
