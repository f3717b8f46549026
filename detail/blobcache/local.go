package blobcache

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dgraph-io/ristretto/v2"

	"vitrine/internal/kv"
	"vitrine/switches"
)

// Bounds of the local cache.
const (
	localMaxBody  = 64 << 10    // larger blobs, long descriptions above all, are left to the tiers
	entryOverhead = 256         // bytes of an entry besides key and body, roughly
	absentTTL     = time.Second // of "there is none", and of what a later tier gave
	graceTTLs     = 10          // an expired entry is served while it is refreshed for so many TTLs
	meanEntry     = 2 << 10     // bytes, to size ristretto's counters
)

// local holds values as the tiers gave them in memory, by blob.
type local struct {
	cache    *ristretto.Cache[string, *entry]
	minimums *minimums
	epoch    atomic.Uint64
	ttl      time.Duration
	factor   *switches.Switch // percent of ttl
	hears    func() bool      // reports whether announcements arrive

	indexing sync.Mutex            // guards index
	index    map[kv.BlobKey]*entry // the entries that are not overtaken, and some that are; see set

	announcing sync.Mutex // one announcement is through before the next begins: Snapshot relies on it
}

// entry is immutable but for overtaken.
type entry struct {
	part      Part
	epoch     uint64
	since     time.Time
	life      time.Duration // that it is good for, by a TTL factor of 100 percent
	overtaken atomic.Bool   // a higher gen was announced, or another entry set: only good where nothing else can be had
}

type freshness int

const (
	missing freshness = iota // read it
	expired                  // serve it, and let one refresh run
	fresh
)

// readMark is what a read notes before it begins, for store to judge by.
type readMark struct {
	minimum *minimum
	epoch   uint64
}

func newLocal(size int64, ttl time.Duration, factor *switches.Switch, hears func() bool) (*local, error) {
	l := &local{minimums: newMinimums(), ttl: ttl, factor: factor, hears: hears, index: map[kv.BlobKey]*entry{}}
	cache, err := ristretto.NewCache(&ristretto.Config[string, *entry]{
		NumCounters:        max(1000, size/meanEntry*10),
		MaxCost:            size,
		BufferItems:        64,
		IgnoreInternalCost: true,
		OnExit:             l.forget,
	})
	if err != nil {
		return nil, fmt.Errorf("make the local cache: %w", err)
	}
	l.cache = cache
	return l, nil
}

// forget takes an entry that leaves the cache out of the index. It is called with nil for a key that had none.
func (l *local) forget(e *entry) {
	if e == nil {
		return
	}
	l.indexing.Lock()
	defer l.indexing.Unlock()
	if l.index[e.part.Key] == e {
		delete(l.index, e.part.Key)
	}
}

// set puts an entry into the cache and the index, in which it takes the place of the one before.
//
// The cache applies what is set a little later, in the order of its buffer, and drops some of it. So what it shows now
// is not all that it is going to show:
//
//	shown                    in the buffer
//	nothing                  set a1 (gen 1), delete, set a2 (gen 2)
//	a1                       delete, set a2          gen 3 is announced: a1 can be found, a2 can't
//	a2                                               and a2 would be served
//
// The index knows at once. Of the entries of a key, only the one in the index may be without the mark overtaken, whatever
// the cache shows, and so an announcement has that one to mark.
func (l *local) set(e *entry) {
	l.indexing.Lock()
	if before := l.index[e.part.Key]; before != nil {
		before.overtaken.Store(true)
	}
	l.index[e.part.Key] = e
	l.indexing.Unlock()
	if !l.cache.Set(e.part.Key.String(), e, e.part.cost()) {
		l.forget(e)
	}
}

// drop takes the entry of a key out of the index and the cache.
func (l *local) drop(key kv.BlobKey) {
	l.indexing.Lock()
	if e := l.index[key]; e != nil {
		e.overtaken.Store(true)
		delete(l.index, key)
	}
	l.indexing.Unlock()
	l.cache.Del(key.String())
}

