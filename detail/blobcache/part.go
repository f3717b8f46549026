package blobcache

import (
	"time"

	"vitrine/internal/kv"
)

// Names of tiers, as X-Vitrine-Source shows them.
const (
	LocalTier    = "local"    // memory
	RecordsTier  = "records"  // the tier that FromRecords makes
	UpstreamTier = "upstream" // what Fallback gives
)

// Part is one blob as it was read. Life is Absent where there is none.
type Part struct {
	Key kv.BlobKey
	kv.Value
	Tier   string // LocalTier, or the tier's name
	Origin string // of a local part: the tier it came from
	Stale  bool   // a newer one may exist
	Lost   bool   // the first tier answers, and has none: it should have one of whatever is alive
	Err    error  // no tier could tell; wraps item.ErrUnavailable or item.ErrDamaged

	until  time.Time // when it is to be looked at again; zero where it must be at once
	before *minimum  // what stood in its slot before it was read from a tier
	noted  bool      // before is that
}

// cost is about how many bytes the part takes in memory.
func (p Part) cost() int64 {
	n := entryOverhead + len(p.Body) + len(p.Key.Entity.ID)
	for name, ref := range p.Refs {
		n += entryOverhead + len(name)
		for _, id := range ref.IDs {
			n += len(id) + 16
		}
	}
	return int64(n)
}
