package kv

import (
	"time"

	"vitrine/internal/item"
)

// Existence is whether the thing behind a value exists.
type Existence byte

// The lives. Absent is never stored: readers get it for a missing or damaged value.
const (
	Absent  Existence = iota
	Alive             // there is a body
	Gone              // a tombstone of something that was alive: pages answer 410
	Unknown           // a tombstone of something never seen alive: pages answer 404
)

// Header says where a stored value comes from: 40 bytes in front of the body.
type Header struct {
	Existence Existence
	Stamp     uint64       // a record's stamp, a blob's gen
	Version   item.Version // the upstream's version; of a blob: its root record's
	Fetched   time.Time    // when the upstream answered, to the ms
	Event     time.Time    // when the publisher says the change happened, to the ms; zero if unknown
	Source    uint16       // catalog.Upstream.Code
	Shape     uint32       // 24 bits: the shape it was made with
}

// Rootless reports whether a blob was folded while its root record was missing. That happens while a store is being
// filled, and says nothing about the entity, so readers treat such a blob as absent. A blob whose root record is a
// tombstone for an unknown entity has the time at which that was fetched.
func (h Header) Rootless() bool { return h.Existence == Unknown && h.Fetched.IsZero() }

// Value is a stored value as read. Body is JSON and shares no memory with the store.
type Value struct {
	Header
	Refs Refs     // of a blob: what its records refer to, for the page's joins. nil for a record
	HTML []uint32 // of a blob with a fold: where in Body the strings begin (their quotes) that its records have as cleaned HTML, rising
	Body []byte
}

// How long tombstones are kept.
const (
	KeepGone    = 90 * 24 * time.Hour
	KeepUnknown = time.Hour
)

// Keep is how long the store keeps a value of this life; 0 is for ever.
func (l Existence) Keep() time.Duration {
	switch l {
	case Gone:
		return KeepGone
	case Unknown:
		return KeepUnknown
	}
	return 0
}
