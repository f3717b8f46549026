package detail

import (
	"context"
	"fmt"
	"maps"
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
func (s *Server) Hot() []kv.BlobKey {
	l := s.reader.local
	l.indexing.Lock()
	defer l.indexing.Unlock()
	return slices.Collect(maps.Keys(l.index))
}

// Warm reads blobs into memory before any page is asked for, so that a restarted server does not begin with a
// crowd at its tiers. What was announced since the store got them must be told after Warm has returned. It returns
// how many are in memory.
func (s *Server) Warm(ctx context.Context, tier string, from kv.BlobGetter, keys []kv.BlobKey) (n int, err error) {
	ctx, cancel := context.WithTimeout(ctx, warmWithin)
	defer cancel()
	l := s.reader.local
	for batch := range slices.Chunk(keys, warmBatch) {
		if l.bytes() > float64(s.LocalBytes)*warmFill/(warmFill+1) {
			break
		}
		notes := make([]before, len(batch))
		for i, key := range batch {
			notes[i] = l.before(key)
		}
		blobs, err := from.Blobs(ctx, batch)
		if err != nil {
			return n, fmt.Errorf("warm memory: %w", err)
		}
		for i, b := range blobs {
			if b.Damaged || b.Life == kv.Absent || b.Life == kv.Alive && !isObject(b.Body) {
				continue
			}
			l.keep(Part{Key: batch[i], Value: b.Value, Tier: tier}, notes[i])
			n++
		}
		l.cache.Wait()
	}
	return n, nil
}
