package kv

import (
	"context"

	"vitrine/internal/item"
)

// RecordKey names one dimension of one entity.
type RecordKey struct {
	Entity    item.Entity
	Dimension string
}

// Record is a record as read. A damaged one has Damaged set, Life Absent, and its Stamp if that can still be read; the
// next Put replaces it.
type Record struct {
	Value
	Validators
	Damaged bool
}

// Validators are what the upstream gave for conditional requests. They are stored in the entity's state and are empty
// for a damaged record.
type Validators struct {
	ETag         string
	LastModified string
}

// Put is one attempt to write a record.
type Put struct {
	RecordKey
	Expect     uint64 // the stamp that was read before fetching; 0 for none
	Value      Value  // Header.Stamp is ignored: the store issues it
	Validators Validators
	Refs       Refs // what the record refers to; nil and empty are the same
	Same       bool // the content equals the record that Expect stands for: new stamp, no new gen
}

// Outcome of a Put.
type Outcome byte

// The outcomes.
const (
	Applied Outcome = iota + 1 // stored; the dimension has a new gen
	Same                       // stored; the gen is unchanged
	Changed                    // refused: another write came first; fetch again
)

// PutResult is the outcome of a Put and the state of the entity after it.
type PutResult struct {
	Outcome Outcome
	Stamp   uint64 // the record's stamp now, also when refused
	State   State
}

// State is what the hash gen:{…} holds of an entity. Maps may be nil. If it is Damaged, some of it could not be read
// and is missing: the dimensions must be requested again, with force, and nothing may be concluded from what is absent.
type State struct {
	Gens    map[string]uint64 // dimension → gen
	Shapes  map[string]uint32 // dimension → shape of the record in force
	Built   map[string]uint64 // blob → the gen up to which it is built and announced
	BuiltAs map[string]uint32 // blob → shape of what was built up to there; none where its records had different ones
	Wanted  map[string]Refs   // dimension → refs of the record in force
	Applied map[string]Refs   // dimension → refs that the relation index holds
	Damaged bool
}

// Gen is the highest gen among dimensions, which is the gen of the blob folded from them; 0 if none has a gen.
func (s State) Gen(dimensions []string) (gen uint64) {
	for _, d := range dimensions {
		gen = max(gen, s.Gens[d])
	}
	return gen
}

// Results of the batches below match the request by position. A damaged value is not an error: it is marked in its own
// result and does not affect its neighbours. If only some items could not be read or written, the error is a
// PartialError; with any other error the results may be empty.

// RecordReader reads records; a missing one has Life Absent, Stamp 0.
type RecordReader interface {
	Records(ctx context.Context, keys []RecordKey) ([]Record, error)
}

// RecordPutter writes records, each atomically. A record whose put failed may have been stored all the same, so the
// caller requests it again.
type RecordPutter interface {
	PutRecords(ctx context.Context, puts []Put) ([]PutResult, error)
}

// StateReader reads the states of entities. An unknown entity has an empty State.
type StateReader interface {
	States(ctx context.Context, entities []item.Entity) ([]State, error)
}

// Built records that blobs of an entity are stored and announced up to these gens.
type Built struct {
	Entity item.Entity
	Gens   map[string]uint64 // blob → gen
	Shapes map[string]uint32 // blob → its shape; absent if its records had different shapes
}

// Builder stores what the syncer has built.
type Builder interface {
	// MarkBuilt sets each Built, and BuiltAs with it, unless the stored gen is greater than the one given.
	MarkBuilt(ctx context.Context, built []Built) error
	// Raise gives the dimensions of an entity new gens without new records, so that their blobs are folded and
	// announced again, and every cache reads them again. It is for a changed fold, or a damaged blob.
	Raise(ctx context.Context, e item.Entity, dimensions []string) error
}

// Relation is one list of the relation index: the entities of Kind whose ref Ref names Target.
type Relation struct {
	Target item.Entity
	Kind   string
	Ref    string
}

// Relater keeps the relation index.
type Relater interface {
	// Relate adds e to lists, then sets the applied refs of the dimension, but only if State.Applied[dimension] still
	// equals Was, and then removes e from lists. If they differ it fails with item.ErrChanged. A late removal does not
	// remove what was added since.
	Relate(ctx context.Context, r Relate) error
	// Related lists ids after cursor ("" for the first page) and gives the next cursor, "" at the end. The order is
	// unspecified. A list may hold an id that no longer refers to Target: the caller has to check.
	Related(ctx context.Context, of Relation, cursor string, limit int) (ids []string, next string, err error)
}

// Relate is one update of the relation index from Was to Now.
type Relate struct {
	Entity      item.Entity
	Dimension   string
	Add, Remove []Relation // Kind is Entity.Kind in each
	Was, Now    Refs
}

// BlobKey names one blob of one entity.
type BlobKey struct {
	Entity item.Entity
	Blob   string
}

// Blob is a blob as read. A damaged one has Damaged set.
type Blob struct {
	Value
	Damaged bool
}

// BlobGetter reads blobs, in one MGET per slot; a missing or damaged one has Life Absent.
type BlobGetter interface {
	Blobs(ctx context.Context, keys []BlobKey) ([]Blob, error)
}

// BlobPut writes one blob; Value.Stamp is its gen.
type BlobPut struct {
	BlobKey
	Value Value
}

// BlobPutter writes blobs, each only over an absent or damaged blob or a lower gen. stored reports by position which
// were written; a refused one is not an error.
type BlobPutter interface {
	PutBlobs(ctx context.Context, puts []BlobPut) (stored []bool, err error)
}

// Scanner walks a store. A cursor is "" at the start and at the end; entities may repeat. An error that comes with a
// cursor concerns one part of the store, such as a node that is away; the walk may continue from the cursor.
type Scanner interface {
	// ScanEntities lists entities that have a State.
	ScanEntities(ctx context.Context, cursor string, limit int) ([]item.Entity, string, error)
}

// IsEmpty reports whether a store has no entity at all.
func IsEmpty(ctx context.Context, store Scanner) (bool, error) {
	for cursor := ""; ; {
		some, next, err := store.ScanEntities(ctx, cursor, 100)
		if err != nil || len(some) > 0 || next == "" {
			return len(some) == 0, err
		}
		cursor = next // a page of a scan may be empty without being the last
	}
}

// BlobScanner walks the keys of a blobs store as Scanner walks entities.
type BlobScanner interface {
	ScanBlobs(ctx context.Context, cursor string, limit int) ([]BlobKey, string, error)
}

// Records is a whole records store.
type Records interface {
	RecordReader
	RecordPutter
	StateReader
	Builder
	Relater
	Scanner
	Remover
	Lineage
}

// Blobs is a whole blobs store.
type Blobs interface {
	BlobGetter
	BlobPutter
	BlobScanner
	BlobRemover
	Lineage
}
