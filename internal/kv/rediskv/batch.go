package rediskv

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"vitrine/internal/kv"
	"vitrine/internal/redact"
)

// A batch is split by the nodes that hold its keys, and each node's share into parts, one round trip each. The parts of
// one node are sent one after the other; nodes work in parallel. Each part has the store's whole time-out. A failure
// concerns its own items only.
const (
	partMost  = 500     // keys or calls sent before their answers are read, which bounds memory on both sides
	partBytes = 1 << 20 // of values written in one part
)

// batch is an operation on many items.
type batch struct {
	op   string
	n    int
	key  func(i int) string // a key on the item's node
	size func(i int) int    // bytes sent for the item; nil if that is little
	pace *pace
	// do works on the items at the given positions, and stores their failures in errs.
	do func(ctx context.Context, c redis.UniversalClient, at []int, errs []error)
}

// each runs the batch. Its error is a kv.PartialError, unless nothing could be asked at all.
func (s *Store) each(ctx context.Context, b batch) error {
	if b.n == 0 {
		return ctx.Err()
	}
	client, err := s.connectWithin(ctx)
	if err != nil {
		return s.fail(b.op, err)
	}
	errs := make([]error, b.n)
	shares := s.shares(ctx, client, b, errs)
	var group sync.WaitGroup
	for addr, at := range shares {
		if len(shares) == 1 {
			s.share(ctx, client, b, addr, at, errs)
			break
		}
		group.Go(func() {
			defer redact.Crash()
			s.share(ctx, client, b, addr, at, errs)
		})
	}
	group.Wait()
	for i, err := range errs {
		errs[i] = s.fail(b.op, err)
	}
	return kv.Partial(errs)
}

// connectWithin is connect within the store's time-out.
func (s *Store) connectWithin(ctx context.Context) (redis.UniversalClient, error) {
	s.mu.Lock()
	client, decided := s.client, s.decided
	s.mu.Unlock()
	if decided {
		return client, ctx.Err()
	}
	ctx, cancel := s.within(ctx)
	defer cancel()
	return s.connect(ctx)
}

// within bounds a step. If the caller set no deadline it is the store's time-out; otherwise it is a little before the
// caller's deadline, so that the caller can still use the answers.
func (s *Store) within(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return context.WithTimeout(ctx, s.timeout)
	}
	return context.WithDeadline(ctx, deadline.Add(-min(time.Until(deadline)/10, 20*time.Millisecond)))
}

// shares groups the positions of a batch's items by the address of the node that holds them; "" for a single server.
func (s *Store) shares(ctx context.Context, client redis.UniversalClient, b batch, errs []error) map[string][]int {
	cluster, split := client.(*redis.ClusterClient)
	if !split {
		all := make([]int, b.n)
		for i := range all {
			all[i] = i
		}
		return map[string][]int{"": all}
	}
	ctx, cancel := s.within(ctx)
	defer cancel()
	shares := map[string][]int{}
	for i := range b.n {
		node, err := cluster.MasterForKey(ctx, b.key(i))
		if err != nil {
			errs[i] = err
			continue
		}
		addr := node.Options().Addr
		shares[addr] = append(shares[addr], i)
	}
	return shares
}

// share works on the items of one node. A node that does not answer is not asked for the rest.
func (s *Store) share(ctx context.Context, client redis.UniversalClient, b batch, addr string, at []int, errs []error) {
	err := s.nodes.ask(addr)
	if err == nil {
		at, err = s.parts(ctx, client, b, at, errs)
		if ctx.Err() == nil { // otherwise the caller's deadline may have been too short
			s.nodes.observe(addr, err)
		}
	}
	for _, i := range at {
		errs[i] = err
	}
}

// parts works on a share until it is done, or until the node does not answer. rest is what was not begun.
func (s *Store) parts(ctx context.Context, client redis.UniversalClient, b batch, at []int, errs []error) (rest []int, err error) {
	for len(at) > 0 && err == nil {
		part := b.cut(at)
		err = s.part(ctx, client, b, part, errs)
		at = at[len(part):]
	}
	return at, err
}

// cut returns the next part of a share.
func (b *batch) cut(at []int) []int {
	most, bytes := min(b.pace.size(), len(at)), 0
	for n := range most {
		if b.size != nil {
			bytes += b.size(at[n])
		}
		if n > 0 && bytes > partBytes {
			return at[:n]
		}
	}
	return at[:most]
}

// part is one round trip. Its error means that the node did not answer.
func (s *Store) part(ctx context.Context, client redis.UniversalClient, b batch, at []int, errs []error) error {
	_, bounded := ctx.Deadline()
	ctx, cancel := s.within(ctx)
	defer cancel()
	began := time.Now()
	b.do(ctx, client, at, errs)
	for _, i := range at {
		if silent(errs[i]) {
			if !bounded && len(at) > 1 {
				b.pace.late()
			}
			return errs[i]
		}
	}
	b.pace.inTime(len(at), time.Since(began) < s.timeout/8)
	return nil
}

// silent reports whether an error means that a node did not answer.
func silent(err error) bool {
	var reply redis.Error
	return err != nil && (noSentinel(err) || !errors.As(err, &reply) && !classed(err))
}

// pace is how many items go into a part: half as many after a part that timed out, twice as many after a quick one. It
// is safe for concurrent use.
type pace struct {
	mu   sync.Mutex // guards now
	now  int
	most int
}

func newPace() *pace { return &pace{now: partMost / 4, most: partMost} }

func (p *pace) size() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.now
}

func (p *pace) late() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now = max(1, p.now/2)
}

// inTime reports that a part of n items was answered in time.
func (p *pace) inTime(n int, quick bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if quick && n >= p.now {
		p.now = min(p.most, 2*p.now)
	}
}

// exec sends one pipeline. The caller checks each command: the pipeline's own error may be the first redis.Nil.
func exec(ctx context.Context, c redis.UniversalClient, fill func(redis.Pipeliner)) {
	p := c.Pipeline()
	fill(p)
	if p.Len() > 0 {
		_, _ = p.Exec(ctx)
	}
}

// note stores an error for an item that has none yet.
func note(errs []error, i int, what string, err error) {
	if err != nil && errs[i] == nil {
		errs[i] = fmt.Errorf("%s: %w", what, err)
	}
}

// noteAll stores an error for all items of a part.
func noteAll(errs []error, at []int, err error) {
	for _, i := range at {
		errs[i] = err
	}
}
