package heterog

import (
	"sync"
	"time"

	"vitrine/internal/item"
)

// recent is a set of entities that forgets after ten to twenty seconds: long enough to ask once for the
// brand of a thousand products. It forgets at once when the store has begun another life, in which they may be missing.
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

// enterLife says which life of the store this is.
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

// add adds what was seen in a life of the store, unless that has ended.
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
