package admission

import (
	"context"
	"hash/maphash"
	"net/netip"
	"sync"
	"time"

	"vitrine/internal/catalog"
)

const (
	shareOf       = 4                     // a visitor has at most one of so many calls that an upstream takes at once
	shareLeast    = 2                     // calls that a visitor has in any case
	questionEvery = 10 * time.Millisecond // one visitor's questions, on average
	questionBurst = 400 * questionEvery   // that a visitor may be ahead of that average
	questionSlots = 1 << 14               // visitors whose questions are counted, by hash
)

// shares bounds what one visitor asks of upstreams for live parts, so that many questions of one don't take the calls of the
// others. A visitor who can't be told apart has a share for each request, and no pace.
type shares struct {
	seed maphash.Seed

	mu       sync.Mutex // guards all below
	visitors map[netip.Addr]*Visitor
	paid     [questionSlots]time.Time // until when a visitor's questions are paid for: the state of a leaky bucket
}

// place is a pool of an upstream; nil is the upstream's own.
type place struct {
	upstream *catalog.Upstream
	pool     *catalog.Pool
}

// Visitor asks for live parts. It exists while a request of theirs is under way.
type Visitor struct {
	shares   *shares
	addr     netip.Addr
	requests int // guarded by shares.mu

	mu    sync.Mutex // guards calls
	calls map[place]chan struct{}
}

func newShares() *shares {
	return &shares{seed: maphash.MakeSeed(), visitors: map[netip.Addr]*Visitor{}}
}

// enter begins a request.
func (s *shares) enter(addr netip.Addr) *Visitor {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.visitors[addr]
	if v == nil || !addr.IsValid() {
		v = &Visitor{shares: s, addr: addr, calls: map[place]chan struct{}{}}
	}
	if addr.IsValid() {
		s.visitors[addr] = v
	}
	v.requests++
	return v
}

// Leave ends a request that Enter began.
func (v *Visitor) Leave() {
	s := v.shares
	s.mu.Lock()
	defer s.mu.Unlock()
	v.requests--
	if v.requests == 0 && v.addr.IsValid() {
		delete(s.visitors, v.addr)
	}
}

// Acquire waits until the visitor may call an upstream, in one of its pools or its own, and reports whether it may before ctx ends. It refuses at once where
// the visitor has asked too much of late. The caller calls release when the call is over.
func (v *Visitor) Acquire(ctx context.Context, u *catalog.Upstream, p *catalog.Pool) (release func(), ok bool) {
	if !v.shares.pay(v.addr, time.Now()) {
		return nil, false
	}
	calls := v.callsOf(place{u, p})
	select {
	case calls <- struct{}{}:
		return func() { <-calls }, true
	case <-ctx.Done():
		return nil, false
	}
}

// pay counts a question, and reports whether it may be asked now.
func (s *shares) pay(addr netip.Addr, now time.Time) bool {
	if !addr.IsValid() {
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	paid := &s.paid[maphash.Comparable(s.seed, addr)%questionSlots]
	if paid.Before(now) {
		*paid = now
	}
	if paid.Sub(now) > questionBurst {
		return false
	}
	*paid = paid.Add(questionEvery)
	return true
}

// callsOf has room for the visitor's calls at a place.
func (v *Visitor) callsOf(at place) chan struct{} {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.calls[at] == nil {
		v.calls[at] = make(chan struct{}, max(shareLeast, at.upstream.Places(at.pool)/shareOf))
	}
	return v.calls[at]
}
