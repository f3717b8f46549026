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
	localMaxBody  = 64 << 10    // larger blobs, mostly long descriptions, are left to the tiers
	entryOverhead = 256         // bytes of an entry besides key and body, roughly
	absentTTL     = time.Second // of an absence, and of a blob from a later tier
	graceTTLs     = 10          // for so many TTLs, an expired entry is served while it is being refreshed
	meanEntry     = 2 << 10     // bytes, to size ristretto's counters
)

// local is the cache of blobs in memory.
type local struct {
	cache    *ristretto.Cache[string, *entry]
	minimums *minimums
	epoch    atomic.Uint64
	ttl      time.Duration
	factor   *switches.Switch // percent of ttl
	hears    func() bool      // reports whether announcements arrive

	indexing sync.Mutex            // guards index
	index    map[kv.BlobKey]*entry // every entry that is not overtaken, and some that are; see set

	announcing sync.Mutex // held for the whole of an announcement: Snapshot relies on their being one after another
}

// entry is immutable but for overtaken.
type entry struct {
	part      Part
	epoch     uint64
	since     time.Time
	life      time.Duration // how long it is fresh at a TTL factor of 100 percent
	overtaken atomic.Bool   // a higher gen was announced, or another entry was set: served only if nothing else can be had
}

type freshness int

const (
	missing freshness = iota // to be read
	expired                  // to be served while one refresh runs
	fresh                    // to be served
)

// readMark is taken before a read begins, so that store can tell what was announced since.
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

// forget removes from the index an entry that leaves the cache. ristretto calls it with nil for a key that had no entry.
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

// set puts an entry into the cache and the index, where it replaces the key's former entry.
//
// ristretto applies a Set a little later, in the order of its buffer, and drops some. So it may yet show an entry that it
// does not show now:
//
//	shown                    in the buffer
//	nothing                  set a1 (gen 1), delete, set a2 (gen 2)
//	a1                       delete, set a2          gen 3 is announced: a1 can be found, a2 can't
//	a2                                               and a2 would be served
//
// The index changes at once. Of all entries of a key only the one in the index may be not overtaken, whatever the cache
// shows. So an announcement marks that one, and no other can be served.
func (l *local) set(e *entry) {
	l.indexing.Lock()
	if former := l.index[e.part.Key]; former != nil {
		former.overtaken.Store(true)
	}
	l.index[e.part.Key] = e
	l.indexing.Unlock()
	if !l.cache.Set(e.part.Key.String(), e, e.part.cost()) {
		l.forget(e)
	}
}

// drop removes the entry of a key from the index and the cache.
func (l *local) drop(key kv.BlobKey) {
	l.indexing.Lock()
	if e := l.index[key]; e != nil {
		e.overtaken.Store(true)
		delete(l.index, key)
	}
	l.indexing.Unlock()
	l.cache.Del(key.String())
}

// indexed returns the only entry of a key that may be served; nil for none. That one may be overtaken too.
func (l *local) indexed(key kv.BlobKey) *entry {
	l.indexing.Lock()
	defer l.indexing.Unlock()
	return l.index[key]
}

// keys lists the blobs in memory.
func (l *local) keys() []kv.BlobKey {
	l.indexing.Lock()
	defer l.indexing.Unlock()
	return slices.Collect(maps.Keys(l.index))
}

// get looks a blob up. The part is zero if it is missing.
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
	case e.part.Existence == kv.Absent || late > graceTTLs*l.ttl:
		return Part{}, missing
	default:
		part.Stale = part.Stale || !l.hears() // while announcements arrive, one that is old and not overtaken is the newest
		return part, expired
	}
}

// last returns the copy in memory of a blob, however old, marked stale: for when no tier answers. It leaves absences out.
func (l *local) last(key kv.BlobKey) (Part, bool) {
	e, ok := l.cache.Get(key.String())
	if !ok || e.part.Key != key || e.part.Existence == kv.Absent {
		return Part{}, false
	}
	part := l.asRead(e)
	part.Stale = true
	return part, true
}

// asRead returns the part of an entry as one that was read from memory.
func (l *local) asRead(e *entry) Part {
	part := e.part
	part.Origin, part.Tier, part.until = part.Tier, LocalTier, l.until(e)
	return part
}

// until returns when an entry expires, by the TTL factor in force.
func (l *local) until(e *entry) time.Time {
	return e.since.Add(e.life * time.Duration(l.factor.Percent()) / 100)
}

// mark returns the mark for a read of key. It must be called before the read begins.
func (l *local) mark(key kv.BlobKey) readMark {
	return readMark{l.minimums.slot(key).Load(), l.epoch.Load()}
}

// store puts into memory a part that was read after mark was taken, unless an announcement has overtaken it since. It returns when the
// part expires: the zero time if it is overtaken. ristretto may drop the entry, and shows it a little later, so the caller
// serves the part in hand.
func (l *local) store(part Part, mark readMark) (until time.Time) {
	key := part.Key
	if !l.minimums.allows(key, part.Stamp, mark.minimum) {
		return until
	}
	ttl := l.ttl
	if part.Existence == kv.Absent || part.Stale {
		ttl = min(ttl, absentTTL)
	}
	e := &entry{part: part, epoch: mark.epoch, since: time.Now(), life: jitter(ttl)}
	until = l.until(e)
	if len(part.Body) > localMaxBody {
		l.drop(key)
		return until
	}
	l.set(e)
	// The second look: an announcement between the first look and set did not find the entry.
	if !l.minimums.allows(key, part.Stamp, mark.minimum) {
		e.overtaken.Store(true)
	}
	return until
}

// announced raises the minimum generation of a key first, and then marks its entry as overtaken if that is older. With doubt, a
// higher generation than gen may exist, and any entry is overtaken.
func (l *local) announced(key kv.BlobKey, gen uint64, doubt bool) {
	l.announcing.Lock()
	defer l.announcing.Unlock()
	l.minimums.raise(key, gen, doubt)
	e := l.indexed(key)
	switch {
	case e == nil:
	case e.part.Existence == kv.Absent:
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
