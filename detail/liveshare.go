package detail

import (
	"context"
	"hash/maphash"
	"net/netip"
	"sync"
	"time"

	"vitrine/internal/catalog"
)

const (
	liveShare  = 4                     // one visitor has at most one in so many of an upstream's places
	liveLeast  = 2                     // places that a visitor has in any case
	livePace   = 10 * time.Millisecond // between two questions of one visitor, on average
	liveBurst  = 400 * livePace        // that a visitor may be ahead of the pace
	livePlaces = 1 << 14               // visitors whose pace is known at once, by hash
)

// liveShares keeps a visitor with many questions from taking the places of those with few. A visitor who can't be told
// apart has a share for each request.
type liveShares struct {
	seed maphash.Seed

	mu     sync.Mutex // guards all below
	shares map[netip.Addr]*liveVisitor
	paid   [livePlaces]time.Time // until when a visitor's questions are paid for, at the pace
}

// liveVisitor is who asks for live parts, while a request of theirs is under way.
type liveVisitor struct {
	addr     netip.Addr
	requests int // guarded by liveShares.mu

	mu     sync.Mutex // guards places
	places map[*catalog.Upstream]chan struct{}
}

func newLiveShares() *liveShares {
	return &liveShares{seed: maphash.MakeSeed(), shares: map[netip.Addr]*liveVisitor{}}
}

// enter begins a request; leave ends it.
func (s *liveShares) enter(addr netip.Addr) *liveVisitor {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.shares[addr]
	if v == nil || !addr.IsValid() {
		v = &liveVisitor{addr: addr, places: map[*catalog.Upstream]chan struct{}{}}
	}
	if addr.IsValid() {
		s.shares[addr] = v
	}
	v.requests++
	return v
}

func (s *liveShares) leave(v *liveVisitor) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if v.requests--; v.requests == 0 && v.addr.IsValid() {
		delete(s.shares, v.addr)
	}
}

// paces reports whether a visitor may put one more question now, and counts it.
func (s *liveShares) paces(v *liveVisitor, now time.Time) bool {
	if !v.addr.IsValid() {
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	paid := &s.paid[maphash.Comparable(s.seed, v.addr)%livePlaces]
	if paid.Before(now) {
		*paid = now
	}
	if paid.Sub(now) > liveBurst {
		return false
	}
	*paid = paid.Add(livePace)
	return true
}

// take waits for one of the visitor's places of an upstream; give returns it.
func (v *liveVisitor) take(ctx context.Context, u *catalog.Upstream) (give func(), ok bool) {
	places := v.placesOf(u)
	select {
	case places <- struct{}{}:
		return func() { <-places }, true
	case <-ctx.Done():
		return nil, false
	}
}

func (v *liveVisitor) placesOf(u *catalog.Upstream) chan struct{} {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.places[u] == nil {
		v.places[u] = make(chan struct{}, max(liveLeast, u.Concurrency/liveShare))
	}
	return v.places[u]
}