// indexed is the one entry of a key that may not be overtaken; nil for none.
func (l *local) indexed(key kv.BlobKey) *entry {
	l.indexing.Lock()
	defer l.indexing.Unlock()
	return l.index[key]
}

// keys lists what is in memory.
func (l *local) keys() []kv.BlobKey {
	l.indexing.Lock()
	defer l.indexing.Unlock()
	return slices.Collect(maps.Keys(l.index))
}

// get looks a blob up. The part is set unless it is missing.
func (l *local) get(key kv.BlobKey) (Part, freshness) {
	e, ok := l.cache.Get(key.String())
	if !ok || e.part.Key != key || e.overtaken.Load() || e.epoch != l.epoch.Load() || e.part.Stamp < l.minimums.of(key) {
		return Part{}, missing
	}
	part := l.asRead(e)
	late := time.Since(part.until)
	switch {
	case late < 0:
		return part, fresh
	case e.part.Life == kv.Absent || late > graceTTLs*l.ttl:
		return Part{}, missing
	default:
		part.Stale = part.Stale || !l.hears() // else nothing newer was announced, however long ago it was read
		return part, expired
	}
}

// last is what the cache has of a blob, however old: for when no tier answers.
func (l *local) last(key kv.BlobKey) (Part, bool) {
	e, ok := l.cache.Get(key.String())
	if !ok || e.part.Key != key || e.part.Life == kv.Absent {
		return Part{}, false
	}
	part := l.asRead(e)
	part.Stale = true
	return part, true
}

func (l *local) asRead(e *entry) Part {
	part := e.part
	part.Origin, part.Tier, part.until = part.Tier, LocalTier, l.until(e)
	return part
}

// until is when an entry is to be looked at again, by the factor as it is now.
func (l *local) until(e *entry) time.Time {
	return e.since.Add(e.life * time.Duration(l.factor.Percent()) / 100)
}

// mark must be called before the read whose result store is given.
func (l *local) mark(key kv.BlobKey) readMark {
	return readMark{l.minimums.slot(key).Load(), l.epoch.Load()}
}

// store puts what was read into memory, unless an announcement says that it is old by now. It returns until when the
// part is good: the zero time where it is old. A Set may be dropped, and is seen by others a little later: the caller
// serves the part in hand.
func (l *local) store(part Part, before readMark) (until time.Time) {
	key := part.Key
	if !l.minimums.allows(key, part.Stamp, before.minimum) {
		return until
	}
	ttl := l.ttl
	if part.Life == kv.Absent || part.Stale {
		ttl = min(ttl, absentTTL)
	}
	e := &entry{part: part, epoch: before.epoch, since: time.Now(), life: jitter(ttl)}
	until = l.until(e)
	if len(part.Body) > localMaxBody {
		l.drop(key)
		return until
	}
	l.set(e)
	// The second look: an announcement between the first one and set did not find the entry.
	if !l.minimums.allows(key, part.Stamp, before.minimum) {
		e.overtaken.Store(true)
	}
	return until
}

// announced raises the minimum generation first, and then sees to the entry. One in doubt overtakes whatever is there.
func (l *local) announced(key kv.BlobKey, gen uint64, doubt bool) {
	l.announcing.Lock()
	defer l.announcing.Unlock()
	l.minimums.raise(key, gen, doubt)
	e := l.indexed(key)
	switch {
	case e == nil:
	case e.part.Life == kv.Absent:
		l.drop(key)
	case e.part.Stamp < gen || doubt:
		e.overtaken.Store(true)
	}
}

func (l *local) bytes() float64 { return float64(l.cache.MaxCost() - l.cache.RemainingCost()) }

func (l *local) close() { l.cache.Close() }

// jitter spreads expiry by ±20 %, so that entries filled together don't expire together.
func jitter(d time.Duration) time.Duration {
	return time.Duration(float64(d) * (0.8 + 0.4*rand.Float64()))
}
