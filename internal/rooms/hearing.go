package rooms

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"vitrine/internal/bus"
	"vitrine/internal/lease"
	"vitrine/internal/pause"
	"vitrine/internal/redact"
)

// HearingConfig configures a Hearing. Room, End and Notes are required.
type HearingConfig struct {
	Room   string                                      // this one
	Others []string                                    // those that its relays are to hear
	End    func(context.Context) (bus.Position, error) // where the announcements of this room end
	Notes  lease.Notes                                 // those of its relays

	Every    time.Duration // between two looks. Defaults to 1 s
	Patience time.Duration // for which what was announced may be missing. Defaults to 10 s
}

// Hearing knows whether all that is announced reaches a server: by the stream of its own room, and by the relays of the other ones. That the
// connection to NATS stands does not say so. The server next door may be cut off from the one that leads the stream, and the room from other rooms.
//
// It asks where the announcements end, and waits until this server has followed them up to there: all that had been announced when
// it asked has come. Of another room it has come when the note of the relay moves, which it does while nothing waits to be heard.
type Hearing struct {
	cfg   HearingConfig
	began time.Time
	own   heardRoom
	other []*heardRoom

	mu sync.Mutex // guards at
	at bus.Position
}

// heardRoom is a room of which announcements are to come.
type heardRoom struct {
	name  string
	until atomic.Int64 // all that was announced until then has come, in ns since the Hearing began
}

// NewHearing makes a Hearing. Until Patience has passed it supposes that all has come.
func NewHearing(c HearingConfig) *Hearing {
	c.Every = cmp.Or(c.Every, time.Second)
	c.Patience = cmp.Or(c.Patience, 10*time.Second)
	h := &Hearing{cfg: c, began: time.Now(), own: heardRoom{name: c.Room}}
	for _, room := range c.Others {
		h.other = append(h.other, &heardRoom{name: room})
	}
	return h
}

// Followed notes up to where this server has followed the announcements of its own room.
func (h *Hearing) Followed(at bus.Position) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.at = at
}

// Complete reports whether all has come that was announced until Patience ago.
func (h *Hearing) Complete() bool {
	now := time.Since(h.began)
	for _, r := range h.other {
		if r.missing(now) > h.cfg.Patience {
			return false
		}
	}
	return h.own.missing(now) <= h.cfg.Patience
}

// Missing is by room the time since all had come that was announced there.
func (h *Hearing) Missing() map[string]time.Duration {
	now := time.Since(h.began)
	missing := map[string]time.Duration{h.own.name: h.own.missing(now)}
	for _, r := range h.other {
		missing[r.name] = r.missing(now)
	}
	return missing
}

// Unheard names the rooms of which something may be missing for longer than Patience, sorted.
func (h *Hearing) Unheard() (names []string) {
	for room, missing := range h.Missing() {
		if missing > h.cfg.Patience {
			names = append(names, room)
		}
	}
	slices.Sort(names)
	return names
}

// missing is the time since all had come, at a time since the Hearing began.
func (r *heardRoom) missing(now time.Duration) time.Duration {
	return now - time.Duration(r.until.Load())
}

// Run looks until ctx ends. Patience counts from its start.
func (h *Hearing) Run(ctx context.Context) error {
	start := time.Now()
	group, ctx := errgroup.WithContext(ctx)
	h.note(&h.own, start)
	group.Go(redact.Guard(func() error { return h.watchOwn(ctx) }))
	for _, r := range h.other {
		h.note(r, start)
		group.Go(redact.Guard(func() error { return h.watchNote(ctx, r) }))
	}
	return group.Wait()
}

// watchOwn asks for the end of this room's announcements, and waits for it, again and again.
func (h *Hearing) watchOwn(ctx context.Context) error {
	for {
		asked := time.Now()
		end, err := h.cfg.End(ctx)
		for err == nil && ctx.Err() == nil && time.Since(asked) < h.cfg.Patience {
			if h.follows(end) {
				h.note(&h.own, asked)
				break
			}
			_ = pause.For(ctx, h.cfg.Every/10)
		}
		if pause.For(ctx, h.cfg.Every) != nil {
			return nil
		}
	}
}

func (h *Hearing) follows(end bus.Position) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.at.Reaches(end)
}

// watchNote looks whether the note of another room moves. No clock of another machine is believed.
func (h *Hearing) watchNote(ctx context.Context, r *heardRoom) error {
	var at, looked time.Time
	for {
		now := time.Now()
		n, err := readNote(ctx, h.cfg.Notes, r.name)
		if err == nil {
			if !n.At.Equal(at) && !looked.IsZero() {
				h.note(r, looked)
			}
			at = n.At
			looked = now
		}
		if pause.For(ctx, h.cfg.Every) != nil {
			return nil
		}
	}
}

// note notes that all has come that was announced in a room until then.
func (h *Hearing) note(r *heardRoom, until time.Time) { r.until.Store(int64(until.Sub(h.began))) }
