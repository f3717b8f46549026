package syncer

import (
	"time"

	"vitrine/internal/item"
)

// Outcome is the result of putting a blob.
type Outcome string

// The outcomes.
const (
	Stored  Outcome = "stored"
	Refused Outcome = "refused" // usually because a newer one is stored
	Failed  Outcome = "failed"  // the store failed; the blob is put again
)

// Announced is an entity that was just announced to readers.
type Announced struct {
	Lane  item.Lane
	Event time.Time // when the newest change in its blobs happened, or else was published
}

// newest is the time of the newest change for which the entity's blobs were folded. It is zero for blobs that were
// folded without a change since they were built, and if no time is known.
func (j *job) newest() (event time.Time) {
	put := j.gens()
	for _, w := range j.todo {
		if gen, ok := put[w.blob.Name]; !ok || gen <= j.state.Built[w.blob.Name] || j.raised {
			continue
		}
		for _, d := range w.blob.Of {
			if at := j.records[d.Name].Event; at.After(event) {
				event = at
			}
		}
	}
	return event
}
