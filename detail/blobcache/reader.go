package blobcache

import (
	"context"
	"fmt"
	"time"

	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/internal/redact"
)

// Policy says how a read differs from a visitor's. The zero Policy is a visitor's.
type Policy struct {
	// NoStore reads what is in memory, and puts nothing there: a crawler's sweep must not evict what visitors want.
	NoStore bool
	// Probe asks whether a blob is built. The tier that folds blobs from records is left out, and an absence is not put into
	// memory, since other reads would have the blob folded.
	Probe bool
}

// flight is the read of one key. part may be read once done is closed, which flights share that land together.
type flight struct {
	key  kv.BlobKey
	mark readMark // taken before the read began
	done chan struct{}
	part Part
}

// Read returns a part for each key, by position. What is not in memory is read from the tiers in one batch, within ReadDeadline. A
// part that could not be read carries its error: see Part.Err.
func (c *Cache) Read(ctx context.Context, keys []kv.BlobKey, policy Policy) []Part {
	parts := make([]Part, len(keys))
	var old, wanted []kv.BlobKey
	var at []int
	for i, key := range keys {
		part, freshness := c.cached(key)
		switch freshness {
		case fresh:
			c.metrics.hit.Inc()
		case expired:
			c.metrics.hit.Inc()
			old = append(old, key)
		case missing:
			c.metrics.miss.Inc()
			wanted, at = append(wanted, key), append(at, i)
		}
		parts[i] = part
	}
	c.join(ctx, old, policy)
	for i, f := range c.join(ctx, wanted, policy) {
		parts[at[i]] = c.await(ctx, f, policy)
	}
	return parts
}

// cached looks a key up in memory. While that is switched off, every key is missing.
func (c *Cache) cached(key kv.BlobKey) (Part, freshness) {
	if !c.memory.On() {
		return Part{}, missing
	}
	return c.local.get(key)
}

// await returns the part of a flight. If a newer generation was announced by the time that the flight landed, the key is read once
// more; a part that is too old even then is marked stale.
func (c *Cache) await(ctx context.Context, f *flight, policy Policy) (part Part) {
	for range 2 {
		select {
		case <-f.done:
			part = f.part
		case <-ctx.Done():
			return Part{Key: f.key, Err: fmt.Errorf("%w: %s: %w", item.ErrUnavailable, f.key, ctx.Err())}
		}
		if part.Err != nil || part.Stale || part.Stamp >= c.Minimum(f.key) {
			return part
		}
		f = c.join(ctx, []kv.BlobKey{f.key}, policy)[0]
	}
	part.Stale = true
	return part
}

// join returns the flight of each key, by position. Keys that have no flight start one together. A flight that began before the last
// announcement for its key, or for a key of the same slot, takes no more readers: it may bring what was overtaken before
// they came.
func (c *Cache) join(ctx context.Context, keys []kv.BlobKey, policy Policy) []*flight {
	if len(keys) == 0 {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	all := make([]*flight, len(keys))
	made := make([]flight, 0, len(keys)) // those that start here: they land together, and share one signal of it
	started := make([]*flight, 0, len(keys))
	done := make(chan struct{})
	for i, key := range keys {
		f, now := c.flights[key], c.local.mark(key)
		if f == nil || f.mark != now {
			made = append(made, flight{key: key, mark: now, done: done})
			f = &made[len(made)-1]
			c.flights[key] = f
			started = append(started, f)
		}
		all[i] = f
	}
	switch {
	case len(started) == 0:
	case c.closed:
		c.land(started, fmt.Errorf("%w: the server is closing", item.ErrUnavailable))
	default:
		c.wait.Go(func() {
			defer redact.Crash()
			c.fly(ctx, started, policy)
		})
	}
	return all
}

// fly reads the keys of its flights. It does not end with the request that began it: others wait for the same keys, and must not
// fail because that visitor left.
func (c *Cache) fly(ctx context.Context, flights []*flight, policy Policy) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.config.ReadDeadline)
	defer cancel()
	// The second look. A reader may have found nothing in memory; then another's flight filled memory and landed, and only
	// then did the first reader join. Without this look it would read again what is in memory by now.
	todo := make([]*flight, 0, len(flights))
	for _, f := range flights {
		part, freshness := c.cached(f.key)
		if freshness == fresh {
			f.part = part
		} else {
			todo = append(todo, f)
		}
	}
	c.load(ctx, todo, policy)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.land(flights, nil)
}

// land ends flights that were started together, one at least, all with err unless that is nil. The caller holds mu.
func (c *Cache) land(flights []*flight, err error) {
	for _, f := range flights {
		if err != nil {
			f.part = Part{Key: f.key, Err: err}
		}
		if c.flights[f.key] == f {
			delete(c.flights, f.key)
		}
	}
	close(flights[0].done)
}

// load reads the keys of flights from the tiers, and puts into memory what the policy and the announcements allow.
func (c *Cache) load(ctx context.Context, flights []*flight, policy Policy) {
	if len(flights) == 0 {
		return
	}
	keys := make([]kv.BlobKey, len(flights))
	for i, f := range flights {
		keys[i] = f.key
	}
	store := c.memory.On() && !policy.NoStore
	parts := c.chain.read(ctx, keys, skips{records: policy.Probe})
	c.rereadLow(ctx, parts, policy)
	for i, part := range parts {
		unbuilt := policy.Probe && part.Existence == kv.Absent && part.Err == nil
		flights[i].part = c.settle(part, flights[i].mark, store && !unbuilt)
		if unbuilt {
			flights[i].part.until = time.Now().Add(jitter(absentTTL))
		}
	}
}

// rereadLow reads parts below their minimum generation once more, without replicas: the store or its replica was a moment behind the
// announcement. A part that is still below is served as stale, and not stored.
func (c *Cache) rereadLow(ctx context.Context, parts []Part, policy Policy) {
	var low []int
	var keys []kv.BlobKey
	for i, p := range parts {
		if p.Err == nil && p.Stamp < c.Minimum(p.Key) {
			low, keys = append(low, i), append(keys, p.Key)
		}
	}
	if len(low) == 0 {
		return
	}
	for i, again := range c.chain.read(ctx, keys, skips{records: policy.Probe, replicas: true}) {
		p := &parts[low[i]]
		if again.Err == nil && again.Stamp >= p.Stamp {
			*p = again
		}
		if p.Stamp < c.Minimum(p.Key) {
			p.Stale = true
		}
	}
}

// settle returns the part in hand, which it puts into memory if store is set, or the copy in memory where that is better.
func (c *Cache) settle(part Part, mark readMark, store bool) Part {
	if (part.Err != nil || part.Stale || part.Existence == kv.Absent) && c.memory.On() {
		if old, ok := c.local.last(part.Key); ok && better(old, part) {
			old.Lost = part.Lost
			return old
		}
	}
	if part.Err == nil {
		part.Stale = part.Stale || c.config.Behind(part.Key.Entity)
		part.minimum, part.fromTier = mark.minimum, true
		if store {
			part.until = c.local.store(part, mark)
		}
	}
	return part
}

// better reports whether old, the copy in memory, is to be served in place of part, which the tiers gave. That is so if the tiers
// failed, if a later tier gave an older generation, and if the blob is absent now. A deletion leaves a tombstone, so a
// blob that is absent though it was there was lost with its store.
func better(old, part Part) bool {
	switch {
	case part.Err != nil:
		return true
	case part.Existence == kv.Absent:
		return old.Existence != kv.Unknown // that mark is dropped after an hour
	}
	return part.Stale && old.Stamp > part.Stamp
}
