package heterog

import (
	"sync"
	"time"

	"vitrine/internal/item"
)

// recent is a set of entities that forgets each after ten to twenty seconds: long enough to request the brand of a
// thousand products once. It forgets all when the store begins another life, in which they may be missing.
type recent struct {
	mu       sync.Mutex // guards all below
	life     string
	turned   time.Time
	now, old map[item.Entity]struct{}
}

const (
	recentFor = 10 * time.Second
	recentMax = 100_000
)

func newRecent() *recent { return &recent{turned: time.Now(), now: map[item.Entity]struct{}{}} }

// enterLife sets the store's present life.
func (r *recent) enterLife(life string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.life != life {
		r.life = life
		r.old = nil
		r.now = map[item.Entity]struct{}{}
		r.turned = time.Now()
	}
}

func (r *recent) has(e item.Entity) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.turn()
	_, now := r.now[e]
	_, old := r.old[e]
	return now || old
}

// add adds entities seen in a life of the store, unless that life has ended.
func (r *recent) add(life string, entities []item.Entity) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.life != life {
		return
	}
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
	r.old = r.now
	r.now = map[item.Entity]struct{}{}
	r.turned = time.Now()
	if age > 2*recentFor {
		r.old = nil
	}
}
