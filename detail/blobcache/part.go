package blobcache

import (
	"time"

	"vitrine/internal/kv"
)

// Names of tiers, as shown in X-Vitrine-Source.
const (
	LocalTier    = "local"    // memory
	RecordsTier  = "records"  // made by FromRecords
	UpstreamTier = "upstream" // blobs made by a Fallback
)

// Part is one blob as it was read. Its Life is kv.Absent if there is none.
type Part struct {
	Key kv.BlobKey
	kv.Value
	Tier   string // LocalTier, or the name of the tier that it was read from
	Origin string // of a part from memory: the tier that it was once read from
	Stale  bool   // a newer generation may exist
	Lost   bool   // the first tier answered and has no such blob; it should have one if the entity is alive
	Err    error  // no tier could answer; wraps item.ErrUnavailable or item.ErrDamaged
	Stored []byte // the body as it is stored, of a part whose Value also has what it inherits; else nil

	until    time.Time // when it is to be read again; zero: at once
	fromTier bool      // read from a tier, not from memory
	minimum  *minimum  // if fromTier: what its slot held before that read
}

// Asked reports whether a tier was asked for the part: memory did not have it.
func (p *Part) Asked() bool { return p.fromTier || p.Err != nil }

// cost estimates the bytes that the part takes in memory.
func (p Part) cost() int64 {
	n := entryOverhead + len(p.Body) + len(p.Key.Entity.ID) + 4*len(p.HTML)
	for name, ref := range p.Refs {
		n += entryOverhead + len(name)
		for _, id := range ref.IDs {
			n += len(id) + 16
		}
	}
	return int64(n)
}
