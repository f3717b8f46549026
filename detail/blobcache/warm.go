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
	warmFill   = 0.8 // of memory; what is left is for what is read meanwhile
)

// Hot lists the blobs in memory.
func (c *Cache) Hot() []kv.BlobKey {
	return c.local.keys()
}

// Warm reads blobs from a store into memory before the first request, so that the tiers of a restarted server are not crowded. tier is
// the name that the parts carry. What was announced since the store got these blobs must be passed to Announced after Warm
// has returned. Warm stops after 15 s, or when memory is four fifths full. It returns the number of blobs that it put into
// memory, and fails with what the store fails with.
func (c *Cache) Warm(ctx context.Context, tier string, from kv.BlobGetter, keys []kv.BlobKey) (n int, err error) {
	ctx, cancel := context.WithTimeout(ctx, warmWithin)
	defer cancel()
	l := c.local
	for batch := range slices.Chunk(keys, warmBatch) {
		if l.bytes() > float64(c.config.Bytes)*warmFill {
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
			if b.Damaged || b.Existence == kv.Absent || b.Rootless() || b.Existence == kv.Alive && !isObject(b.Body) {
				continue
			}
			l.store(Part{Key: batch[i], Value: b.Value, Tier: tier}, marks[i])
			n++
		}
		l.cache.Wait()
	}
	return n, nil
}
