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
	cache       *ristretto.Cache[string, *Entry]
	on          *switches.Switch
	changes     changes
	panelChange atomic.Int64 // when a switch changed last, unix ns; 0 for never
}

// New makes a Cache of size bytes; the caller closes it. Get does not return a page that was made before the last change of a switch of
// the panel, which may be nil. New fails for a size that ristretto refuses.
func New(size int64, panel *switches.Panel) (*Cache, error) {
	cache, err := ristretto.NewCache(&ristretto.Config[string, *Entry]{
		NumCounters: max(1000, size/meanEntry*10), MaxCost: size, BufferItems: 64, IgnoreInternalCost: true,
	})
	if err != nil {
		return nil, fmt.Errorf("make the cache of pages: %w", err)
	}
	c := &Cache{cache: cache, on: panel.Must(switches.ReadLocal)}
	if panel != nil {
		panel.OnChange(func() {
			now := time.Now()
			c.panelChange.Store(now.UnixNano())
			c.changes.add(now)
		})
	}
	return c, nil
}

// On reports whether pages are kept, by the switch "read.local".
func (c *Cache) On() bool { return c.on.On() }

// Close ends the cache's goroutines. The cache must not be used afterwards.
func (c *Cache) Close() { c.cache.Close() }

// Get returns the page at a path, if it is of this version and still valid; else nil.
func (c *Cache) Get(path string, version uint64, now time.Time) *Entry {
	e, ok := c.cache.Get(path)
	if !ok || e.version != version || e.changes != c.changes.count.Load() || !c.on.On() || e.expired(now) || !e.valid.Holds(now) {
		return nil
	}
	return e
}

// Last returns the page at a path, if it is of this version, whether it is still valid or not; else nil.
func (c *Cache) Last(path string, version uint64) *Entry {
	if e, ok := c.cache.Get(path); ok && e.version == version && c.on.On() {
		return e
	}
	return nil
}

// Former returns the page at a path as it was before a change that is less than within ago, of whatever version, if its parts are still
// the newest; else nil.
func (c *Cache) Former(path string, now time.Time, within time.Duration) *Entry {
	e, ok := c.cache.Get(path)
	if !ok || !c.on.On() || e.expired(now) || !e.valid.Holds(now) {
		return nil
	}
	if at, ok := c.changes.after(e.changes); !ok || now.Sub(at) >= within {
		return nil
	}
	return e
}

// Changed notes that another catalog or set of templates comes into force. It must be called before anybody can see it.
func (c *Cache) Changed() { c.changes.add(time.Now()) }

// Changes returns how often a switch, the catalog or the templates changed. A caller reads it before it reads a page's parts, and gives
// it to Put.
func (c *Cache) Changes() uint64 { return c.changes.count.Load() }

// LastChange returns when one of them changed last; the zero time for never.
func (c *Cache) LastChange() time.Time { return c.changes.last() }

// LastPanelChange returns when a switch changed last; the zero time for never.
func (c *Cache) LastPanelChange() time.Time {
	if at := c.panelChange.Load(); at != 0 {
		return time.Unix(0, at)
	}
	return time.Time{}
}

// Put keeps a page at a path while valid holds, and no longer than its MaxAge. version is that of the catalog and the templates;
// changes is what Changes gave before the page's parts were read. The entry must not be changed afterwards.
func (c *Cache) Put(path string, version, changes uint64, valid Validity, e *Entry) {
	if !c.on.On() {
		return
	}
	e.version, e.changes, e.valid = version, changes, valid
	if e.MaxAge > 0 {
		e.expires = time.Now().Add(e.MaxAge).UnixNano()
	}
	c.cache.Set(path, e, e.cost())
}

// Bytes estimates the bytes that the cache takes in memory.
func (c *Cache) Bytes() float64 { return float64(c.cache.MaxCost() - c.cache.RemainingCost()) }
