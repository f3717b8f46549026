package rediskv

import (
	"fmt"
	"sync"
	"time"

	"vitrine/internal/item"
)

// A node of a Cluster that has not answered restAfter times in a row is not asked for restTime.
const (
	restAfter = 3
	restTime  = time.Second
)

// nodes remembers which nodes of a Cluster do not answer, so that work on the others does not wait for them each time.
// While a node rests, one request in each restTime tries it. A single server is always asked, since no work is for
// another.
type nodes struct {
	mu     sync.Mutex // guards silent
	silent map[string]*silence
}

// silence is the record of one node that does not answer.
type silence struct {
	times int
	until time.Time // end of its rest; zero while it is still asked
}

// ask returns an error if a node rests.
func (n *nodes) ask(addr string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	s, now := n.silent[addr], time.Now()
	if s == nil || s.times < restAfter {
		return nil
	}
	if now.Before(s.until) {
		return fmt.Errorf("%w: node %s does not answer", item.ErrUnavailable, addr)
	}
	s.until = now.Add(restTime)
	return nil
}

// observe records whether a node answered: err is nil, or the failure.
func (n *nodes) observe(addr string, err error) {
	if addr == "" {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if err == nil {
		delete(n.silent, addr)
		return
	}
	if n.silent == nil {
		n.silent = map[string]*silence{}
	}
	if n.silent[addr] == nil {
		n.silent[addr] = &silence{}
	}
	n.silent[addr].times++
	n.silent[addr].until = time.Now().Add(restTime)
}
