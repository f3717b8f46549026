package kv

import (
	"context"

	"vitrine/internal/item"
)

// Removal is what is to be removed of one entity: what no catalog has a name for any more, as it was seen. What was
// written since stays.
type Removal struct {
	Entity  item.Entity
	Records map[string]uint64 // dimension → stamp of its record, 0 for none
	Built   map[string]uint64 // blob → up to which gen it was built
}

// BlobSeen is a blob, and the gen that it had.
type BlobSeen struct {
	BlobKey
	Gen uint64
}

// Remover removes what is left over in a records store. What is not there is removed already.
type Remover interface {
	// Remove removes records with all that the state says of their dimensions, and what the state says of blobs; each
	// entity atomically. removed is how many records were there, by position.
	Remove(ctx context.Context, removals []Removal) (removed []int, err error)
	// RemoveLists looks at a page of the lists of the relation index, and removes those that are left over. A large list is
	// met once for each of its parts. cursor and next are as Scanner's.
	RemoveLists(ctx context.Context, cursor string, limit int, leftOver func(Relation) bool) (removed int, next string, err error)
}

// BlobRemover removes what is left over in a blobs store.
type BlobRemover interface {
	// RemoveBlobs removes blobs, unless they are of a higher gen than was seen.
	RemoveBlobs(ctx context.Context, blobs []BlobSeen) (removed []bool, err error)
}
