package blobcache

import (
	"context"
	"fmt"
	"slices"
	"time"

	"vitrine/internal/kv"
)

const (
	warmBatch  = 500
	warmWithin = 15 * time.Second
	warmFill   = 4 // of 5 parts of the local cache: the rest is for what is read meanwhile
)

// Hot lists the blobs in memory.
func (c *Cache) Hot() []kv.BlobKey {
	return c.local.keys()
}

// Warm reads blobs into memory before any page is asked for, so that a restarted server does not begin with a
// crowd at its tiers. What was announced since the store got them must be told after Warm has returned. It returns
// how many are in memory.
func (c *Cache) Warm(ctx context.Context, tier string, from kv.BlobGetter, keys []kv.BlobKey) (n int, err error) {
	ctx, cancel := context.WithTimeout(ctx, warmWithin)
	defer cancel()
	l := c.local
	for batch := range slices.Chunk(keys, warmBatch) {
		if l.bytes() > float64(c.config.Bytes)*warmFill/(warmFill+1) {
			break
		}
		marks := make([]readMark, len(batch))
		for i, key := range batch {
			marks[i] = l.mark(key)
		}
		blobs, err := from.Blobs(ctx, batch)
		if err != nil {
			return n, fmt.Errorf("warm memory: %w", err)
		}
		for i, b := range blobs {
			if b.Damaged || b.Life == kv.Absent || b.Life == kv.Alive && !isObject(b.Body) {
				continue
			}
			l.store(Part{Key: batch[i], Value: b.Value, Tier: tier}, marks[i])
			n++
		}
		l.cache.Wait()
	}
	return n, nil
}
