package kv

import (
	"time"

	"vitrine/internal/item"
)

// Life reports whether the thing behind a value exists.
type Life byte

// The lives. Absent is never stored: it is what a reader gets for no value and for a damaged one.
const (
	Absent  Life = iota
	Alive        // there is a body
	Gone         // a tombstone of something that was alive: pages answer 410
	Unknown      // a tombstone of something never seen alive: pages answer 404
)

// Header is the provenance of a stored value: 40 bytes in front of the body.
type Header struct {
	Life    Life
	Stamp   uint64       // a record's stamp, a blob's gen
	Version item.Version // the upstream's version; of a blob: its root record's
	Fetched time.Time    // when the upstream answered, to the ms
	Event   time.Time    // when the change was said to have happened, to the ms; zero where unknown
	Source  uint16       // catalog.Upstream.Code of the owner
	Shape   uint32       // 24 bits: the revision of the shape it was made with
}

// Rootless reports whether a blob was folded while its root record was missing. That is so when a store is being filled, and tells
// nothing of the entity: readers treat such a blob as absent. A root record that says so itself has the time it was fetched.
func (h Header) Rootless() bool { return h.Life == Unknown && h.Fetched.IsZero() }

// Value is a stored value as its readers see it. Body is JSON, never shared with the store's memory.
type Value struct {
	Header
	Refs Refs // of a blob: what its records refer to, for the page to join. Of a record: nil
	Body []byte
}

// Time from which a value may be forgotten by the store.
const (
	KeepGone    = 90 * 24 * time.Hour
	KeepUnknown = time.Hour
)

// Keep is how long a value of this life is kept; 0 is for ever.
func (l Life) Keep() time.Duration {
	switch l {
	case Gone:
		return KeepGone
	case Unknown:
		return KeepUnknown
	}
	return 0
}
