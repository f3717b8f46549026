package blobcache

import (
	"context"
	"fmt"
	"time"

	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/internal/redact"
)

// Policy is how a read differs from a visitor's. The zero Policy is a visitor's.
type Policy struct {
	// NoStore reads what is in memory, and puts nothing there: a crawler's sweep must not drive out what visitors want.
	NoStore bool
	// Probe asks whether a blob is built: none is folded from records for it, and its absence is not put into memory,
	// since others would have it folded.
	Probe bool
}

// flight is one key being read. part may be looked at once done is closed.
type flight struct {
	key    kv.BlobKey
	before readMark // noted before it began
	done   chan struct{}
	part   Part
}

// Read gives a part for each key, by position. What is not cached is read in one batch.
func (c *Cache) Read(ctx context.Context, keys []kv.BlobKey, policy Policy) []Part {
	parts := make([]Part, len(keys))
	var old, wanted []kv.BlobKey
	var at []int
	for i, key := range keys {
		part, how := c.cached(key)
		switch how {
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

// cached looks into memory, unless that is switched off.
func (c *Cache) cached(key kv.BlobKey) (Part, freshness) {
	if !c.memory.On() {
		return Part{}, missing
	}
	return c.local.get(key)
}

// await gives what a flight brings. Where something newer is announced by the time that it lands, it is asked for
// again, once: a reader that can have the newest should.
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

// join gives the flight of each key, by position; those that nobody reads yet start together. A flight that something
// was announced since, for its key or for one that shares its slot, takes nobody on any more: it may bring what was
// overtaken before the one who joins now had come.
func (c *Cache) join(ctx context.Context, keys []kv.BlobKey, policy Policy) []*flight {
	if len(keys) == 0 {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	all := make([]*flight, len(keys))
	var started []*flight
	for i, key := range keys {
		f, now := c.flights[key], c.local.mark(key)
		if f == nil || f.before != now {
			f = &flight{key: key, before: now, done: make(chan struct{})}
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

// fly reads the keys of its flights. It is detached from the request that began it: others wait for the
// same keys, and that visitor leaving must not fail them.
func (c *Cache) fly(ctx context.Context, flights []*flight, policy Policy) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.config.ReadDeadline)
	defer cancel()
	// The second look. A reader may have missed, then another's flight filled the cache and landed, and only
	// then did the first come to join: without this it would read once more what is there.
	var todo []*flight
	for _, f := range flights {
		part, how := c.cached(f.key)
		if how == fresh {
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

// land ends flights. It is called with mu held.
func (c *Cache) land(flights []*flight, err error) {
	for _, f := range flights {
		if err != nil {
			f.part = Part{Key: f.key, Err: err}
		}
		if c.flights[f.key] == f {
			delete(c.flights, f.key)
		}
		close(f.done)
	}
}

// load reads through the tiers and stores what it may.
func (c *Cache) load(ctx context.Context, flights []*flight, policy Policy) {
	if len(flights) == 0 {
		return
	}
	keys := make([]kv.BlobKey, len(flights))
	for i, f := range flights {
		keys[i] = f.key
	}
	store := c.memory.On() && !policy.NoStore
	parts := c.chain.read(ctx, keys, chainRead{skipRecords: policy.Probe})
	c.rereadLow(ctx, parts, policy)
	for i, part := range parts {
		unbuilt := policy.Probe && part.Life == kv.Absent && part.Err == nil
		flights[i].part = c.settle(part, flights[i].before, store && !unbuilt)
		if unbuilt {
			flights[i].part.until = time.Now().Add(jitter(absentTTL))
		}
	}
}

// rereadLow reads once more what is below its minimum generation: the store, or a replica of it, was a moment behind
// the announcement. What is still below is served, marked, and not stored.
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
	for i, again := range c.chain.read(ctx, keys, chainRead{skipRecords: policy.Probe, skipReplicas: true}) {
		p := &parts[low[i]]
		if again.Err == nil && again.Stamp >= p.Stamp {
			*p = again
		}
		if p.Stamp < c.Minimum(p.Key) {
			p.Stale = true
		}
	}
}

// settle prefers what memory still has where that is better.
func (c *Cache) settle(part Part, before readMark, store bool) Part {
	if old, ok := c.local.last(part.Key); ok && c.memory.On() && better(old, part) {
		old.Lost = part.Lost
		return old
	}
	if part.Err == nil {
		part.before, part.noted = before.minimum, true
		if store {
			part.until = c.local.store(part, before)
		}
	}
	return part
}

// better reports whether what memory has of a blob, however old, is to be served in place of what the tiers gave: where
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
