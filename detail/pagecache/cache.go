package pagecache

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/dgraph-io/ristretto/v2"

	"vitrine/switches"
)

const (
	entryOverhead = 2 << 10 // bytes of an entry besides its bodies, roughly
	meanEntry     = 8 << 10 // bytes, to size ristretto's counters
)

// Cache keeps pages by their path. It is safe for concurrent use.
type Cache struct {
	cache *ristretto.Cache[string, *Entry]
	on    *switches.Switch
	moves atomic.Uint64 // of switches, counted
	moved atomic.Int64  // when the last was, unix ns; 0 for never
}

// New makes a cache of size bytes. A page that was made before a switch of the panel moved is not served.
func New(size int64, panel *switches.Panel) (*Cache, error) {
	cache, err := ristretto.NewCache(&ristretto.Config[string, *Entry]{
		NumCounters: max(1000, size/meanEntry*10), MaxCost: size, BufferItems: 64, IgnoreInternalCost: true,
	})
	if err != nil {
		return nil, fmt.Errorf("make the cache of pages: %w", err)
	}
	c := &Cache{cache: cache, on: panel.Switch(switches.ReadLocal)}
	if panel != nil {
		panel.Changed(func() {
			c.moved.Store(time.Now().UnixNano())
			c.moves.Add(1)
		})
	}
	return c, nil
}

// Close frees the cache.
func (c *Cache) Close() { c.cache.Close() }

// Get is the page at a path, if it is of this version and holds; else nil.
func (c *Cache) Get(path string, version uint64, now time.Time) *Entry {
	e, ok := c.cache.Get(path)
	if !ok || e.version != version || e.moves != c.moves.Load() || !c.on.On() || e.expired(now) || !e.valid.Holds(now) {
		return nil
	}
	return e
}

// Last is the page at a path, if it is of this version, whether or not it still holds; else nil.
func (c *Cache) Last(path string, version uint64) *Entry {
	if e, ok := c.cache.Get(path); ok && e.version == version && c.on.On() {
		return e
	}
	return nil
}

// Moves counts the moves of switches. It is asked for before a page's parts are read.
func (c *Cache) Moves() uint64 { return c.moves.Load() }

// Moved is when a switch moved last; the zero time for never.
func (c *Cache) Moved() time.Time {
	if at := c.moved.Load(); at != 0 {
		return time.Unix(0, at)
	}
	return time.Time{}
}

// Put keeps a page of a version, whose parts were read after so many moves of switches, while valid holds.
func (c *Cache) Put(path string, version, moves uint64, valid Validity, e *Entry) {
	if !c.on.On() {
		return
	}
	e.version, e.moves, e.valid = version, moves, valid
	if e.MaxAge > 0 {
		e.expires = time.Now().Add(e.MaxAge).UnixNano()
	}
	c.cache.Set(path, e, e.cost())
}

// Bytes are those that the cache takes in memory, roughly.
func (c *Cache) Bytes() float64 { return float64(c.cache.MaxCost() - c.cache.RemainingCost()) }
