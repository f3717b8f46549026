package refresh

import (
	"context"
	"fmt"
	"time"

	"vitrine/internal/bus"
	"vitrine/internal/item"
	"vitrine/internal/pause"
)

// replayBatch is how many changes are published in one go.
const replayBatch = 200

// Replay publishes changes of the past again, in the refresh lane. Each is published once, however often it came.
type Replay struct {
	Bus       *bus.Conn
	From      uint64    // the position of an earlier run, to go on behind it; 0 for none
	Since     time.Time // where From is 0: the first change
	Until     time.Time // the last change
	Lane      item.Lane // only changes that came in this lane; "" for all
	Kind      string    // only of this kind; "" for all
	Dimension string    // only of this dimension; "" for all
	Rate      int       // changes a second
	DryRun    bool      // publishes nothing
	Progress  func(string)
}

// Replayed says what a Replay has done.
type Replayed struct {
	Seen      int    `json:"seen"`
	Published int    `json:"published"`
	Position  uint64 `json:"position"` // where to go on
	DryRun    bool   `json:"dry_run"`
}

// Run replays. On an error, what it returns says how far it came. Its errors wrap item.ErrUnavailable or ErrOwn, or are
// ctx's.
func (r Replay) Run(ctx context.Context) (Replayed, error) {
	run := replaying{Replay: r, done: Replayed{Position: r.From, DryRun: r.DryRun}, began: time.Now(), published: map[item.Change]bool{}}
	err := run.all(ctx)
	r.Progress("")
	return run.done, err
}

// replaying is a Replay under way.
type replaying struct {
	Replay
	done      Replayed
	total     uint64
	began     time.Time
	batch     []item.Change
	published map[item.Change]bool
}

func (r *replaying) all(ctx context.Context) error {
	total, past, err := r.Bus.Past(ctx, r.From, r.Since)
	if err != nil {
		return err
	}
	r.total = total
	last := r.From
	for p, err := range past {
		if err != nil {
			return err
		}
		if p.At.After(r.Until) {
			break
		}
		r.done.Seen++
		last = p.Position
		r.add(p.Change)
		if len(r.batch) < replayBatch {
			continue
		}
		if err := r.flush(ctx, last); err != nil {
			return err
		}
	}
	return r.flush(ctx, last)
}

// add puts a change into the batch, unless it is not wanted or was published already.
func (r *replaying) add(c item.Change) {
	wanted := (r.Lane == "" || c.Lane == r.Lane) && (r.Kind == "" || c.Entity.Kind == r.Kind) && (r.Dimension == "" || c.Dimension == r.Dimension)
	c.Lane = item.Refresh
	if wanted && !r.published[c] {
		r.published[c] = true
		r.batch = append(r.batch, c)
	}
}

// flush publishes the batch, and waits until its time by the rate is over.
func (r *replaying) flush(ctx context.Context, position uint64) error {
	if len(r.batch) > 0 && !r.DryRun {
		if err := r.Bus.PublishChanges(ctx, r.batch, bus.PublishOptions{}); err != nil {
			return err
		}
		due := r.began.Add(time.Duration(r.done.Published+len(r.batch)) * time.Second / time.Duration(r.Rate))
		if err := pause.For(ctx, time.Until(due)); err != nil {
			return err
		}
	}
	r.done.Published += len(r.batch)
	r.done.Position = position
	r.batch = r.batch[:0]
	r.Progress(fmt.Sprintf("%d of %d seen, %d published", r.done.Seen, r.total, r.done.Published))
	return nil
}
