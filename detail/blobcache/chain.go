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

// chain asks the tiers in order.
type chain struct {
	tiers   []*guardedTier
	metrics *metrics
	log     *slog.Logger
}

// chainRead says what a read leaves out.
type chainRead struct {
	skipRecords  bool // the tier that folds blobs
	skipReplicas bool // which may lag
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

// read gives a part for each key, by position. A part that the first tier could not be asked about, and
// no other has, carries an error; so does one that is damaged in the first.
func (c *chain) read(ctx context.Context, keys []kv.BlobKey, how chainRead) []Part {
	parts := make([]Part, len(keys))
	open := make([]int, len(keys))
	for i, key := range keys {
		parts[i], open[i] = Part{Key: key}, i
	}
	for n, t := range c.tiers {
		if len(open) == 0 {
			break
		}
		if t.tier.Name == RecordsTier && how.skipRecords {
			continue
		}
		blobs, err := c.ask(ctx, t, keys, open, how)
		open = merge(parts, open, blobs, kv.ItemErrors(err, len(open)), t.tier.Name, n > 0)
	}
	return parts
}

// ask reads the keys that are still open from one tier.
func (c *chain) ask(ctx context.Context, t *guardedTier, keys []kv.BlobKey, open []int, how chainRead) ([]kv.Blob, error) {
	wanted := make([]kv.BlobKey, len(open))
	for i, at := range open {
		wanted[i] = keys[at]
	}
	start := time.Now()
	blobs, err := t.get(ctx, wanted, how.skipReplicas)
	c.metrics.batch(t.tier.Name, time.Since(start), blobs, err)
	if err != nil && !errors.Is(err, errOpen) {
		c.log.Debug("tier failed", "tier", t.tier.Name, "keys", len(wanted), "error", err)
	}
	return blobs, err
}

// merge notes in parts what a tier has, and returns what is still open.
func merge(parts []Part, open []int, blobs []kv.Blob, errs []error, tier string, later bool) []int {
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
		switch {
		case damaged && !later:
			p.Err = fmt.Errorf("%w: %s in %s", item.ErrDamaged, p.Key, tier)
		case !damaged && blob.Life != kv.Absent:
			*p = Part{Key: p.Key, Value: blob.Value, Tier: tier, Stale: later, Lost: p.Lost}
			continue
		case !later:
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

// close waits for calls in flight, but not for a store that hangs.
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
