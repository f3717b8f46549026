package lineage

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"time"

	"vitrine/internal/bus"
)

// plan is what a loss requires.
type plan struct {
	Whole bool      `json:"whole,omitempty"` // announce everything
	Since time.Time `json:"since,omitzero"`  // replay HISTORY from this time
	Force bool      `json:"force,omitempty"` // what is announced gets a new gen, even if it is unchanged
	Fold  bool      `json:"fold,omitempty"`  // check each entity's blobs and relations
	Lag   bool      `json:"lag,omitempty"`   // changes published just before were lost: see Config.Lag
	Why   []string  `json:"why"`

	// Process is set if NATS may have kept the progress of a repair but lost what the repair had announced: then
	// another process begins anew.
	Process string `json:"process,omitempty"`

	behind time.Duration // by how much the clock of who took over is behind: see clock.go
}

func (p plan) any() bool { return p.Whole || p.Fold || !p.Since.IsZero() }

// to identifies the plan's goal: the repair of another loss has another one.
func (p plan) to(is state) string {
	is.Ahead = nil
	sum := sha256.Sum256(append(encode(is.lives), encode(p)...))
	return hex.EncodeToString(sum[:12])
}

// plan compares the present state with the last known lives.
func (a *Agent) plan(ctx context.Context, is state) (p plan, err error) {
	if a.Machine != nil && a.Machine.Lost() {
		p.changes("the machine went down, and NATS may have lost its last second")
		p.Process = a.name
	}
	if is.seen == nil {
		some, err := a.holdsAny(ctx)
		if some {
			p.changes("NATS is a new one")
		}
		return p, err
	}
	p.queues(*is.seen, is)
	p.rooms(*is.seen, is)
	since, err := a.sinceMarks(ctx, is)
	if err != nil {
		return p, err
	}
	p.parts(*is.seen, is, since, a.Skew)
	if !maps.Equal(is.seen.Blobs, is.Blobs) {
		p.Fold = true
		p.Why = append(p.Why, "the store of blobs was emptied, replaced, restarted or failed over")
	}
	if p.Whole { // which fetches and folds everything
		p.Since = time.Time{}
		p.Fold = false
	}
	return p, nil
}

func (p *plan) whole(why string) {
	p.Whole = true
	p.Why = append(p.Why, why)
}

// changes requires everything, since changes were lost.
func (p *plan) changes(why string) {
	p.whole(why)
	p.Lag = true
}

// queues looks for work queues that were created anew. The entity of a lost fold is still dirty, or is checked when it
// is folded again.
func (p *plan) queues(seen lives, is state) {
	for _, name := range slices.Sorted(maps.Keys(is.Queues)) {
		switch {
		case is.Queues[name].Equal(seen.Queues[name]):
		case name == bus.Syncs:
			p.Fold = true
			p.Why = append(p.Why, "the stream "+name+" is a new one")
		default:
			p.changes("the stream " + name + " is a new one")
		}
	}
}

// rooms looks for other rooms of which something was missed. That of a room that is new to this one was, too.
func (p *plan) rooms(seen lives, is state) {
	for _, name := range slices.Sorted(maps.Keys(is.Rooms)) {
		if is.Rooms[name] != seen.Rooms[name] {
			p.changes("notices of the room " + name + " were missed")
		}
	}
}

// parts looks for parts of the records store that have lost data.
func (p *plan) parts(seen lives, is state, since map[bus.Mark]bus.Since, skew time.Duration) {
	changed, torn := 0, false
	for _, part := range is.records {
		mark, marked := is.marks[part.Name]
		at := since[mark]
		switch was := seen.Records[part.Name]; {
		case was.Epoch != part.Epoch || !marked:
			changed++
			torn = torn || !part.Whole
			p.Whole = true
			p.late(behind(seen, is, part.Name))
		case at.RolledBack:
			p.changes("NATS was rolled back")
			return
		case was.Run == part.Run:
		default:
			changed++
			torn = torn || !part.Whole
			p.restarted(mark, at, skew)
			p.late(behind(seen, is, part.Name))
		}
	}
	if changed > 0 {
		p.Fold = p.Fold || torn
		p.Why = append(p.Why, fmt.Sprintf("%d of %d parts of the store were emptied, replaced, restarted or failed over", changed, len(is.records)))
	}
}

// restarted requires what came after the mark of a part that may have lost it.
func (p *plan) restarted(mark bus.Mark, at bus.Since, skew time.Duration) {
	switch {
	case at.Reaches && mark.Settled() && at.Last == mark.History.Seq: // nothing was published since
	case at.Reaches && !mark.Done.IsZero():
		from := mark.Done.Add(-skew)
		if p.Since.IsZero() || from.Before(p.Since) {
			p.Since = from
		}
	default:
		p.Force = true // see the package's doc
		p.whole("HISTORY does not reach back to the last mark")
	}
}

// sinceMarks compares HISTORY with each distinct mark once; most parts have the same.
func (a *Agent) sinceMarks(ctx context.Context, is state) (map[bus.Mark]bus.Since, error) {
	since := map[bus.Mark]bus.Since{}
	for _, m := range is.marks {
		if _, done := since[m]; done {
			continue
		}
		var err error
		since[m], err = a.Bus.SinceMark(ctx, m)
		if err != nil {
			return nil, err
		}
	}
	return since, nil
}

// holdsAny reports whether the records store holds any entity. Redis may give an empty page though it does.
func (a *Agent) holdsAny(ctx context.Context) (bool, error) {
	for cursor := ""; ; {
		some, next, err := a.Records.ScanEntities(ctx, cursor, 100)
		if err != nil || len(some) > 0 || next == "" {
			return len(some) > 0, err
		}
		cursor = next
	}
}
