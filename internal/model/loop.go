package model

// Loop models the path from a change to a cached page: one entity with two dimensions and a blob of both, two workers, two syncers, and a
// reader with a cache. The fields bound what the environment may do.
type Loop struct {
	Edits      [2]uint8 // of each dimension; the content alternates between 1 and 2, so that old content returns
	Crashes    uint8    // of workers and syncers, at any step
	Redelivers uint8    // of messages that are still being handled
	Failures   uint8    // of fetches
	Losses     uint8    // of the streams CHANGES and SYNC
	Gaps       uint8    // of the stream BLOBS
	Reads      uint8    // of the blob, to fill the cache
}

// The mutants of Loop.
const (
	PutAnyway          Mutant = "a put is accepted though the stamp has moved"
	StampAfterFetch    Mutant = "the stamp is read after the fetch"
	SameKeepsStamp     Mutant = "a put of equal content leaves the stamp"
	GiveUpOnChanged    Mutant = "an overtaken worker acks in place of fetching again"
	GenApart           Mutant = "the gen rises in a step of its own, after the put"
	SilentOnSame       Mutant = "a worker announces only what it applied"
	AckBeforePut       Mutant = "a worker acks before its put"
	AckBeforeSync      Mutant = "a worker acks before it announces"
	FailureDeletes     Mutant = "a fetch that failed is stored as a deletion"
	RecordsFirst       Mutant = "a syncer reads the records before the gens"
	WriteAnyway        Mutant = "a syncer writes its blob over a higher gen"
	MarkBeforeWrite    Mutant = "a syncer marks a blob built before it is written"
	MarkBeforeAnnounce Mutant = "a syncer marks a blob built before it is announced"
	SilentOnRefused    Mutant = "a syncer whose write was refused does not announce"
	GenOfOne           Mutant = "a blob's gen is that of its first dimension"
	NoMinimum          Mutant = "a cache keeps a fill that an announcement has overtaken"
	NoGap              Mutant = "a cache keeps its entries over a gap in the announcements"
	NoDoubt            Mutant = "an announcement that superseded another is taken at its word"
	NoWalk             Mutant = "nothing is announced again after a stream was lost"
	DropNew            Mutant = "a change is dropped while one of its subject is in work"
	AckRemovesNewest   Mutant = "an ack removes what stands in the stream, whatever was delivered"
)

// LoopMutants returns all mutants of Loop.
func LoopMutants() []Mutant {
	return []Mutant{PutAnyway, StampAfterFetch, SameKeepsStamp, GiveUpOnChanged, GenApart, SilentOnSame, AckBeforePut, AckBeforeSync, FailureDeletes,
		RecordsFirst, WriteAnyway, MarkBeforeWrite, MarkBeforeAnnounce, SilentOnRefused, GenOfOne, NoMinimum, NoGap, NoDoubt, NoWalk, DropNew, AckRemovesNewest}
}

// deleted is the content that FailureDeletes stores.
const deleted = 9

// worker is a worker of heterog; step 0 is idle.
type worker struct {
	step, dim, seq, stamp, val uint8
	silent                     bool // SilentOnSame: there is nothing to announce
	owes                       bool // GenApart: the gen still has to be raised
}

// syncing is a worker of syncer; step 0 is idle.
type syncing struct {
	step, seq, gen uint8
	vals           [2]uint8
	refused        bool
}

// state is a state of a Loop.
type state struct {
	left     Loop
	upstream [2]uint8

	changes [2]queue
	syncs   queue
	lost    bool // the streams were lost, and nothing has been announced again yet

	record, stamp, gen [2]uint8
	counter, built     uint8
	blobGen            uint8
	blob               [2]uint8

	announced uint8 // the highest gen announced since the reader took the last announcement; 0 for none
	minimum   uint8
	cached    bool
	entry     syncing // the gen and vals of the cache's entry
	fill      syncing // step 1: the blob was read, and is not in the cache yet

	workers [2]worker
	syncers [2]syncing
}

// initial returns the state in which everything is up to date, with content 1.
func initial(s Loop) state {
	one := [2]uint8{1, 1}
	return state{left: s, upstream: one, record: one, stamp: one, gen: one, counter: 1, built: 1, blobGen: 1, blob: one, minimum: 1}
}

// highest returns the gen that the blob should have.
func (s *state) highest(m Mutant) uint8 {
	if m == GenOfOne {
		return s.gen[0]
	}
	return max(s.gen[0], s.gen[1])
}

// Explore implements Scenario.
func (l Loop) Explore(m Mutant) Result { return explore(initial(l), m) }

// wrong implements world.
func (s state) wrong() string {
	switch {
	case s.record != s.upstream:
		return recordDiffers
	case s.blob != s.record:
		return "the blob is not what its records fold to"
	case s.cached && (s.entry.vals != s.blob || s.entry.gen != s.blobGen):
		return "a cache keeps an old blob"
	}
	return ""
}
