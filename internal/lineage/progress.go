package lineage

import (
	"context"
	"errors"
	"fmt"
	"time"

	"vitrine/internal/bus"
	"vitrine/internal/item"
	"vitrine/internal/lease"
)

// progress is the progress of a repair. It is stored under RepairKey, so that another process, or this one after a
// restart, can continue the repair.
type progress struct {
	To      string            `json:"to"` // identifies the repair
	Plan    plan              `json:"plan"`
	Begun   time.Time         `json:"begun"`             // by NATS's clock
	By      string            `json:"by"`                // the agent that works on it
	Through map[string]bool   `json:"through,omitempty"` // steps that have succeeded
	Cursors map[string]string `json:"cursors,omitempty"` // cursors of the other steps

	revision uint64
}

// claim begins or continues a repair. A repair that this process had already finished is begun anew: NATS was rolled
// back into the middle of it, and what it had announced may be lost. now is by NATS's clock.
func (a *Agent) claim(ctx context.Context, now time.Time, to string, p plan) (*progress, error) {
	note, revision, err := lease.Read[progress](ctx, a.Bucket, RepairKey)
	if err != nil {
		return nil, fmt.Errorf("read how far the repair has come: %w", err)
	}
	kept := &note
	kept.revision = revision
	switch {
	case kept.To == to && kept.By == a.name && a.known != nil:
		return kept, nil
	case kept.To == to && kept.By != a.name:
		a.Log.Info("going on with a repair that was begun by another process, or before a restart", "why", p.Why)
	default:
		kept = &progress{To: to, Plan: p, Begun: now, revision: revision}
		a.Log.Warn("a store or stream lost something", "why", p.Why, "everything_is_announced", p.Whole, "changes_are_replayed_since", p.Since)
	}
	kept.By = a.name
	a.known = newSet()
	a.waits = map[string]*wait{}
	a.since = time.Now()
	return kept, a.save(ctx, kept)
}

// save stores the progress. item.ErrChanged means that another process has taken over the repair.
func (a *Agent) save(ctx context.Context, p *progress) (err error) {
	p.revision, err = lease.Write(ctx, a.Bucket, RepairKey, p, p.revision)
	if err != nil {
		return fmt.Errorf("note how far the repair has come: %w", err)
	}
	return nil
}

// through records a step that has succeeded.
func (a *Agent) through(ctx context.Context, p *progress, step string) error {
	if p.Through == nil {
		p.Through = map[string]bool{}
	}
	p.Through[step] = true
	delete(p.Cursors, step)
	return a.save(ctx, p)
}

// stand records the cursor of a step.
func (a *Agent) stand(ctx context.Context, p *progress, step, cursor string) error {
	if p.Cursors == nil {
		p.Cursors = map[string]string{}
	}
	p.Cursors[step] = cursor
	return a.save(ctx, p)
}

// finish removes the stored progress.
func (a *Agent) finish(ctx context.Context) error {
	err := a.Bucket.Delete(ctx, RepairKey)
	if errors.Is(err, bus.ErrNoEntry) || errors.Is(err, item.ErrChanged) {
		return nil
	}
	return err
}
