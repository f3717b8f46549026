package blobcache

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"vitrine/internal/breaker"
	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/internal/redact"
	"vitrine/switches"
)

// Tier is a place that blobs are read from.
type Tier struct {
	Name        string // shown in X-Vitrine-Source
	Blobs       kv.BlobGetter
	Replica     kv.BlobGetter // asked before Blobs; what it lacks, or has below its minimum generation, is read from Blobs. nil for none
	Timeout     time.Duration // of one batch, the wait for the budget included. Defaults to 100 ms, 1 s for the last copy
	Concurrency int           // batches in flight. Defaults to 128
}

const (
	breakAfter = 5           // failures in a row
	breakFor   = time.Second // until the next probe
)

var (
	errOpen   = fmt.Errorf("%w: its breaker is open, or it is switched off", item.ErrUnavailable)
	errBudget = fmt.Errorf("%w: too many reads in flight", item.ErrUnavailable)
)

// guardedTier is a tier behind its switches, breakers and budget, so that a slow or failing store does not hold up readers.
type guardedTier struct {
	tier           Tier
	on             *switches.Switch
	back           *switches.Switch // back to source; nil for a tier that is a copy
	breaker        *breaker.Breaker
	replicaBreaker *breaker.Breaker
	budget         chan struct{}
	calls          sync.WaitGroup
}

func newGuardedTier(t Tier, panel *switches.Panel) *guardedTier {
	g := &guardedTier{tier: t, on: panel.Must("read." + t.Name), breaker: newBreaker(), replicaBreaker: newBreaker(),
		budget: make(chan struct{}, t.Concurrency)}
	if t.Name == RecordsTier {
		g.back = panel.Must(switches.BackToSource)
	}
	return g
}

func newBreaker() *breaker.Breaker {
	return breaker.New(breaker.Config{Failures: breakAfter, Of: breakAfter, Successes: 1, Probes: 1, Pause: breakFor})
}

// get reads keys from the tier within its time-out, even if the store ignores its context: a disk that hangs may hold a place in
// the tier's budget, but no page. It fails with errOpen, errBudget, item.ErrUnavailable, or what the store fails with.
func (t *guardedTier) get(ctx context.Context, keys []kv.BlobKey, skipReplica bool) ([]kv.Blob, error) {
	if !t.on.On() || !t.back.On() {
		return nil, errOpen
	}
	if t.tier.Replica == nil || skipReplica {
		return t.getMaster(ctx, keys)
	}
	return t.getNear(ctx, keys)
}

func (t *guardedTier) getMaster(ctx context.Context, keys []kv.BlobKey) ([]kv.Blob, error) {
	return t.callUnlessOpen(ctx, t.breaker, t.tier.Blobs, t.tier.Timeout, keys)
}

// getNear reads keys from the replica, and from the master what the replica lacks or can't give: a blob may not have
// reached it yet, and a page that exists must not be a 404. The replica gets half of the time. If it hangs, the master
// has the other half.
func (t *guardedTier) getNear(ctx context.Context, keys []kv.BlobKey) ([]kv.Blob, error) {
	blobs, err := t.callUnlessOpen(ctx, t.replicaBreaker, t.tier.Replica, t.tier.Timeout/2, keys)
	if wholeError(err) != nil {
		return t.getMaster(ctx, keys)
	}
	errs := slices.Clone(kv.ItemErrors(err, len(keys)))
	var left []int
	var wanted []kv.BlobKey
	for i, key := range keys {
		if errs[i] != nil || blobs[i].Existence == kv.Absent {
			left, wanted = append(left, i), append(wanted, key)
		}
	}
	if len(left) == 0 {
		return blobs, nil
	}
	from, err := t.getMaster(ctx, wanted)
	for n, err := range kv.ItemErrors(err, len(left)) {
		errs[left[n]] = err
		if err == nil {
			blobs[left[n]] = from[n]
		}
	}
	return blobs, kv.Partial(errs)
}

// callUnlessOpen calls a store if its breaker is closed. Else it fails with errOpen, and may start a probe in the background: a
// probe of a store that hangs takes the whole time-out, and no reader waits for it.
func (t *guardedTier) callUnlessOpen(ctx context.Context, b *breaker.Breaker, store kv.BlobGetter, within time.Duration, keys []kv.BlobKey) ([]kv.Blob, error) {
	if b.Closed() {
		return t.call(ctx, b, store, within, keys)
	}
	if b.Allow() {
		t.calls.Go(func() {
			defer redact.Crash()
			_, _ = t.call(context.WithoutCancel(ctx), b, store, within, keys)
		})
	}
	return nil, errOpen
}

// fetched is what a store returned.
type fetched struct {
	blobs []kv.Blob
	err   error
}

func (t *guardedTier) call(ctx context.Context, b *breaker.Breaker, store kv.BlobGetter, within time.Duration, keys []kv.BlobKey) ([]kv.Blob, error) {
	ctx, cancel := context.WithTimeout(ctx, within)
	select {
	case t.budget <- struct{}{}:
	case <-ctx.Done():
		cancel()
		b.Done(false)
		return nil, errBudget
	}
	done := make(chan fetched, 1)
	t.calls.Go(func() {
		defer redact.Crash()
		defer cancel()
		blobs, err := store.Blobs(ctx, keys)
		<-t.budget
		done <- fetched{blobs, err}
	})
	got := await(ctx, done)
	if wholeError(got.err) == nil && len(got.blobs) != len(keys) {
		got.err = fmt.Errorf("%w: %d blobs for %d keys", item.ErrDamaged, len(got.blobs), len(keys)) // whatever its error says of some of them
	}
	b.Done(wholeError(got.err) == nil)
	return got.blobs, got.err
}

// await returns what the store returned before ctx ended. The call cancels ctx after it has sent its result, so that both
// channels may be ready; then the result counts.
func await(ctx context.Context, done <-chan fetched) fetched {
	select {
	case got := <-done:
		return got
	case <-ctx.Done():
	}
	select {
	case got := <-done:
		return got
	default:
		return fetched{err: fmt.Errorf("%w: %w", item.ErrUnavailable, ctx.Err())}
	}
}

// wholeError returns err if the store failed for every key, else nil: a cluster that lacks some of its nodes is not broken.
func wholeError(err error) error {
	if partial := (*kv.PartialError)(nil); errors.As(err, &partial) && len(partial.Unwrap()) < len(partial.Items) {
		return nil
	}
	return err
}
