package audit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"vitrine/internal/bus"
)

// ReshaperConfig configures a Reshaper. All fields but the times are required.
type ReshaperConfig struct {
	Sweeper *Sweeper
	Shapes  func() string                       // identifies all shapes of the catalog in force
	Changed <-chan struct{}                     // receives a value when another catalog has come into force
	Agreed  func(context.Context) (bool, error) // reports whether every known process that writes has these shapes in force
	Marks   *bus.Bucket                         // where the shapes of the last complete sweep are stored
	Log     *slog.Logger

	// Revision gives the revision of the catalog in force. Lapsed lists the dimensions, as "kind.dimension", that some
	// revision from since on did not have, and gives the newest revision. Both may be nil: then nothing lapses.
	Revision func() uint64
	Lapsed   func(ctx context.Context, since uint64) (lapsed map[string]bool, newest uint64, err error)

	Wait   time.Duration // for the others to agree, before a first sweep. Defaults to 5 s
	Settle time.Duration // from when all agree until work begun under an older catalog has ended. Defaults to 30 s
	Retry  time.Duration // after a failed sweep; doubled up to 64 times. Defaults to 1 s
}

// Reshaper is the agent that sweeps for a new catalog until one sweep has succeeded that no work of an older catalog
// can have followed: a sweep that began when all processes had had the new shapes in force for Settle. An earlier
// sweep, as soon as all processes have them or Wait is over, only makes it faster. The shapes that were swept for are
// stored as a hash, which includes the cleaning rules, so that a new program sweeps if it makes different records from
// the same catalog.
//
// A dimension that a catalog in between did not have is fetched again, though its records have the right shape.
type Reshaper struct {
	ReshaperConfig
	shapes   string // the shapes being swept for
	revision uint64 // the revision of the catalog that has them
	lapsed   map[string]bool
	newest   uint64    // after the sweep, nothing has lapsed up to this revision
	since    time.Time // when these shapes came into force
	agreed   time.Time // since when all processes agree; zero while they don't
	swept    bool      // whether the first sweep is done
	done     bool
	failures int
}

// sweptKey holds the shapes that were swept for.
const sweptKey = "swept"

// sweptRevisionKey holds the revision up to which lapsed dimensions were fetched again.
const sweptRevisionKey = "swept-revision"

// SweptFor reports whether the stores were swept for these shapes, and no work of older shapes can follow.
func SweptFor(ctx context.Context, marks *bus.Bucket, shapes string) (bool, error) {
	kept, err := marks.Get(ctx, sweptKey)
	if err != nil && !errors.Is(err, bus.ErrNoEntry) {
		return false, fmt.Errorf("read what was swept for: %w", err)
	}
	return string(kept.Value) == shapes, nil
}

// NewReshaper makes a Reshaper.
func NewReshaper(c ReshaperConfig) *Reshaper {
	c.Wait = cmp.Or(c.Wait, 5*time.Second)
	c.Settle = cmp.Or(c.Settle, 30*time.Second)
	c.Retry = cmp.Or(c.Retry, time.Second)
	if c.Revision == nil || c.Lapsed == nil {
		c.Revision = func() uint64 { return 0 }
		c.Lapsed = func(context.Context, uint64) (map[string]bool, uint64, error) { return nil, 0, nil }
	}
	return &Reshaper{ReshaperConfig: c}
}

// Run sweeps for each new catalog until ctx ends.
func (r *Reshaper) Run(ctx context.Context) error {
	for {
		pause, err := r.step(ctx)
		if ctx.Err() != nil {
			return nil
		}
		r.failures++
		if err == nil {
			r.failures = 0
		} else {
			pause = r.Retry << min(r.failures-1, 6)
			r.Log.Warn("sweep for a new catalog broken off; trying again", "in", pause.String(), "error", err)
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
		case <-r.Changed:
			r.revision = 0
			r.shapes = "" // NATS may have been rolled back, and another catalog may have this one's number
		case <-timer.C:
		}
		timer.Stop()
	}
}

