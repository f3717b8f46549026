package detail

import (
	"context"
	"fmt"
	"sync"
	"time"

	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/switches"
)

// Part is one blob as it was read. Life is Absent where there is none.
type Part struct {
	Key kv.BlobKey
	kv.Value
	Tier   string // "local", or the tier's name
	Origin string // of a local part: the tier it came from
	Stale  bool   // a newer one may exist
	Lost   bool   // the first tier answers, and has none: it should have one of whatever is alive
	Err    error  // no tier could tell; wraps item.ErrUnavailable or item.ErrDamaged

	until  time.Time // when it is to be looked at again; zero where it must be at once
	before *floor    // what stood in its slot of the floors before it was read from a tier
	noted  bool      // before is that
}

// reader reads blobs through the cache, each key once at a time however many pages want it.
type reader struct {
	local    *local
	memory   *switches.Switch // off: the cache is not looked at
	chain    *chain
	deadline time.Duration

	mu      sync.Mutex // guards flights and closed
	flights map[kv.BlobKey]*flight
	closed  bool
	wait    sync.WaitGroup
}

// flight is one key being read. part may be looked at once done is closed.
type flight struct {
	key    kv.BlobKey
	before before // noted before it began
	done   chan struct{}
	part   Part
}

func newReader(l *local, c *chain, memory *switches.Switch, deadline time.Duration) *reader {
	return &reader{local: l, memory: memory, chain: c, deadline: deadline, flights: map[kv.BlobKey]*flight{}}
}

// read gives a part for each key, by position. What is not cached is read in one batch.
func (r *reader) read(ctx context.Context, keys []kv.BlobKey) []Part {
	parts := make([]Part, len(keys))
	var old, wanted []kv.BlobKey
	var at []int
	for i, key := range keys {
		part, how := r.cached(key)
		switch how {
		case fresh:
			r.chain.metrics.localHit()
		case expired:
			r.chain.metrics.localHit()
			old = append(old, key)
		case missing:
			r.chain.metrics.localMiss()
			wanted, at = append(wanted, key), append(at, i)
		}
		parts[i] = part
	}
	r.board(ctx, old)
	for i, f := range r.board(ctx, wanted) {
		parts[at[i]] = r.await(ctx, f)
	}
	return parts
}

// cached looks into memory, unless that is switched off.
func (r *reader) cached(key kv.BlobKey) (Part, freshness) {
	if !r.memory.On() {
		return Part{}, missing
	}
	return r.local.get(key)
}

// await gives what a flight brings. Where something newer is announced by the time that it lands, it is asked for
// again, once: a reader that can have the newest should.
func (r *reader) await(ctx context.Context, f *flight) (part Part) {
	for range 2 {
		select {
		case <-f.done:
			part = f.part
		case <-ctx.Done():
			return Part{Key: f.key, Err: fmt.Errorf("%w: %s: %w", item.ErrUnavailable, f.key, ctx.Err())}
		}
		if part.Err != nil || part.Stale || part.Stamp >= r.local.floors.of(f.key) {
			return part
		}
		f = r.board(ctx, []kv.BlobKey{f.key})[0]
	}
	part.Stale = true
	return part
}

// board gives the flight of each key, by position; those that nobody reads yet start together. A flight that something
// was announced since, for its key or for one that shares its slot, is nobody's to join any more: it may bring what
// was overtaken before the one who boards now had come.
func (r *reader) board(ctx context.Context, keys []kv.BlobKey) []*flight {
	if len(keys) == 0 {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make([]*flight, len(keys))
	var mine []*flight
	for i, key := range keys {
		f, now := r.flights[key], r.local.before(key)
		if f == nil || f.before != now {
			f = &flight{key: key, before: now, done: make(chan struct{})}
			r.flights[key] = f
			mine = append(mine, f)
		}
		all[i] = f
	}
	switch {
	case len(mine) == 0:
	case r.closed:
		r.land(mine, fmt.Errorf("%w: the server is closing", item.ErrUnavailable))
	default:
		r.wait.Go(func() { r.fly(ctx, mine) })
	}
	return all
}

// fly reads the keys of its flights. It is detached from the request that began it: others wait for the
// same keys, and that visitor leaving must not fail them.
func (r *reader) fly(ctx context.Context, flights []*flight) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.deadline)
	defer cancel()
	// The second look. A reader may have missed, then another's flight filled the cache and left, and only
	// then did the first come to board: without this it would read once more what is there.
	var todo []*flight
	for _, f := range flights {
		part, how := r.cached(f.key)
		if how == fresh {
			f.part = part
		} else {
			todo = append(todo, f)
		}
	}
	r.load(ctx, todo)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.land(flights, nil)
}

// land is called with mu held.
func (r *reader) land(flights []*flight, err error) {
	for _, f := range flights {
		if err != nil {
			f.part = Part{Key: f.key, Err: err}
		}
		if r.flights[f.key] == f {
			delete(r.flights, f.key)
		}
		close(f.done)
	}
}

// load reads through the tiers and keeps what it may.
func (r *reader) load(ctx context.Context, flights []*flight) {
	if len(flights) == 0 {
		return
	}
	keys := make([]kv.BlobKey, len(flights))
	for i, f := range flights {
		keys[i] = f.key
	}
	keep := keeping(ctx) && r.memory.On()
	parts := r.chain.read(ctx, keys)
	r.again(ctx, parts)
	for i, part := range parts {
		unbuilt := isProbe(ctx) && part.Life == kv.Absent && part.Err == nil
		flights[i].part = r.settle(part, flights[i].before, keep && !unbuilt)
		if unbuilt {
			flights[i].part.until = probed()
		}
	}
}

// again reads once more what is below its floor: the store, or a replica of it, was a moment behind the
// announcement. What is still below is served, marked, and not kept.
func (r *reader) again(ctx context.Context, parts []Part) {
	var low []int
	var keys []kv.BlobKey
	for i, p := range parts {
		if p.Err == nil && p.Stamp < r.local.floors.of(p.Key) {
			low, keys = append(low, i), append(keys, p.Key)
		}
	}
	if len(low) == 0 {
		return
	}
	for i, p := range r.chain.reread(ctx, keys) {
		if p.Err == nil && p.Stamp >= parts[low[i]].Stamp {
			parts[low[i]] = p
		}
		if q := &parts[low[i]]; q.Stamp < r.local.floors.of(q.Key) {
			q.Stale = true
		}
	}
}

// settle prefers what the cache still has where that is better.
func (r *reader) settle(part Part, b before, keep bool) Part {
	if old, ok := r.local.last(part.Key); ok && r.memory.On() && better(old, part) {
		old.Lost = part.Lost
		return old
	}
	if part.Err == nil {
		part.before, part.noted = b.floor, true
		if keep {
			part.until = r.local.keep(part, b)
		}
	}
	return part
}

// better reports whether what the cache has of a blob, however old, is to be served in place of what the tiers gave: where
// they failed, where a later one had an older one, and where there is none any more. A deletion leaves a tombstone, so
// what is absent though it was there has been lost with its store.
func better(old, part Part) bool {
	switch {
	case part.Err != nil:
		return true
	case part.Life == kv.Absent:
		return old.Life != kv.Unknown // which is forgotten after an hour
	}
	return part.Stale && old.Stamp > part.Stamp
}

// close waits until nothing is being read. Flights asked for later fail at once.
func (r *reader) close() {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	r.wait.Wait()
	r.chain.close()
	r.local.close()
}
