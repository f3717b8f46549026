package lineage

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"vitrine/internal/bus"
	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/internal/lease"
	"vitrine/internal/pause"
)

// A master of Redis that is cut off from the others goes on taking writes of the processes that are cut off with it, while another
// one has been elected. What it takes is lost when it becomes a replica, though it was acknowledged: a mark that is made at the new
// master after that would say that these changes are done. So a store has a term, which rises with each repair of a server that took
// over, first in that server and then in the note TermKey. A process puts nothing where the term is lower than the newest that it knows
// of (rediskv), and knows that of termFor ago.
//
//	new master   elected ── term 8 ── note: 8 ─────────────── termFor is over: HISTORY is replayed ── mark
//	old master       puts by who knows of term 7, acknowledged ──┘ refused, and not acknowledged
//
// So each change that was lost there was published before the replay began, and is in it.

// TermKey is the key of the newest term in the agent's bucket.
const TermKey = "term"

// termFor is how long a process goes by a term that it has read, and half of the time that a repair waits after raising it: the
// servers of NATS may be a moment apart.
const termFor = time.Second

// formerMost is how many former lives are noted.
const formerMost = 16

// fencer is a store whose old master may go on taking writes while another one has taken over; *rediskv.Store is one.
type fencer interface {
	SetTerm(ctx context.Context, parts []kv.Shard, term uint64) error
}

// reign is the note of the newest term.
type reign struct {
	Term   uint64 `json:"term"`
	Of     life   `json:"of"`               // the server whose term it is
	Former []life `json:"former,omitempty"` // those whose terms are over, the oldest first

	revision uint64
}

// Term knows the newest term of a room's records store. It is safe for concurrent use.
type Term struct {
	bucket *bus.Bucket

	mu    sync.Mutex // guards all below
	known uint64
	read  time.Time // when it was asked for; zero if never
}

// NewTerm returns a Term that reads the bucket of the Agents.
func NewTerm(bucket *bus.Bucket) *Term { return &Term{bucket: bucket} }

// Newest returns the newest term, as it was at most a second ago; 0 before another server has ever taken over.
func (t *Term) Newest(ctx context.Context) (uint64, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.read.IsZero() && time.Since(t.read) < termFor {
		return t.known, nil
	}
	asked := time.Now()
	note, _, err := lease.Read[reign](ctx, t.bucket, TermKey)
	if err != nil {
		return 0, err
	}
	t.known = note.Term
	t.read = asked
	return t.known, nil
}

// server is the part of a store that is one server with a term; false if there is none.
func (is state) server() (kv.Shard, bool) {
	if len(is.records) != 1 || !is.fenced {
		return kv.Shard{}, false
	}
	return is.records[0], true
}

// needsTerm reports whether the server is not the one whose term it is: another one, or the same after a restart, or
// one that has lost its term.
func (is state) needsTerm() bool {
	s, ok := is.server()
	current := is.Records[s.Name]
	return ok && (is.reign.Of != current || s.Term < is.reign.Term || is.seen != nil && is.seen.Records[s.Name] != current)
}

// isFirst reports whether nothing is known of a server before this one.
func (is state) isFirst(s kv.Shard) bool {
	return is.reign.revision == 0 && (is.seen == nil || is.seen.Records[s.Name] == is.Records[s.Name])
}

// beginTerm has every process leave a server from which this one has taken over, and looks again once that is so. It fails at a server
// whose term is over, and that is still there: this process talks to it, and others to the new one.
func (a *Agent) beginTerm(ctx context.Context, is state) (state, error) {
	s, _ := is.server()
	current := is.Records[s.Name]
	if is.isFirst(s) {
		_, err := lease.Write(ctx, a.Bucket, TermKey, reign{Term: s.Term, Of: current}, 0)
		return is, err
	}
	if s.Term < is.reign.Term && slices.Contains(is.reign.Former, current) {
		return is, fmt.Errorf("%w: this process talks to an old master of Redis, from which another one has taken over (its term is %d, the newest is %d)",
			item.ErrUnavailable, s.Term, is.reign.Term)
	}
	if is.reign.Of != current || s.Term < is.reign.Term {
		if err := a.raise(ctx, is); err != nil {
			return is, err
		}
	}
	if a.awaited != current {
		if err := pause.For(ctx, a.Term); err != nil {
			return is, err
		}
		a.awaited = current
	}
	return a.read(ctx)
}

// raise gives the server the newest term: there first, so that nobody is refused by it.
func (a *Agent) raise(ctx context.Context, is state) error {
	s, _ := is.server()
	next := reign{Term: max(s.Term, is.reign.Term) + 1, Of: is.Records[s.Name]}
	former := append(slices.Clone(is.reign.Former), is.reign.Of)
	if is.seen != nil {
		former = append(former, is.seen.Records[s.Name])
	}
	for _, l := range former {
		if l != (life{}) && l != next.Of && !slices.Contains(next.Former, l) {
			next.Former = append(next.Former, l)
		}
	}
	next.Former = next.Former[max(0, len(next.Former)-formerMost):]
	if err := a.Records.(fencer).SetTerm(ctx, is.records, next.Term); err != nil {
		return fmt.Errorf("begin a term of the server that has taken over: %w", err)
	}
	if _, err := lease.Write(ctx, a.Bucket, TermKey, next, is.reign.revision); err != nil {
		return fmt.Errorf("note the term of the server that has taken over: %w", err)
	}
	return nil
}
