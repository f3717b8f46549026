package detail

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/internal/shape"
	"vitrine/internal/upstream"
	"vitrine/switches"
)

const (
	upstreamTier = "upstream"
	sourceCalls  = 16                      // pages being improvised at once
	sourceWithin = 1500 * time.Millisecond // for one of them
	leaseFor     = 2 * time.Second         // no second page is improvised of the same entity for so long, on any server
	leasePoll    = 20 * time.Millisecond
)

var errNoSource = fmt.Errorf("%w: its upstreams are not asked", item.ErrUnavailable)

// Fetcher asks the owner of a dimension; *upstream.Client is one.
type Fetcher interface {
	Fetch(ctx context.Context, d *catalog.Dimension, asks []upstream.Ask) []upstream.Answer
}

// Leaser lets one of several servers do what each of them wants done; rediskv.Store is one.
type Leaser interface {
	// Lease gives what Leave left under the name within its time. Else it tells whether the caller is the one
	// to do it; who is not asks again.
	Lease(ctx context.Context, name string, ttl time.Duration) (left []byte, mine bool, err error)
	Leave(ctx context.Context, name string, value []byte, ttl time.Duration) error
}

// source improvises the blobs of an entity that no tier has, from its upstreams: the last resort. What it gives
// is marked, handed to whoever wants the same within two seconds, and never stored as truth.
type source struct {
	fetcher Fetcher
	leases  Leaser           // nil: this server is the only one
	on      *switches.Switch // of the tier
	back    *switches.Switch // back to source
	budget  chan struct{}
	absent  *absences // what its owners said that there is not
	wait    sync.WaitGroup

	mu    sync.Mutex // guards all below
	loads map[string]*load
}

// load is one entity being improvised for a page, and for leaseFor what came of it.
type load struct {
	done chan struct{}
	got  improvised
}

// improvised is what Leave hands to other servers: kv.Encode of each blob by name, or why there is none.
type improvised struct {
	Blobs  map[string][]byte `json:"blobs,omitempty"`
	Failed string            `json:"failed,omitempty"`
}

func newSource(f Fetcher, l Leaser, panel *switches.Panel) *source {
	return &source{fetcher: f, leases: l, on: panel.Switch(switches.ReadUpstream), back: panel.Switch(switches.BackToSource),
		budget: make(chan struct{}, sourceCalls), absent: newAbsences(time.Now), loads: map[string]*load{}}
}

// fill asks the upstreams for the parts that no tier has. Parts that it can't get either keep what they say,
// but for the first: it is the page's own, and not to know is no 404. What its owner said that there is not, is not
// asked for again for a while: a new entity comes by its change. Where too much is asked for already, an entity that
// the tiers don't know and nothing was announced of stays unknown: else whoever asks for what there is not would make
// errors of a shop that is well.
func (s *source) fill(ctx context.Context, page *catalog.Page, e item.Entity, parts []Part, announced bool) {
	if s.fetcher == nil || !s.on.On() || !s.back.On() {
		return
	}
	name := page.Name + ":" + e.Token()
	if parts[0].Err == nil && !announced && s.absent.holds(name) {
		return
	}
	got, err := s.load(ctx, page, e)
	if errors.Is(err, errBudget) && parts[0].Err == nil && !announced {
		return
	}
	for i := range parts {
		p := &parts[i]
		switch v, decodeErr := kv.Decode(got.Blobs[p.Key.Blob]); {
		case err == nil && decodeErr == nil:
			*p = Part{Key: p.Key, Value: v, Tier: upstreamTier, Stale: true}
			if i == 0 && v.Life != kv.Alive {
				s.absent.note(name)
			}
		case i == 0 && p.Err == nil:
			p.Err = err
		}
	}
}

