package rooms

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"

	"vitrine/internal/bus"
	"vitrine/internal/item"
	"vitrine/internal/lease"
	"vitrine/internal/pause"
	"vitrine/internal/redact"
)

// Config configures a Relay. All fields up to Log are required.
type Config struct {
	Room  string                                   // the other room
	Dial  func(context.Context) (*bus.Conn, error) // connects to the other room's NATS
	Own   *bus.Conn
	Notes lease.Notes
	Log   *slog.Logger

	Passed   func(notices int) // called with each number of notices that were passed on; defaults to nothing
	Hears    func(bool)        // called when this process begins to hear the other room, and when it ends; defaults to nothing
	Every    time.Duration     // between two writes of the note, and two looks at it. Defaults to 1 s
	Takeover time.Duration     // after which a note that has not moved is taken over. Defaults to 5 s
}

// Relay passes on in one room what is announced in another one. Any number of processes may run one; one of them hears at a time.
type Relay struct {
	Config
	name string // random
	deaf bool   // the other room can't be heard, which was logged
}

// New makes a Relay.
func New(c Config) *Relay {
	if c.Passed == nil {
		c.Passed = func(int) {}
	}
	if c.Hears == nil {
		c.Hears = func(bool) {}
	}
	c.Every = cmp.Or(c.Every, time.Second)
	c.Takeover = cmp.Or(c.Takeover, 5*time.Second)
	return &Relay{Config: c, name: rand.Text()}
}

// Run relays until ctx ends. Who can't hear the other room gives the others of its own room a chance, and tries again.
func (r *Relay) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		n, err := r.claim(ctx)
		if err == nil {
			err = r.hold(ctx, n)
		}
		if ctx.Err() == nil && err != nil {
			r.tell(err)
		}
		_ = pause.For(ctx, r.Every)
	}
	return nil
}

// tell logs once why the other room is not heard.
func (r *Relay) tell(err error) {
	if !r.deaf {
		r.Log.Warn("another room is not heard; what is announced there waits there, and is taken up when it can be heard again", "room", r.Room, "error", err)
	}
	r.deaf = true
}

// claim waits until nobody has the note, or whoever has it does not move it, and takes it.
func (r *Relay) claim(ctx context.Context) (Note, error) {
	var revision uint64
	seen := time.Now()
	for {
		n, err := readNote(ctx, r.Notes, r.Room)
		if err != nil {
			return n, err
		}
		if n.revision != revision {
			revision = n.revision
			seen = time.Now()
		}
		if n.Holder == "" || time.Since(seen) >= r.Takeover {
			n.Holder = r.name
			err := writeNote(ctx, r.Notes, r.Room, &n)
			if err == nil || !errors.Is(err, item.ErrChanged) {
				return n, err
			}
		}
		if err := pause.For(ctx, r.Every); err != nil {
			return n, err
		}
	}
}

// hold passes on what is heard from the note on, until that fails, another process has taken the note, or ctx ends.
func (r *Relay) hold(ctx context.Context, n Note) error {
	s := &session{relay: r, note: n}
	group, within := errgroup.WithContext(ctx)
	group.Go(redact.Guard(func() error { return s.renew(within) }))
	group.Go(redact.Guard(func() error { return s.listen(within) }))
	err := group.Wait()
	if errors.Is(err, item.ErrChanged) {
		return nil // another process has the note
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	return errors.Join(err, s.release(last))
}

// errUnheard ends a session whose connection has ended without an error.
var errUnheard = errors.New("the connection has ended")

// errOwn ends a session that would hear what it says itself.
var errOwn = errors.New("that NATS is this room's own: is --room this room's name, and has --rooms the address of each? Or was it started with a copy of this room's files?")

func (s *session) listen(ctx context.Context) error {
	conn, err := s.relay.Dial(ctx)
	if err != nil {
		return fmt.Errorf("connect to the NATS of the room %s: %w", s.relay.Room, err)
	}
	defer conn.Close()
	if own, err := conn.SameHistory(ctx, s.relay.Own); err == nil && own {
		return fmt.Errorf("hear the room %s: %w", s.relay.Room, errOwn)
	}
	from := s.now().Heard
	if from.Stream.IsZero() {
		from, err = conn.FirstNotices(ctx, s.relay.Own)
		if err != nil {
			return fmt.Errorf("hear the room %s: %w", s.relay.Room, err)
		}
	}
	defer s.relay.Hears(false)
	pushes := &carrier{room: s.relay.Room, other: conn, own: s.relay.Own, every: s.relay.Every, log: s.relay.Log}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(redact.Guard(func() error {
		return cmp.Or(conn.FollowNotices(ctx, from, s.heard), ctx.Err(), errUnheard)
	}))
	group.Go(redact.Guard(func() error { return pushes.run(ctx) }))
	return group.Wait()
}
