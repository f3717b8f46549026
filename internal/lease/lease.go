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

	Every    time.Duration // between two writes of the note, and two looks at it. Defaults to 1 s
	Takeover time.Duration // after which a note that is not written any more is taken over. Defaults to 5 s
}

// Lease is a right that one process has at a time.
type Lease struct {
	Config
	holder string // this one, random
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
	c.Every = cmp.Or(c.Every, time.Second)
	c.Takeover = cmp.Or(c.Takeover, 5*time.Second)
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

// claim waits until nobody has the lease, or its holder does not write any more, and takes it. It fails when ctx ends.
func (l *Lease) claim(ctx context.Context) (*term, error) {
	var seen uint64
	since := time.Now()
	for {
		now, revision, err := Read[holding](ctx, l.Notes, l.key())
		if err == nil && revision != seen {
			seen = revision
			since = time.Now()
		}
		if err == nil && (now.Holder == "" || now.Holder == l.holder || time.Since(since) >= l.Takeover) {
			t := &term{lease: l, revision: revision}
			err = t.write(ctx, l.holder)
			if err == nil {
				return t, nil
			}
		}
		if err != nil && !errors.Is(err, item.ErrChanged) {
			l.Log.Debug("a lease can't be looked at", "lease", l.Name, "error", err)
		}
		if err := pause.For(ctx, l.Every); err != nil {
			return nil, err
		}
	}
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
