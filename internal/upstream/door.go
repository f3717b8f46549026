package upstream

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/redact"
)

// door admits the calls of one upstream: into each of its pools as many at a time as that has places, and into all of them
// together as many in a second as the upstream's rate. Those of urgent lanes go first. While all lanes wait, a lane's share
// of what is admitted is its weight, so that none waits for ever.
type door struct {
	mu     sync.Mutex // guards all below
	pools  map[string]*places
	rate   float64 // calls in a second; 0: any number
	burst  float64
	saved  float64   // calls that may begin at once, as of the time counted
	count  time.Time // when saved was counted; zero for never
	alarm  *time.Timer
	credit map[item.Lane]int
	came   int // waiters so far
}

// places is one pool.
type places struct {
	limit   int
	taken   int
	waiting map[item.Lane][]*waiter // in the order in which they came
}

// waiter is a call that wants to begin.
type waiter struct {
	number   int
	admitted chan struct{} // closed
}

func newDoor() *door { return &door{pools: map[string]*places{}, credit: fullCredit()} }

// fullCredit gives each lane its turns of a round.
func fullCredit() map[item.Lane]int {
	credit := map[item.Lane]int{}
	for _, l := range item.Lanes() {
		credit[l] = l.Weight()
	}
	return credit
}

// enter waits until a call may begin; leave gives its place back. A lane that there is not counts as item.Normal. Errors wrap
// item.ErrUnavailable.
func (d *door) enter(ctx context.Context, u *catalog.Upstream, p *catalog.Pool, lane item.Lane) (leave func(), err error) {
	if !slices.Contains(item.Lanes(), lane) {
		lane = item.Normal
	}
	d.mu.Lock()
	at := d.pool(u, p)
	d.came++
	w := &waiter{d.came, make(chan struct{})}
	at.waiting[lane] = append(at.waiting[lane], w)
	d.admit()
	d.mu.Unlock()
	select {
	case <-w.admitted:
	default:
		select {
		case <-w.admitted:
		case <-ctx.Done():
			return nil, d.giveUp(ctx, u, at, lane, w)
		}
	}
	return func() { d.leave(at) }, nil
}

// pool is the one of that name, with the limits that the catalog has now. It needs mu.
func (d *door) pool(u *catalog.Upstream, p *catalog.Pool) *places {
	d.rate = u.Rate
	d.burst = float64(u.Burst)
	name, limit := "", u.Concurrency
	if p != nil {
		name = p.Name
		limit = p.Concurrency
	}
	at := d.pools[name]
	if at == nil {
		at = &places{waiting: map[item.Lane][]*waiter{}}
		d.pools[name] = at
	}
	at.limit = limit
	return at
}

// admit lets in who may begin now. It needs mu.
func (d *door) admit() {
	now := time.Now()
	d.refill(now)
	for {
		at, lane := d.turn()
		if at == nil {
			return
		}
		if d.rate > 0 && d.saved < 1 {
			d.wakeAfter(time.Duration((1-d.saved)/d.rate*float64(time.Second)) + time.Microsecond)
			return
		}
		d.saved--
		d.credit[lane]--
		at.taken++
		w := at.waiting[lane][0]
		at.waiting[lane] = at.waiting[lane][1:]
		close(w.admitted)
	}
}

// refill counts the calls that the rate allows since it was counted last. It needs mu.
func (d *door) refill(now time.Time) {
	if d.count.IsZero() || d.rate == 0 {
		d.saved = d.burst
	} else {
		d.saved = min(d.burst, d.saved+now.Sub(d.count).Seconds()*d.rate)
	}
	d.count = now
}

// turn is the most urgent lane with credit in which somebody waits for a pool with a free place, and of such pools the one
// where somebody waits longest. Credits are renewed when no such lane has any. It needs mu.
func (d *door) turn() (*places, item.Lane) {
	var first *places
	var lane item.Lane
	for _, l := range item.Lanes() {
		at := d.longest(l)
		switch {
		case at == nil:
		case d.credit[l] > 0:
			return at, l
		case first == nil:
			first = at
			lane = l
		}
	}
	if first != nil {
		d.credit = fullCredit()
	}
	return first, lane
}

// longest is the pool with a free place that somebody of a lane has waited longest for; nil for none. It needs mu.
func (d *door) longest(l item.Lane) (found *places) {
	least := math.MaxInt
	for _, at := range d.pools {
		if queue := at.waiting[l]; len(queue) > 0 && at.taken < at.limit && queue[0].number < least {
			found = at
			least = queue[0].number
		}
	}
	return found
}

// wakeAfter looks again when the rate allows another call. It needs mu.
func (d *door) wakeAfter(wait time.Duration) {
	if d.alarm != nil {
		return
	}
	d.alarm = time.AfterFunc(wait, func() {
		defer redact.Crash()
		d.mu.Lock()
		defer d.mu.Unlock()
		d.alarm = nil
		d.admit()
	})
}

func (d *door) leave(at *places) {
	d.mu.Lock()
	defer d.mu.Unlock()
	at.taken--
	d.admit()
}

// giveUp takes a waiter out again whose context has ended, and returns what it waited for.
func (d *door) giveUp(ctx context.Context, u *catalog.Upstream, at *places, lane item.Lane, w *waiter) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	why := fmt.Sprintf("all %d calls are taken", at.limit)
	if at.taken < at.limit {
		why = fmt.Sprintf("its rate of %g calls in a second is used up", d.rate)
	}
	if i := slices.Index(at.waiting[lane], w); i >= 0 {
		at.waiting[lane] = slices.Delete(at.waiting[lane], i, i+1)
	} else { // it was admitted meanwhile
		at.taken--
		d.saved++
		d.admit()
	}
	return fmt.Errorf("%w: %s: %s: %w", item.ErrUnavailable, u.Name, why, ctx.Err())
}

// urgent reports whether a call of a lane other than refresh waits for a pool.
func (d *door) urgent(pool string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	at := d.pools[pool]
	return at != nil && len(at.waiting[item.High])+len(at.waiting[item.Normal]) > 0
}
