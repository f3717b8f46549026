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
	"vitrine/internal/pause"
	"vitrine/internal/redact"
	"vitrine/internal/shape"
	"vitrine/internal/upstream"
	"vitrine/switches"
)

const (
	fallbackCalls  = 16                      // pages that are being fetched at once
	fallbackWithin = 1500 * time.Millisecond // to fetch one page
	leaseFor       = 2 * time.Second         // a page of an entity is fetched once in this time, by all servers together
	leasePoll      = 20 * time.Millisecond
)

var errNoSource = fmt.Errorf("%w: its upstreams are not asked", item.ErrUnavailable)

// Fetcher asks the upstream of a dimension, and returns an answer for each ask, by position. *upstream.Client is one.
type Fetcher interface {
	Fetch(ctx context.Context, d *catalog.Dimension, asks []upstream.Ask) []upstream.Answer
}

// Leaser lets one of several servers do what each of them wants done; rediskv.Store is one.
type Leaser interface {
	// Lease returns the value that Leave left under the name, until that expires. If there is none, mine reports whether
	// the caller has the lease for ttl and is to do the work; if not, it calls Lease again later.
	Lease(ctx context.Context, name string, ttl time.Duration) (left []byte, mine bool, err error)
	// Leave keeps a value under the name for ttl, for those who call Lease.
	Leave(ctx context.Context, name string, value []byte, ttl time.Duration) error
}

// Fallback makes blobs that no tier has from their upstreams: the last resort. Its blobs are marked stale, are shared with all who
// ask for the same within two seconds, and are never stored as truth.
type Fallback struct {
	fetcher Fetcher
	leases  Leaser           // nil: this server is the only one
	on      *switches.Switch // of the tier
	back    *switches.Switch // back to source
	budget  chan struct{}
	absent  *absences // pages whose entity the upstreams said does not exist
	wait    sync.WaitGroup

	mu    sync.Mutex // guards all below
	loads map[string]*load
}

// load is the fetching of one entity for a page. Its result is kept for leaseFor.
type load struct {
	done chan struct{}
	got  folded
}

// folded is the result of a load, as Leave hands it to other servers: kv.Encode of each blob by name, or why there is none.
type folded struct {
	Blobs  map[string][]byte `json:"blobs,omitempty"`
	Failed string            `json:"failed,omitempty"`
}

// NewFallback makes a Fallback; the caller closes it. With a nil Fetcher it fills nothing. With a nil Leaser it does not coordinate
// with other servers.
func NewFallback(fetcher Fetcher, l Leaser, panel *switches.Panel) *Fallback {
	return &Fallback{fetcher: fetcher, leases: l, on: panel.Must(switches.ReadUpstream), back: panel.Must(switches.BackToSource),
		budget: make(chan struct{}, fallbackCalls), absent: newAbsences(time.Now), loads: map[string]*load{}}
}

// Fill asks the upstreams for the parts of a page that no tier has. parts[0] is the page's own blob. A part that cannot be had from an
// upstream either stays as it is, except the first: it gets the error, since a page that may exist must not be a 404.
//
// An entity that its upstream said does not exist is not asked for again for a minute; a new entity comes by its change. If
// too many pages are being fetched already, an entity that the tiers lack and that was never announced stays absent: else
// requests for what does not exist would turn into errors of a healthy shop.
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
			if i == 0 && v.Existence != kv.Alive {
				f.absent.note(name)
			}
		case i == 0 && p.Err == nil:
			p.Err = err
		}
	}
}

// load fetches a page's blobs once for all who want the same. The fetching does not end with the request that began it. load fails with
// errBudget, errNoSource or item.ErrUnavailable.
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
		defer redact.Crash()
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.loads, name)
	})
}

// leased calls ask if this server gets the lease, and else waits for the result of the server that has it. If the lease store fails,
// each server asks by itself.
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
		_ = pause.For(ctx, leasePoll)
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
		err = errors.Join(errs[root], err)
		if err != nil {
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
				r, err := record(d, f.fetcher.Fetch(ctx, d, []upstream.Ask{{ID: e.ID, Lane: item.High}})[0])
				mu.Lock()
				defer mu.Unlock()
				records[d.Name], errs[d.Name] = r, err
			})
		}
	}
	wait.Wait()
	return records, errs
}

// record returns the record that an answer makes for an entity that has none yet. The record of a failed answer is unknown: its dimension is
// left out of the blobs, whose shape is that of the catalog all the same.
func record(d *catalog.Dimension, a upstream.Answer) (kv.Record, error) {
	v, _, err := a.Value(d, kv.Record{})
	if err != nil {
		v.Existence = kv.Unknown
	}
	return kv.Record{Value: v}, err
}

// Enabled reports whether readers may cause work at the upstreams.
func (f *Fallback) Enabled() bool { return f.back.On() }

// Close waits until no page is being fetched.
func (f *Fallback) Close() { f.wait.Wait() }
