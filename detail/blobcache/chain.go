package blobcache

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/tidwall/gjson"

	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/internal/redact"
	"vitrine/switches"
)

const closeWithin = 2 * time.Second

// chain reads from the tiers in their order.
type chain struct {
	tiers   []*guardedTier
	metrics *metrics
	log     *slog.Logger
}

// skips are what a read leaves out.
type skips struct {
	records  bool // the tier that folds blobs from records
	replicas bool // of the tiers: they may lag
}

func newChain(tiers []Tier, panel *switches.Panel, m *metrics, log *slog.Logger) *chain {
	c := &chain{metrics: m, log: log}
	for _, t := range tiers {
		c.tiers = append(c.tiers, newGuardedTier(t, panel))
	}
	return c
}

func (c *chain) anyClosed() bool {
	for _, t := range c.tiers {
		if t.breaker.Closed() {
			return true
		}
	}
	return false
}

// read returns a part for each key, by position. If no tier has a blob, its part carries an error where the first tier could not
// be asked or has the blob damaged; else it is absent.
func (c *chain) read(ctx context.Context, keys []kv.BlobKey, skip skips) []Part {
	parts := make([]Part, len(keys))
	open := make([]int, len(keys))
	for i, key := range keys {
		parts[i], open[i] = Part{Key: key}, i
	}
	for n, t := range c.tiers {
		if len(open) == 0 {
			break
		}
		if t.tier.Name == RecordsTier && skip.records {
			continue
		}
		blobs, err := c.ask(ctx, t, keys, open, skip)
		open = merge(parts, open, blobs, kv.ItemErrors(err, len(open)), t.tier.Name, n > 0)
	}
	return parts
}

// ask reads from one tier the keys that are still open: open holds their positions among keys.
func (c *chain) ask(ctx context.Context, t *guardedTier, keys []kv.BlobKey, open []int, skip skips) ([]kv.Blob, error) {
	wanted := make([]kv.BlobKey, len(open))
	for i, at := range open {
		wanted[i] = keys[at]
	}
	start := time.Now()
	blobs, err := t.get(ctx, wanted, skip.replicas)
	c.metrics.batch(t.tier.Name, time.Since(start), blobs, err)
	if err != nil && !errors.Is(err, errOpen) {
		c.log.Debug("tier failed", "tier", t.tier.Name, "keys", len(wanted), "error", err)
	}
	return blobs, err
}

// merge puts what a tier returned for the open positions into parts, and returns the positions that are still open. later is false
// for the first tier.
func merge(parts []Part, open []int, blobs []kv.Blob, errs []error, tier string, later bool) []int {
	unread := open[:0]
	for i, at := range open {
		p := &parts[at]
		if errs[i] != nil {
			if !later {
				p.Err = fmt.Errorf("%w: %s: %w", item.ErrUnavailable, p.Key, errs[i])
			}
			unread = append(unread, at)
			continue
		}
		blob := blobs[i]
		damaged := blob.Damaged || blob.Existence == kv.Alive && !isObject(blob.Body)
		switch {
		case damaged && !later:
			p.Err = fmt.Errorf("%w: %s in %s", item.ErrDamaged, p.Key, tier)
		case !damaged && blob.Existence != kv.Absent && !blob.Rootless():
			*p = Part{Key: p.Key, Value: blob.Value, Tier: tier, Stale: later, Lost: p.Lost}
			continue
		case !later:
			p.Lost = true
		}
		unread = append(unread, at)
	}
	return unread
}

// isObject reports whether body is one whole JSON object. Pages are spliced from such bodies, and any other would break its
// neighbours.
func isObject(body []byte) bool {
	return len(body) > 1 && body[0] == '{' && gjson.ValidBytes(body)
}

// close waits for calls in flight, up to closeWithin.
func (c *chain) close() {
	all := make(chan struct{})
	go func() {
		defer redact.Crash()
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
