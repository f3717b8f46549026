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

// Record is a record as read. A damaged one has Life Absent, its Stamp where that can still be read,
// and Damaged set: the next Put mends it.
type Record struct {
	Value
	Validators
	Damaged bool
}

// Validators are what the upstream gave to ask "has it changed?"; they are kept beside the gens and
// are empty for a damaged record.
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
	Applied Outcome = iota + 1 // stored, the dimension's gen rose
	Same                       // stored, the gen stands
	Changed                    // refused: another write came first; fetch again
)

// PutResult tells what a Put did and how the entity stands after it.
type PutResult struct {
	Outcome Outcome
	Stamp   uint64 // the record's stamp now, also when refused
	State   State
}

// State is what the hash gen:{…} holds of an entity. Maps may be nil. Of a Damaged one some of it can't be read and is
// missing: its dimensions have to be asked for again, with force, and nothing follows from what is not there.
type State struct {
	Gens    map[string]uint64 // dimension → gen
	Shapes  map[string]uint32 // dimension → shape of the record in force
	Built   map[string]uint64 // blob → the gen up to which it is built and announced
	BuiltAs map[string]uint32 // blob → shape of what was built up to there; none where its records had different ones
	Wanted  map[string]Refs   // dimension → refs of the record in force
	Applied map[string]Refs   // dimension → refs that the relation index holds
	Damaged bool
}

// Gen is the highest gen among dimensions: a blob's gen over its "of". 0 when none has one.
func (s State) Gen(dimensions []string) (gen uint64) {
	for _, d := range dimensions {
		gen = max(gen, s.Gens[d])
	}
	return gen
}

// Results of the batches below match what was asked by position. A damaged value is never an error, and least of all
// its neighbours': it is told in its own result. Where only some items could not be read or written, the error is
// a PartialError; beside any other error there may be no results.

// RecordReader reads records; a missing one has Life Absent, Stamp 0.
type RecordReader interface {
	Records(ctx context.Context, keys []RecordKey) ([]Record, error)
}

// RecordPutter writes records, each atomically for itself. One whose put ended with an error may have been stored
// all the same; the caller asks again for it.
type RecordPutter interface {
	PutRecords(ctx context.Context, puts []Put) ([]PutResult, error)
}

// StateReader reads the states of entities. An entity never heard of has an empty State.
type StateReader interface {
	States(ctx context.Context, entities []item.Entity) ([]State, error)
}

// Built says that blobs of an entity are stored and announced up to these gens.
type Built struct {
	Entity item.Entity
	Gens   map[string]uint64 // blob → gen
	Shapes map[string]uint32 // blob → shape it has; left out for one that is of no single shape
}

// Builder keeps what the syncer has built.
type Builder interface {
	// MarkBuilt sets each Built, and with it BuiltAs, unless it is greater than the gen given.
	MarkBuilt(ctx context.Context, built []Built) error
	// Raise gives the dimensions of an entity new gens with no new record, so that their blobs are
	// folded, announced and taken up by every cache again: for a changed fold, or a damaged blob.
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
	// Relate adds e to lists, marks dimension's refs applied, but only if State.Applied[dimension] still equals was, and
	// then removes e from lists; else it answers item.ErrChanged. A removal that comes late takes nothing away that was
	// added since.
	Relate(ctx context.Context, r Relate) error
	// Related lists ids after cursor ("" for the first page) and the next cursor, "" at the end, in no order that
	// counts. A list may hold an id that no longer refers to Target: check.
	Related(ctx context.Context, of Relation, cursor string, limit int) (ids []string, next string, err error)
}

// Relate is one move of the relation index from Was to Now.
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

// Blob is a blob as read, with the damage told.
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

// BlobPutter writes blobs, each only over an absent, a damaged, or a lower one. stored tells which were written; a
// refused one is no error.
type BlobPutter interface {
	PutBlobs(ctx context.Context, puts []BlobPut) (stored []bool, err error)
}

// Scanner walks a store. A cursor is "" at the start and at the end; entities may repeat. An error that comes with a
// cursor is of one part of the store, as a node that is away; a walk may go on behind it.
type Scanner interface {
	// ScanEntities lists entities that have a State.
	ScanEntities(ctx context.Context, cursor string, limit int) ([]item.Entity, string, error)
}

// BlobScanner walks the keys of a blob store, as Scanner does.
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
