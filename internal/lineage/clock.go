package lineage

import (
	"context"
	"time"

	"vitrine/internal/kv"
	"vitrine/internal/pause"
)

// A gen is at least the clock of the server that issues it. The server that takes over may have a clock that is behind: then what
// is fetched again gets a lower gen than what was lost, and caches that have seen the lost one believe it for ever.
//
//	b at 12:00:05 by the old master, cached ── b is lost ── c at 12:00:03 by the new one: older, as all who know b see it
//
// So a repair waits until the new clock has passed what the old one may have said. Both are compared with NATS's.
const (
	// lateMost is the longest wait. Whose clock is behind by more is to be set; nothing is as bad as not to fetch at all.
	lateMost = time.Minute
	// drift is the change of a clock that is noted.
	drift = 100 * time.Millisecond
	// lateForced is the lateness from which on a walk is forced: what came between the loss and the walk has low gens, too.
	lateForced = time.Second
)

// ahead returns by how much the clock of each part is ahead of NATS's, which says now.
func ahead(parts []kv.Shard, now time.Time) map[string]time.Duration {
	all := map[string]time.Duration{}
	for _, p := range parts {
		if !p.Clock.IsZero() {
			all[p.Name] = p.Clock.Sub(now)
		}
	}
	return all
}

// steady reports whether no clock has moved noticeably.
func steady(was, is map[string]time.Duration) bool {
	for name, d := range is {
		before, known := was[name]
		if !known || (d-before).Abs() > drift {
			return false
		}
	}
	return true
}

// behind is by how much the clock of a part is behind the one that it had in its last life; 0 if that is not known.
func behind(seen lives, is state, part string) time.Duration {
	was, known1 := seen.Ahead[part]
	now, known2 := is.Ahead[part]
	if !known1 || !known2 {
		return 0
	}
	return max(0, was-now)
}

// late notes a part whose clock is behind.
func (p *plan) late(by time.Duration) {
	p.behind = max(p.behind, by)
	p.Force = p.Force || p.Whole && by > lateForced
}

// awaitClock waits until the clock of who took over has passed that of the one whose writes were lost, as they were when the loss was
// noticed. It reports whether that is for a later look.
func (r *repair) awaitClock(ctx context.Context, behind time.Duration) (later bool, err error) {
	if behind > lateForced && time.Since(r.since) < r.Every {
		r.Log.Warn("the clock of the store that took over is behind: what was lost is fetched again when it has caught up", "behind", behind, "at_most", lateMost)
	}
	left := time.Until(r.since.Add(min(behind, lateMost)))
	if left > r.Every {
		return true, nil
	}
	return false, pause.For(ctx, left)
}
