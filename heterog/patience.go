package heterog

import (
	"sync"
	"time"

	"vitrine/internal/item"
	"vitrine/internal/kv"
)

// patience remembers since when an upstream answers older than a record. It is this worker's own: when a
// worker restarts, or another one gets the message, the minute begins anew, which only delays.
type patience struct {
	limit time.Duration
	mu    sync.Mutex // guards since
	since map[kv.RecordKey]time.Time
}

// patienceMax bounds the memory; past it, further records are simply asked again.
const patienceMax = 10_000

func newPatience(limit time.Duration) *patience {
	return &patience{limit: limit, since: map[kv.RecordKey]time.Time{}}
}

// wait tells whether the record's owner is still to be doubted.
func (p *patience) wait(k kv.RecordKey) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	since, seen := p.since[k]
	if !seen {
		if len(p.since) < patienceMax {
			p.since[k] = time.Now()
		}
		return true
	}
	if time.Since(since) < p.limit {
		return true
	}
	delete(p.since, k)
	return false
}

func (p *patience) forget(k kv.RecordKey) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.since, k)
}

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
