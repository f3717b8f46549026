package rediskv

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/redis/go-redis/v9"

	"vitrine/internal/item"
	"vitrine/internal/kv"
)

// A master that is cut off from its sentinels takes writes while another master has been elected, and loses them when it becomes
// that one's replica. So each server has a term. Whoever sees that another server has taken over raises the term there (package
// lineage), and processes learn the newest term of the store. Who finds a lower one talks to an old master.
//
//	old master  term 7 ─────────────────── a write by a process that knows of term 8: refused, and not acknowledged
//	new master  term 7, copied ── term 8 ─ a write by a process that knows of term 7: accepted
//
// The term is read before the writes, in the same pipeline, so by the same server. A server without an epoch was emptied, which
// shows elsewhere. In a Cluster there are no terms: a master that does not reach most of the others stops by itself before they elect
// another one.

// SetTerm stores a term in each of the parts, under the same condition as Mark.
func (s *Store) SetTerm(ctx context.Context, parts []kv.Shard, term uint64) error {
	return s.setInParts(ctx, parts, "term", strconv.FormatUint(term, 10))
}

// fence checks the term of the server to which a pipeline goes. nil checks nothing.
type fence struct {
	least uint64
	found *redis.SliceCmd
}

// fence makes the check for one part of a batch.
func (s *Store) fence(ctx context.Context, c redis.UniversalClient) (*fence, error) {
	if s.term == nil || clustered(c) {
		return nil, nil
	}
	least, err := s.term(ctx)
	if err != nil {
		return nil, fmt.Errorf("%w: the newest term of the store is not known: %w", item.ErrUnavailable, err)
	}
	if least == 0 {
		return nil, nil
	}
	return &fence{least: least}, nil
}

// checkTerm finds an old master.
func (s *Store) checkTerm(ctx context.Context, n node, cluster bool) error {
	if cluster {
		return nil
	}
	f, err := s.fence(ctx, n)
	if err != nil || f == nil {
		return err
	}
	exec(ctx, n, func(p redis.Pipeliner) { f.send(ctx, p) })
	return f.refuses()
}

// unfenced makes no check: it is for what belongs to the server, whether an old master or not.
func unfenced(context.Context, redis.UniversalClient) (*fence, error) { return nil, nil }

// send asks for the term; it comes before the commands of the pipeline. Still before it comes a write without effect: go-redis leaves a
// connection, and tries a pipeline again, where its first command is refused by what has become a replica.
func (f *fence) send(ctx context.Context, p redis.Pipeliner) {
	if f != nil {
		p.HDel(ctx, partKey("0"), "nothing")
		f.found = p.HMGet(ctx, partKey("0"), "epoch", "term")
	}
}

// refuses is the error of a pipeline that went to an old master.
func (f *fence) refuses() error {
	if f == nil {
		return nil
	}
	found, err := f.found.Result()
	if err != nil {
		return err
	}
	if term := termOf(found[1]); found[0] != nil && term < f.least {
		return fmt.Errorf("%w: %w (its term is %d, the newest is %d): have it follow that one by REPLICAOF, or restart it if it is to be the master again",
			item.ErrUnavailable, errOldMaster, term, f.least)
	}
	return nil
}

var errOldMaster = errors.New("another master has taken over from this one")

// leaveOld ends the connections to an old master: the next one goes to where the name leads by now, or to whom a sentinel names.
func (s *Store) leaveOld(c redis.UniversalClient, f *fence) {
	if !errors.Is(f.refuses(), errOldMaster) {
		return
	}
	s.refused.Store(true)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.client == c {
		s.client = s.address.client(s.replicas)
		_ = c.Close() // what others are doing with it was to be refused as well
	}
}

// AtOldMaster reports whether an old master has refused this process, and still would: what there is to do is for others.
func (s *Store) AtOldMaster(ctx context.Context) bool {
	if !s.refused.Load() {
		return false
	}
	err := s.eachMaster(ctx, s.checkTerm)
	s.refused.Store(errors.Is(err, errOldMaster))
	return s.refused.Load()
}

// termOf reads a stored term; 0 for none.
func termOf(stored any) uint64 {
	text, _ := stored.(string)
	term, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0
	}
	return term
}
