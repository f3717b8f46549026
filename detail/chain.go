package detail

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/tidwall/gjson"

	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/switches"
)

// Tier is a place that blobs are read from.
type Tier struct {
	Name        string // shown as X-Vitrine-Source
	Blobs       kv.BlobGetter
	Replica     kv.BlobGetter // read in place of Blobs, but for what it has too old; nil for none
	Timeout     time.Duration // of one batch, waiting for the budget included. Defaults to 100 ms, 1 s for the last tier
	Concurrency int           // batches in flight. Defaults to 128
}

const (
	localTier   = "local"
	closeWithin = 2 * time.Second
)

var (
	errOpen   = fmt.Errorf("%w: its breaker is open, or it is switched off", item.ErrUnavailable)
	errBudget = fmt.Errorf("%w: too many reads in flight", item.ErrUnavailable)
)

// chain asks the tiers in order.
type chain struct {
	tiers   []*guarded
	metrics *metrics
	log     *slog.Logger
}

// guarded is a tier with what keeps it from hurting its readers.
type guarded struct {
	Tier
	on      *switches.Switch
	back    *switches.Switch // back to source; nil for a tier that is a copy
	breaker breaker
	replica breaker
	budget  chan struct{}
	calls   sync.WaitGroup
}

func newChain(tiers []Tier, panel *switches.Panel, m *metrics, log *slog.Logger) *chain {
	c := &chain{metrics: m, log: log}
	for _, t := range tiers {
		g := &guarded{Tier: t, on: panel.Switch("read." + t.Name), budget: make(chan struct{}, t.Concurrency)}
		if t.Name == recordsTier {
			g.back = panel.Switch(switches.BackToSource)
		}
		c.tiers = append(c.tiers, g)
	}
	return c
}

func (c *chain) anyClosed() bool {
	for _, t := range c.tiers {
		if t.breaker.closed() {
			return true
		}
	}
	return false
}

// read gives a part for each key, by position. A part that the first tier could not be asked about, and
// no other has, carries an error; so does one that is damaged in the first.
func (c *chain) read(ctx context.Context, keys []kv.BlobKey) []Part {
	return c.readFrom(ctx, keys, false)
}

// reread is read without replicas, which may lag.
func (c *chain) reread(ctx context.Context, keys []kv.BlobKey) []Part {
	return c.readFrom(ctx, keys, true)
}

func (c *chain) readFrom(ctx context.Context, keys []kv.BlobKey, master bool) []Part {
	parts := make([]Part, len(keys))
	open := make([]int, len(keys))
	for i, key := range keys {
		parts[i], open[i] = Part{Key: key}, i
	}
	for n, t := range c.tiers {
		if len(open) == 0 {
			break
		}
		if t.Name == recordsTier && isProbe(ctx) {
			continue
		}
		blobs, err := c.ask(ctx, t, keys, open, master)
		open = take(parts, open, blobs, kv.ItemErrors(err, len(open)), t.Name, n > 0)
	}
	return parts
}

// ask reads the keys that are still open from one tier.
func (c *chain) ask(ctx context.Context, t *guarded, keys []kv.BlobKey, open []int, master bool) ([]kv.Blob, error) {
	wanted := make([]kv.BlobKey, len(open))
	for i, at := range open {
		wanted[i] = keys[at]
	}
	start := time.Now()
	blobs, err := t.get(ctx, wanted, master)
	c.metrics.tier(t.Name, time.Since(start), blobs, err)
	if err != nil && !errors.Is(err, errOpen) {
		c.log.Debug("tier failed", "tier", t.Name, "keys", len(wanted), "error", err)
	}
	return blobs, err
}

