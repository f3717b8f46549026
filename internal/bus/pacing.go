package bus

import (
	"sync"
	"time"

	"vitrine/internal/item"
	"vitrine/internal/redact"
)

const (
	calm   = 100 * time.Millisecond // after urgent work, until the refresh lane goes at full pace again
	pace   = 8 * time.Millisecond   // between two batches of the refresh lane, until then
	linger = 50 * time.Millisecond  // that work waits for its batch to fill, at most
)

// urgency says whether a process has urgent work: of the high lane, on the board of any of its stages. They share its
// processors, its store and its connection, so that bulk work of one stage holds up urgent work of another.
type urgency struct {
	mu    sync.Mutex // guards all below
	works int        // on a board, waiting or in work
	left  time.Time  // when the last one left its board
}

func (u *urgency) came() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.works++
}

func (u *urgency) went(n int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.works -= n
	u.left = time.Now()
}

// present reports whether there is urgent work, or was a moment ago: it may be on its way to the next stage.
func (u *urgency) present(now time.Time) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.works > 0 || now.Sub(u.left) < calm
}

// mayBegin reports whether a batch of a lane may begin at a place that has a worker for it; queue is what waits for it,
// oldest first.
//
// Work of the lanes normal and refresh comes in a trickle of messages, and would go in batches of a few, each of which costs
// its upstream a call and the store a commit. So a batch that is not full waits until none of its lane is in work at
// its place, or its oldest work has waited for linger.
//
// While there is urgent work, or was a moment ago, the refresh lane may have one batch in work at each place, and a new one every
// pace only, full or after linger: more would fill the queues of NATS and the store, in which urgent work then stands.
//
// It needs mu.
func (b *board) mayBegin(lane item.Lane, p *place, queue []*work) bool {
	if lane == item.High {
		return true
	}
	now := time.Now()
	alone := p.working[lane] == 0
	slowed := lane == item.Refresh && b.urgent.present(now)
	switch {
	case slowed && !alone:
		return false // its end is signalled
	case slowed && !b.past(now, p.refreshed.Add(pace)):
		return false
	case len(queue) >= queue[0].max, alone && !slowed:
		return true
	}
	return b.past(now, queue[0].posted.Add(linger))
}

// past reports whether a time has come. If not, a waiting worker looks again then. It needs mu.
func (b *board) past(now, due time.Time) bool {
	wait := due.Sub(now)
	if wait <= 0 {
		return true
	}
	if b.alarm.IsZero() || due.Before(b.alarm) {
		b.alarm = due
		time.AfterFunc(wait, func() {
			defer redact.Crash()
			b.wake()
		})
	}
	return false
}

// wake has a waiting worker look again.
func (b *board) wake() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.alarm = time.Time{}
	b.ready.Signal()
}
