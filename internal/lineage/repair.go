package lineage

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"vitrine/internal/item"
)

// step is a part of a repair that succeeds or fails on its own. It continues at its stored cursor.
type step struct {
	name string
	do   func(ctx context.Context, cursor string) error
}

// wait keeps a failed step from being tried again at once.
type wait struct {
	failures int
	until    time.Time
}

// errOtherLoss ends a repair during which something else was lost.
var errOtherLoss = errors.New("something else was lost meanwhile")

// mend takes the steps of a plan that are due. A failed step does not delay the others, and is tried again later. When
// all have succeeded, the loss is settled.
func (a *Agent) mend(ctx context.Context, is state, p plan) error {
	r := &repair{Agent: a, is: is, to: p.to(is), force: p.Force, looked: time.Now()}
	var err error
	r.progress, err = a.claim(ctx, is.now, r.to, p)
	if err != nil {
		return err
	}
	if p.Lag && time.Since(a.since) < a.Lag {
		return nil // a later look continues
	}
	if waits, err := r.awaitClock(ctx, p.behind); waits || err != nil {
		return err
	}
	var failed []error
	left := 0
	for _, s := range r.steps(p) {
		if r.progress.Through[s.name] {
			continue
		}
		left++
		if !a.due(s.name) {
			continue
		}
		switch err := r.run(ctx, s); {
		case errors.Is(err, errOtherLoss), errors.Is(err, item.ErrChanged):
			return nil // the next look plans anew
		case err != nil:
			failed = append(failed, a.putOff(s.name, err))
		default:
			left--
		}
	}
	if len(failed) > 0 || left > 0 {
		return errors.Join(failed...)
	}
	return r.end(ctx)
}

func (a *Agent) due(step string) bool {
	w := a.waits[step]
	return w == nil || !time.Now().Before(w.until)
}

func (a *Agent) failures(step string) int {
	if w := a.waits[step]; w != nil {
		return w.failures
	}
	return 0
}

func (a *Agent) putOff(step string, err error) error {
	w := a.waits[step]
	if w == nil {
		w = &wait{}
		a.waits[step] = w
	}
	pause := a.Backoff << min(w.failures, 6)
	w.failures++
	w.until = time.Now().Add(pause)
	return fmt.Errorf("%s, tried again in %s: %w", step, pause, err)
}

// repair is a repair in progress.
type repair struct {
	*Agent
	is        state
	to        string
	force     bool // announce with force
	progress  *progress
	looked    time.Time // last check that nothing else was lost
	announced int
	refused   int
}

// cursorFailures is how often a step may fail at a stored cursor before it begins anew.
const cursorFailures = 8

// run takes a step. A stored cursor that the upstream no longer accepts is dropped.
func (r *repair) run(ctx context.Context, s step) error {
	cursor := r.progress.Cursors[s.name]
	err := s.do(ctx, cursor)
	if err == nil {
		return r.through(ctx, r.progress, s.name)
	}
	silent := errors.Is(err, item.ErrUnavailable) && r.failures(s.name) < cursorFailures
	if !silent && cursor != "" && cursor == r.progress.Cursors[s.name] && !errors.Is(err, item.ErrChanged) {
		return errors.Join(err, r.stand(ctx, r.progress, s.name, ""))
	}
	return err
}

// reached stores the cursor of a step, and ends the repair if something else was lost.
func (r *repair) reached(ctx context.Context, step, cursor string) error {
	if err := r.stand(ctx, r.progress, step, cursor); err != nil {
		return err
	}
	if time.Since(r.looked) < r.Every {
		return nil
	}
	r.looked = time.Now()
	is, err := r.read(ctx)
	if err != nil {
		return err
	}
	p, err := r.plan(ctx, is)
	if err != nil {
		return err
	}
	if p.to(is) != r.to {
		return errOtherLoss
	}
	return nil
}

// end settles the loss.
func (r *repair) end(ctx context.Context) error {
	last, err := r.Bus.ChangesAt(ctx)
	if err != nil {
		return err
	}
	if err := r.settle(ctx, r.is); err != nil {
		return err
	}
	if r.Machine != nil && r.Machine.Lost() {
		if err := r.Machine.Settle(); err != nil {
			return err
		}
	}
	r.Log.Info("all that a loss called for is announced", "why", r.progress.Plan.Why, "entities_or_changes", r.announced, "ids_refused", r.refused)
	r.after = max(last.Seq, 1)
	r.known = nil
	return r.finish(ctx)
}

// steps lists the steps of a plan, the most effective first.
func (r *repair) steps(p plan) (all []step) {
	add := func(name string, do func(ctx context.Context, cursor string) error) {
		all = append(all, step{name, do})
	}
	if p.Whole {
		cat := r.Catalog()
		for _, name := range slices.Sorted(maps.Keys(cat.Kinds)) {
			if kind := cat.Kinds[name]; kind.List != nil {
				add("list "+name, func(ctx context.Context, cursor string) error { return r.listed(ctx, kind, cursor) })
			}
		}
		add("records", r.stored)
		if r.separate() {
			add("blobs", r.storedBlobs)
		}
		add("history", r.past)
	}
	if p.Whole && !p.Lag {
		add("latest", r.latest)
	}
	if !p.Since.IsZero() {
		add("replay", func(ctx context.Context, cursor string) error { return r.replay(ctx, p.Since, cursor) })
	}
	if p.Fold {
		add("fold", r.fold)
	}
	return all
}
