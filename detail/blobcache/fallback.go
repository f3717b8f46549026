package blobcache

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
	"vitrine/internal/redact"
	"vitrine/internal/shape"
	"vitrine/internal/upstream"
	"vitrine/switches"
)

const (
	fallbackCalls  = 16                      // pages being fetched at once
	fallbackWithin = 1500 * time.Millisecond // for one of them
	leaseFor       = 2 * time.Second         // no second page is fetched of the same entity for so long, on any server
	leasePoll      = 20 * time.Millisecond
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

// Fallback makes the blobs of an entity that no tier has from its upstreams: the last resort. What it gives is marked
// stale, handed to whoever wants the same within two seconds, and never stored as truth.
type Fallback struct {
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

// load is one entity being fetched for a page, and for leaseFor what came of it.
type load struct {
	done chan struct{}
	got  folded
}

// folded is what Leave hands to other servers: kv.Encode of each blob by name, or why there is none.
type folded struct {
	Blobs  map[string][]byte `json:"blobs,omitempty"`
	Failed string            `json:"failed,omitempty"`
}

// NewFallback makes a fallback. A nil Fetcher gives nothing; a nil Leaser says that no other server asks the same upstreams.
func NewFallback(fetcher Fetcher, l Leaser, panel *switches.Panel) *Fallback {
	return &Fallback{fetcher: fetcher, leases: l, on: panel.Switch(switches.ReadUpstream), back: panel.Switch(switches.BackToSource),
		budget: make(chan struct{}, fallbackCalls), absent: newAbsences(time.Now), loads: map[string]*load{}}
}

// Fill asks the upstreams for the parts that no tier has. Parts that it can't get either keep what they say,
// but for the first: it is the page's own, and not to know is no 404. What its owner said that there is not, is not
// asked for again for a while: a new entity comes by its change. Where too much is asked for already, an entity that
// the tiers don't know and nothing was announced of stays unknown: else whoever asks for what there is not would make
// errors of a shop that is well.
func (f *Fallback) Fill(ctx context.Context, page *catalog.Page, e item.Entity, parts []Part, announced bool) {
	if f.fetcher == nil || !f.on.On() || !f.back.On() {
		return
	}
	name := page.Name + ":" + e.Token()
	if parts[0].Err == nil && !announced && f.absent.holds(name) {
		return
	}
	got, err := f.load(ctx, page, e)
	if errors.Is(err, errBudget) && parts[0].Err == nil && !announced {
		return
	}
	for i := range parts {
		p := &parts[i]
		switch v, decodeErr := kv.Decode(got.Blobs[p.Key.Blob]); {
		case err == nil && decodeErr == nil:
			*p = Part{Key: p.Key, Value: v, Tier: UpstreamTier, Stale: true}
			if i == 0 && v.Life != kv.Alive {
				f.absent.note(name)
			}
		case i == 0 && p.Err == nil:
			p.Err = err
		}
	}
}

// load fetches once for all who want the same. It is detached from the request that began it.
func (f *Fallback) load(ctx context.Context, page *catalog.Page, e item.Entity) (folded, error) {
	name := page.Name + ":" + e.Token()
	f.mu.Lock()
	l := f.loads[name]
	if l == nil {
		select {
		case f.budget <- struct{}{}:
		default:
			f.mu.Unlock()
			return folded{}, errBudget
		}
		l = &load{done: make(chan struct{})}
		f.loads[name] = l
		f.wait.Go(func() {
			defer redact.Crash()
			f.run(context.WithoutCancel(ctx), name, l, page, e)
		})
	}
	f.mu.Unlock()
	select {
	case <-l.done:
	case <-ctx.Done():
		return folded{}, fmt.Errorf("%w: %w", item.ErrUnavailable, ctx.Err())
	}
	if l.got.Failed != "" {
		return folded{}, fmt.Errorf("%w: %s: %s", errNoSource, e, l.got.Failed)
	}
	return l.got, nil
}

func (f *Fallback) run(ctx context.Context, name string, l *load, page *catalog.Page, e item.Entity) {
	ctx, cancel := context.WithTimeout(ctx, fallbackWithin)
	defer cancel()
	l.got = f.leased(ctx, name, func() folded { return f.ask(ctx, page, e) })
	<-f.budget
	close(l.done)
	time.AfterFunc(leaseFor, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.loads, name)
	})
}

// leased asks if no other server does, and else waits for what that one finds. Where the lease can't be had
// either, each server asks for itself.
func (f *Fallback) leased(ctx context.Context, name string, ask func() folded) (got folded) {
	if f.leases == nil {
		return ask()
	}
	for {
		left, mine, err := f.leases.Lease(ctx, name, leaseFor)
		switch {
		case ctx.Err() != nil:
			return folded{Failed: "the server that asks them has not answered"}
		case err != nil:
			return ask()
		case mine:
			got = ask()
			if value, err := json.Marshal(got); err == nil {
				_ = f.leases.Leave(context.WithoutCancel(ctx), name, value, leaseFor) // the others then wait for the lease to end
			}
			return got
		case len(left) > 0:
			if err := json.Unmarshal(left, &got); err != nil {
				return folded{Failed: err.Error()}
			}
			return got
		}
		pause(ctx, leasePoll)
	}
}

// ask fetches the dimensions of the page's blobs side by side, and folds them.
func (f *Fallback) ask(ctx context.Context, page *catalog.Page, e item.Entity) folded {
	blobs := append([]*catalog.Blob{page.Blob}, page.Overlay...)
	records, errs := f.records(ctx, blobs, e)
	got := folded{Blobs: map[string][]byte{}}
	for _, b := range blobs {
		root := b.Of[0].Name
		v, err := shape.Fold(b, e, records)
		if err = errors.Join(errs[root], err); err != nil {
			if b == page.Blob {
				return folded{Failed: err.Error()}
			}
			continue
		}
		got.Blobs[b.Name] = kv.Encode(v, true)
	}
	return got
}

// records fetches each dimension of the blobs once.
func (f *Fallback) records(ctx context.Context, blobs []*catalog.Blob, e item.Entity) (map[string]kv.Record, map[string]error) {
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
				defer redact.Crash()
				r, err := record(d, f.fetcher.Fetch(ctx, d, []upstream.Ask{{ID: e.ID}})[0])
				mu.Lock()
				defer mu.Unlock()
				records[d.Name], errs[d.Name] = r, err
			})
		}
	}
	wait.Wait()
	return records, errs
}

// record is what an answer makes where nothing was held before. One that failed is left out of its blobs, whose shape is that
// of the catalog all the same.
func record(d *catalog.Dimension, a upstream.Answer) (kv.Record, error) {
	v, _, err := a.Value(d, kv.Record{})
	if err != nil {
		v.Life = kv.Unknown
	}
	return kv.Record{Value: v}, err
}

// Enabled reports whether readers may cause work at the owners of data.
func (f *Fallback) Enabled() bool { return f.back.On() }

// Close waits for what is being fetched.
func (f *Fallback) Close() { f.wait.Wait() }