// take notes what a tier has and returns what is still open.
func take(parts []Part, open []int, blobs []kv.Blob, errs []error, tier string, later bool) []int {
	rest := open[:0]
	for i, at := range open {
		p := &parts[at]
		if errs[i] != nil {
			if !later {
				p.Err = fmt.Errorf("%w: %s: %w", item.ErrUnavailable, p.Key, errs[i])
			}
			rest = append(rest, at)
			continue
		}
		blob := blobs[i]
		damaged := blob.Damaged || blob.Life == kv.Alive && !isObject(blob.Body)
		if damaged && !later {
			p.Err = fmt.Errorf("%w: %s in %s", item.ErrDamaged, p.Key, tier)
		} else if !damaged && blob.Life != kv.Absent {
			*p = Part{Key: p.Key, Value: blob.Value, Tier: tier, Stale: later, Lost: p.Lost}
			continue
		} else if !later {
			p.Lost = true
		}
		rest = append(rest, at)
	}
	return rest
}

// isObject guards the splicing of pages: a body that is no whole JSON object would break its neighbours.
func isObject(body []byte) bool {
	return len(body) > 1 && body[0] == '{' && gjson.ValidBytes(body)
}

// get asks the tier within its time-out, even where the store does not heed its context: a disk that
// hangs must hold one of the tier's slots, not a page.
func (t *guarded) get(ctx context.Context, keys []kv.BlobKey, master bool) ([]kv.Blob, error) {
	if !t.on.On() || !t.back.On() {
		return nil, errOpen
	}
	if t.Replica != nil && !master {
		// Half of the time: the other half is the master's, where the replica hangs.
		if blobs, err := t.ifWell(ctx, &t.replica, t.Replica, t.Timeout/2, keys); err == nil {
			return blobs, nil
		}
	}
	return t.ifWell(ctx, &t.breaker, t.Blobs, t.Timeout, keys)
}

// ifWell calls a store unless its breaker is open.
func (t *guarded) ifWell(ctx context.Context, b *breaker, store kv.BlobGetter, within time.Duration, keys []kv.BlobKey) ([]kv.Blob, error) {
	if ask, probe := b.allow(); probe {
		t.calls.Go(func() { _, _ = t.call(context.WithoutCancel(ctx), b, store, within, keys) })
		return nil, errOpen
	} else if !ask {
		return nil, errOpen
	}
	return t.call(ctx, b, store, within, keys)
}

func (t *guarded) call(ctx context.Context, b *breaker, store kv.BlobGetter, within time.Duration, keys []kv.BlobKey) ([]kv.Blob, error) {
	ctx, cancel := context.WithTimeout(ctx, within)
	select {
	case t.budget <- struct{}{}:
	case <-ctx.Done():
		cancel()
		b.done(errBudget)
		return nil, errBudget
	}
	type answer struct {
		blobs []kv.Blob
		err   error
	}
	done := make(chan answer, 1)
	t.calls.Go(func() {
		defer cancel()
		blobs, err := store.Blobs(ctx, keys)
		<-t.budget
		done <- answer{blobs, err}
	})
	var a answer
	select {
	case a = <-done:
	case <-ctx.Done():
		// The call ends its context after it has answered: both may be ready, and the answer counts.
		select {
		case a = <-done:
		default:
			a.err = fmt.Errorf("%w: %w", item.ErrUnavailable, ctx.Err())
		}
	}
	if a.err == nil && len(a.blobs) != len(keys) {
		a.err = fmt.Errorf("%w: %d blobs for %d keys", item.ErrDamaged, len(a.blobs), len(keys))
	}
	b.done(ofAll(a.err))
	return a.blobs, a.err
}

// ofAll is the error of a store that answered for none of the keys. One of whose nodes some are away is not broken.
func ofAll(err error) error {
	if partial := (*kv.PartialError)(nil); errors.As(err, &partial) && len(partial.Unwrap()) < len(partial.Items) {
		return nil
	}
	return err
}

// close waits for calls in flight, but not for a store that hangs.
func (c *chain) close() {
	all := make(chan struct{})
	go func() {
		defer close(all)
		for _, t := range c.tiers {
			t.calls.Wait()
		}
	}()
	select {
	case <-all:
	case <-time.After(closeWithin):
		c.log.Warn("a tier hangs; closing without it")
	}
}