// step does what is due, and returns the time until the next step.
func (r *Reshaper) step(ctx context.Context) (pause time.Duration, err error) {
	if now, revision := r.Shapes(), r.Revision(); now != r.shapes || revision != r.revision {
		r.revision = revision
		r.shapes = now
		r.since = time.Now()
		r.agreed = time.Time{}
		r.swept = false
		r.done = false
	}
	if r.done {
		return time.Hour, nil
	}
	if due, err := r.due(ctx); err != nil || !due {
		r.done = err == nil
		return 0, err
	}
	agreed, err := r.Agreed(ctx)
	switch {
	case err != nil:
		return 0, fmt.Errorf("look which shapes the others have: %w", err)
	case !agreed:
		r.agreed = time.Time{}
	case r.agreed.IsZero():
		r.agreed = time.Now()
	}
	last := agreed && time.Since(r.agreed) >= r.Settle
	if last || !r.swept && (agreed || time.Since(r.since) >= r.Wait) {
		return 0, r.sweep(ctx, last)
	}
	return min(r.Wait, r.Settle) / 5, nil
}

// due reports whether the store still has to be swept for these shapes. It notes that a sweep for other shapes begins
// before that sweep begins, so that a return to the former catalog causes a sweep, too.
func (r *Reshaper) due(ctx context.Context) (bool, error) {
	kept, err := r.Marks.Get(ctx, sweptKey)
	if err != nil && !errors.Is(err, bus.ErrNoEntry) {
		return false, fmt.Errorf("read what was swept for: %w", err)
	}
	if err := r.checkLapsed(ctx); err != nil {
		return false, err
	}
	switch notYet := "not yet " + r.shapes; {
	case string(kept.Value) == r.shapes && len(r.lapsed) == 0:
		return false, r.keepRevision(ctx)
	case string(kept.Value) == notYet:
		return true, nil
	default:
		return true, r.keep(ctx, notYet)
	}
}

func (r *Reshaper) checkLapsed(ctx context.Context) error {
	kept, err := r.Marks.Get(ctx, sweptRevisionKey)
	if err != nil && !errors.Is(err, bus.ErrNoEntry) {
		return fmt.Errorf("read what was swept for: %w", err)
	}
	since, _ := strconv.ParseUint(string(kept.Value), 10, 64) // 0 if it is not a number
	r.lapsed, r.newest, err = r.Lapsed(ctx, since)
	return err
}

// keepRevision stores that nothing has lapsed up to the newest revision.
func (r *Reshaper) keepRevision(ctx context.Context) error {
	kept, err := r.Marks.Get(ctx, sweptRevisionKey)
	now := strconv.FormatUint(r.newest, 10)
	if err == nil && string(kept.Value) == now {
		return nil
	}
	if _, err := r.Marks.Put(ctx, sweptRevisionKey, []byte(now)); err != nil {
		return fmt.Errorf("keep what was swept for: %w", err)
	}
	return nil
}

func (r *Reshaper) sweep(ctx context.Context, last bool) error {
	found, err := r.Sweeper.SweepAnew(ctx, r.lapsed)
	if err != nil {
		return err
	}
	r.Log.Info("swept for the catalog in force", "shapes", r.shapes, "entities", found.Entities, "dirty", found.Dirty, "reshaped", found.Reshaped, "lapsed", len(r.lapsed), "last", last)
	r.swept = true
	if !last {
		return nil
	}
	if err := r.keepRevision(ctx); err != nil {
		return err
	}
	if err := r.keep(ctx, r.shapes); err != nil {
		return err
	}
	r.done = true
	return nil
}

func (r *Reshaper) keep(ctx context.Context, what string) error {
	if _, err := r.Marks.Put(ctx, sweptKey, []byte(what)); err != nil {
		return fmt.Errorf("keep what was swept for: %w", err)
	}
	return nil
}
