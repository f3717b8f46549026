package syncer

import (
	"time"

	"vitrine/internal/item"
)

// Outcome is what became of a blob that was put.
type Outcome string

// The outcomes.
const (
	Stored  Outcome = "stored"
	Refused Outcome = "refused" // by a newer one as a rule
	Failed  Outcome = "failed"  // its store did not take it; it is put again
)

// Announced tells of an entity that readers have just been told of.
type Announced struct {
	Lane  item.Lane
	Event time.Time // when the newest change in its blobs happened, else when it was published
}

// newest is when the newest change happened that the entity's blobs were folded for. It is zero for blobs that were folded
// although nothing had changed in them since they were built, and where nobody said when.
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
