package rediskv

import (
	"fmt"
	"sync"
	"time"

	"vitrine/internal/item"
)

// A node of a Cluster that did not answer restAfter times in a row is left alone for restTime.
const (
	restAfter = 3
	restTime  = time.Second
)

// nodes remembers which nodes of a Cluster do not answer, so that work on the others does not wait for them each
// time. While one rests, one question in each restTime goes through to find out. A single server always is asked:
// nobody waits for it who needs another.
type nodes struct {
	mu     sync.Mutex // guards silent
	silent map[string]*silence
}

// silence is that of one node.
type silence struct {
	times int
	until time.Time // it rests; zero before it does
}

// ask reports, by an error, that a node rests.
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

// told notes how asking a node ended: with its answer, or with an error for want of one.
func (n *nodes) told(addr string, err error) {
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