// load improvises once for all who want the same. It is detached from the request that began it.
func (s *source) load(ctx context.Context, page *catalog.Page, e item.Entity) (improvised, error) {
	name := page.Name + ":" + e.Token()
	s.mu.Lock()
	l := s.loads[name]
	if l == nil {
		select {
		case s.budget <- struct{}{}:
		default:
			s.mu.Unlock()
			return improvised{}, errBudget
		}
		l = &load{done: make(chan struct{})}
		s.loads[name] = l
		s.wait.Go(func() { s.run(context.WithoutCancel(ctx), name, l, page, e) })
	}
	s.mu.Unlock()
	select {
	case <-l.done:
	case <-ctx.Done():
		return improvised{}, fmt.Errorf("%w: %w", item.ErrUnavailable, ctx.Err())
	}
	if l.got.Failed != "" {
		return improvised{}, fmt.Errorf("%w: %s: %s", errNoSource, e, l.got.Failed)
	}
	return l.got, nil
}

func (s *source) run(ctx context.Context, name string, l *load, page *catalog.Page, e item.Entity) {
	ctx, cancel := context.WithTimeout(ctx, sourceWithin)
	defer cancel()
	l.got = s.leased(ctx, name, func() improvised { return s.ask(ctx, page, e) })
	<-s.budget
	close(l.done)
	time.AfterFunc(leaseFor, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.loads, name)
	})
}

// leased asks if no other server does, and else waits for what that one finds. Where the lease can't be had
// either, each server asks for itself.
func (s *source) leased(ctx context.Context, name string, ask func() improvised) (got improvised) {
	if s.leases == nil {
		return ask()
	}
	for {
		left, mine, err := s.leases.Lease(ctx, name, leaseFor)
		switch {
		case ctx.Err() != nil:
			return improvised{Failed: "the server that asks them has not answered"}
		case err != nil:
			return ask()
		case mine:
			got = ask()
			if value, err := json.Marshal(got); err == nil {
				_ = s.leases.Leave(context.WithoutCancel(ctx), name, value, leaseFor) // the others then wait for the lease to end
			}
			return got
		case len(left) > 0:
			if err := json.Unmarshal(left, &got); err != nil {
				return improvised{Failed: err.Error()}
			}
			return got
		}
		pause(ctx, leasePoll)
	}
}

// ask fetches the dimensions of the page's blobs side by side, and folds them.
func (s *source) ask(ctx context.Context, page *catalog.Page, e item.Entity) improvised {
	blobs := append([]*catalog.Blob{page.Blob}, page.Overlay...)
	records, errs := s.records(ctx, blobs, e)
	got := improvised{Blobs: map[string][]byte{}}
	for _, b := range blobs {
		root := b.Of[0].Name
		v, err := shape.Fold(b, e, records)
		if err = errors.Join(errs[root], err); err != nil {
			if b == page.Blob {
				return improvised{Failed: err.Error()}
			}
			continue
		}
		got.Blobs[b.Name] = kv.Encode(v, true)
	}
	return got
}

// records fetches each dimension of the blobs once.
func (s *source) records(ctx context.Context, blobs []*catalog.Blob, e item.Entity) (map[string]kv.Record, map[string]error) {
	var mu sync.Mutex // guards both maps
	records, errs := map[string]kv.Record{}, map[string]error{}
	var wait sync.WaitGroup
	asked := map[string]bool{}
	for _, b := range blobs {
		for _, d := range b.Of {
			if asked[d.Name] {
				continue
			}
			asked[d.Name] = true
			wait.Go(func() {
				v, err := record(d, s.fetcher.Fetch(ctx, d, []upstream.Ask{{ID: e.ID}})[0])
				mu.Lock()
				defer mu.Unlock()
				records[d.Name], errs[d.Name] = kv.Record{Value: v}, err
			})
		}
	}
	wait.Wait()
	return records, errs
}

// record shapes an answer as a worker would, but for what was held before: nothing was.
func record(d *catalog.Dimension, a upstream.Answer) (kv.Value, error) {
	v := kv.Value{Header: kv.Header{Life: kv.Unknown, Fetched: a.At, Source: d.From.Code, Shape: d.Shape}}
	if a.Err != nil || a.Status == upstream.Gone {
		return v, a.Err
	}
	made, gone, err := shape.MakeRecord(d, a.Body)
	if err != nil || gone {
		return v, err
	}
	v.Life, v.Version, v.Body = kv.Alive, made.Version, made.Body
	return v, nil
}

func (s *source) close() { s.wait.Wait() }
