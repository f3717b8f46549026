package heterog

import (
	"sync"
	"time"

	"vitrine/internal/item"
)

// recent is a set of entities that forgets after ten to twenty seconds: long enough to ask once for the
// brand of a thousand products, short enough that a flushed store is noticed.
type recent struct {
	mu       sync.Mutex // guards all below
	turned   time.Time
	now, old map[item.Entity]struct{}
}

const (
	recentFor = 10 * time.Second
	recentMax = 100_000
)

func newRecent() *recent { return &recent{turned: time.Now(), now: map[item.Entity]struct{}{}} }

func (r *recent) has(e item.Entity) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.turn()
	_, now := r.now[e]
	_, old := r.old[e]
	return now || old
}

func (r *recent) add(entities []item.Entity) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range entities {
		r.now[e] = struct{}{}
	}
	r.turn()
}

func (r *recent) turn() {
	age := time.Since(r.turned)
	if age < recentFor && len(r.now) < recentMax {
		return
	}
	r.old, r.now, r.turned = r.now, map[item.Entity]struct{}{}, time.Now()
	if age > 2*recentFor {
		r.old = nil
	}
}
