package control

import (
	"time"

	"vitrine/internal/catalog"
	"vitrine/internal/item"
)

// removed holds what pushes have removed from the catalog: "kind.dimension", and for a kind "kind.all", with the time
// until which a process with an older catalog may have announced it.
type removed map[string]time.Time

// note adds what an older catalog has and a newer one has not.
func (r removed) note(was, now *catalog.Catalog, until time.Time) {
	lost := map[string]bool{}
	addLapsed(lost, was, now)
	for kind := range was.Kinds {
		if now.Kinds[kind] == nil {
			lost[kind+"."+item.All] = true
		}
	}
	for name := range lost {
		if until.After(r[name]) {
			r[name] = until
		}
	}
}

// Removed reports whether a push has removed a dimension, or with item.All a kind, no longer than PreviousFor ago. The
// caller has checked that the catalog in force does not have it.
func (f *Follower) Removed(kind, dimension string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return time.Now().Before(f.gone[kind+"."+dimension])
}
