package audit

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"vitrine/internal/bus"
	"vitrine/internal/item"
	"vitrine/internal/lease"
)

// Sampler compares records with their upstreams all day, at a pace that follows the room's rate of changes. It walks
// the store. Each turn continues where the last one stopped, in whichever process that was, so a turn reads only the
// records it compares, and each record is compared once per pass. The duration of a pass is logged when it ends.
//
// Processes take turns by compare-and-set on a note in NATS: the process that advances the note has the turn.
type Sampler struct {
	SamplerConfig
	walk *walk
}

// SamplerConfig configures a Sampler. Sweeper, Notes, Changes and Log are required.
type SamplerConfig struct {
	Sweeper   *Sweeper
	Notes     lease.Notes
	Changes   Stream
	Log       *slog.Logger
	OnSampled func(Sampled)    // called after each turn; defaults to nothing
	Every     time.Duration    // between turns. Defaults to 10 s
	Calls     int              // minimum calls of upstreams in a turn. Defaults to 10
	Share     float64          // records to compare per change since the last turn. Defaults to 0.01
	Pace      func() int64     // frequency of turns in percent; defaults to 100, and 0 stops them
	Clock     func() time.Time // defaults to time.Now
}

// Stream gives the position of the stream of changes; *bus.Conn is one.
type Stream interface {
	ChangesAt(ctx context.Context) (bus.Position, error)
}

// noteKey is the key of the samplers' note.
const noteKey = "sample"

// noteMost is how many bytes the note may have, well below what NATS takes.
const noteMost = 256 << 10

// note is the progress of the room's samplers.
type note struct {
	Turn         time.Time    `json:"turn"`    // when the last turn began
	Changes      bus.Position `json:"changes"` // position in the stream at that time
	walkPosition              // in the store
	Began        time.Time    `json:"began"` // when the pass began
	Pass         Sampled      `json:"pass"`  // the pass's result so far
}

// NewSampler makes a Sampler.
func NewSampler(c SamplerConfig) *Sampler {
	c.Every = cmp.Or(c.Every, 10*time.Second)
	c.Calls = cmp.Or(c.Calls, 10)
	c.Share = cmp.Or(c.Share, 0.01)
	if c.OnSampled == nil {
		c.OnSampled = func(Sampled) {}
	}
	if c.Pace == nil {
		c.Pace = func() int64 { return 100 }
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	return &Sampler{c, newWalk(c.Sweeper)}
}

// Run takes turns until ctx ends.
func (s *Sampler) Run(ctx context.Context) error {
	tick := time.NewTicker(s.Every / 10)
	defer tick.Stop()
	last := s.Clock()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		pace := time.Duration(s.Pace())
		if pace <= 0 || s.Clock().Sub(last) < s.Every*100/pace {
			continue
		}
		last = s.Clock()
		if err := s.Turn(ctx); err != nil && ctx.Err() == nil {
			s.Log.Warn("sample broken off; it goes on where it was", "error", err)
		}
	}
}

// Turn compares some records, unless another process has had a turn within half of Every.
func (s *Sampler) Turn(ctx context.Context) error {
	at, revision, err := lease.Read[note](ctx, s.Notes, noteKey) // one that can't be read begins a new pass
	if err != nil {
		return err
	}
	changes, err := s.Changes.ChangesAt(ctx)
	if err != nil {
		return err
	}
	now := s.Clock()
	if since := now.Sub(at.Turn); since >= 0 && since < s.Every/2 {
		return nil
	}
	records := 0
	if at.Changes.Stream.Equal(changes.Stream) && changes.Seq > at.Changes.Seq {
		records = int(float64(changes.Seq-at.Changes.Seq) * s.Share)
	}
	at.Turn = now
	at.Changes = changes
	if at.Began.IsZero() {
		at.Began = now
	}
	revision, err = s.write(ctx, at, revision)
	if errors.Is(err, item.ErrChanged) {
		return nil // another process has the turn
	} else if err != nil {
		return err
	}
	within, cancel := context.WithTimeout(ctx, 3*s.Every)
	defer cancel()
	s.walk.at = at.walkPosition
	sampled, ended, failed := s.walk.next(within, s.Calls, records)
	s.OnSampled(sampled)
	at.Pass.add(sampled)
	at.walkPosition = s.walk.at
	if ended {
		s.passed(at)
		at.Began = s.Clock()
		at.Pass = Sampled{}
	}
	if _, err := s.write(ctx, at, revision); err != nil && !errors.Is(err, item.ErrChanged) {
		return errors.Join(failed, err)
	}
	return failed
}

// passed logs the result of a pass through the whole store.
func (s *Sampler) passed(at note) {
	s.Log.Info("each record was compared with its upstream", "checked", at.Pass.Checked, "stale", at.Pass.Stale, "waiting", at.Pass.Waiting,
		"silent", at.Pass.Silent, "took", s.Clock().Sub(at.Began).Round(time.Second))
}

func (s *Sampler) write(ctx context.Context, at note, revision uint64) (uint64, error) {
	value, err := json.Marshal(at)
	if err == nil && len(value) > noteMost { // the catalog has very large batches: what waits for one is met in the next pass
		at.Waits = nil
		value, err = json.Marshal(at)
	}
	if err != nil {
		return 0, fmt.Errorf("write the samplers' note: %w", err)
	}
	return lease.Write(ctx, s.Notes, noteKey, json.RawMessage(value), revision)
}
