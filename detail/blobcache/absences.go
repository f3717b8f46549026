package blobcache

import (
	"sync"
	"time"
)

const (
	absenceFor  = time.Minute
	absenceMost = 1 << 15 // names in each of the two sets
)

// absences remembers for absenceFor the names of what the upstreams said does not exist. It is bounded: there are two sets, and the older
// one is dropped when the younger one is full or old.
type absences struct {
	now func() time.Time

	mu           sync.Mutex // guards all below
	young, older map[string]time.Time
	began        time.Time // when young was made
}

func newAbsences(now func() time.Time) *absences {
	return &absences{now: now, young: map[string]time.Time{}, began: now()}
}

// note remembers a name.
func (a *absences) note(name string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.now()
	if len(a.young) >= absenceMost || now.Sub(a.began) > absenceFor {
		a.older, a.young, a.began = a.young, map[string]time.Time{}, now
	}
	a.young[name] = now
}

// holds reports whether a name was noted within absenceFor.
func (a *absences) holds(name string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	at, ok := a.young[name]
	if !ok {
		at, ok = a.older[name]
	}
	return ok && a.now().Sub(at) < absenceFor
}
