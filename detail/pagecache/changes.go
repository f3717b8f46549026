package pagecache

import (
	"sync"
	"sync/atomic"
	"time"
)

// mostChanges is how many changes are remembered: a page from before them is not served any more.
const mostChanges = 256

// changes are those of the catalog, the templates and the switches: what was made before the last one is of a former form. It is safe
// for concurrent use.
type changes struct {
	count atomic.Uint64

	mu    sync.Mutex  // guards times, and is held while count is raised
	times []time.Time // of the last ones, in their order
}

// add notes one.
func (c *changes) add(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.times) == mostChanges {
		c.times = c.times[:copy(c.times, c.times[1:])]
	}
	c.times = append(c.times, now)
	c.count.Add(1)
}

// after is when the change after the first n happened; ok is false where there was none, or it is not remembered.
func (c *changes) after(n uint64) (at time.Time, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	forgotten := c.count.Load() - uint64(len(c.times))
	if n < forgotten || n >= c.count.Load() {
		return at, false
	}
	return c.times[n-forgotten], true
}

// last is when the last one happened; the zero time for never.
func (c *changes) last() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.times) == 0 {
		return time.Time{}
	}
	return c.times[len(c.times)-1]
}
