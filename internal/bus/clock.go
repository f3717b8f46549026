package bus

import (
	"context"
	"sync"
	"time"
)

// Times at which something begins or ends for several processes are by the clock of NATS: each process would otherwise go
// by its own, and some of those are an hour off.

// doubtful is how long an answer may take for its time to be taken.
const doubtful = time.Second

// precise is how long a better answer stands against worse ones.
const precise = time.Minute

// storeClock is the time at NATS, as it was learnt from answers. It runs on between them, and is not moved when somebody
// sets this machine's clock.
type storeClock struct {
	mu    sync.Mutex // guards all below
	local time.Time  // with its monotonic reading; zero before anything was learnt
	store time.Time  // what time it was at NATS then
	took  time.Duration
}

// learn takes the time of an answer, which was made between asking and getting it.
func (c *storeClock) learn(asked, got, stamp time.Time) {
	took := got.Sub(asked)
	if stamp.IsZero() || took < 0 || took > doubtful {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.local.IsZero() && took > c.took && got.Sub(c.local) < precise {
		return // on a busy machine, an answer that came at once gives the time better
	}
	c.local, c.store, c.took = got, stamp.Add(took/2), took
}

func (c *storeClock) now() (now time.Time, known bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.local.IsZero() {
		return time.Now(), false
	}
	return c.store.Add(time.Since(c.local)), true
}

// Now is what time it is at NATS, and whether that is known: a bucket was looked at. It is this machine's time where it
// is not.
func (c *Conn) Now() (now time.Time, known bool) { return c.clock.now() }

// Ahead is by how much NATS's clock is ahead of this machine's; 0 where that is not known, or is no more than what an answer took by
// which it was learnt. What is compared with a time that another process, or NATS, has noted is this machine's time and Ahead.
func (c *Conn) Ahead() time.Duration { return c.clock.ahead() }

func (c *storeClock) ahead() time.Duration {
	now, known := c.now()
	if !known {
		return 0
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	by := time.Until(now)
	if by.Abs() <= max(c.took, clockError) {
		return 0
	}
	return by
}

// clockError is what two clocks that are kept together may differ by.
const clockError = 100 * time.Millisecond

// MeasureClock asks NATS for its time, and returns by how much its clock is ahead of this machine's, as Ahead does.
func (c *Conn) MeasureClock(ctx context.Context) (ahead time.Duration, err error) {
	asked := time.Now()
	_, now, err := c.StreamsMade(ctx)
	if err != nil {
		return 0, err
	}
	var clock storeClock
	clock.learn(asked, time.Now(), now)
	return clock.ahead(), nil
}
