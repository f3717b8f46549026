package kv

import (
	"context"

	"vitrine/internal/item"
)

// Removal says what to remove of one entity: what no catalog names any more, as it was when it was read. What was
// written since stays.
type Removal struct {
	Entity  item.Entity
	Records map[string]uint64 // dimension → stamp of its record, 0 if it has none
	Built   map[string]uint64 // blob → the gen up to which it was built
}

// BlobSeen is a blob and the gen that it had when it was read.
type BlobSeen struct {
	BlobKey
	Gen uint64
}

// Remover removes leftovers from a records store. Removing what is absent is no error.
type Remover interface {
	// Remove removes records, all that the state holds of their dimensions, and what the state holds of blobs; each
	// entity atomically. removed is the number of records that were there, by position.
	Remove(ctx context.Context, removals []Removal) (removed []int, err error)
	// RemoveLists looks at a page of the lists of the relation index, and removes those for which leftOver is true. A
	// large list is visited once for each of its buckets. cursor and next are as in Scanner.
	RemoveLists(ctx context.Context, cursor string, limit int, leftOver func(Relation) bool) (removed int, next string, err error)
}

// BlobRemover removes leftovers from a blobs store.
type BlobRemover interface {
	// RemoveBlobs removes blobs, except those whose gen is higher than the one seen.
	RemoveBlobs(ctx context.Context, blobs []BlobSeen) (removed []bool, err error)
}
