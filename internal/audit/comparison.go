package audit

import (
	"context"
	"fmt"
	"slices"

	"vitrine/internal/bus"
	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/internal/pause"
	"vitrine/internal/upstream"
)

// comparison compares records with their upstreams. An upstream may announce a change a moment after it has made it,
// and a worker may be about to store it. So a record that differs, and for which no change waits, is only a suspect. It
// is stale if it still differs at a second look, Settle after the first.
type comparison struct {
	*Sweeper
	Sampled
	suspects map[*catalog.Dimension][]kv.RecordKey
}

// compare compares records of one dimension with their upstream, and notes the suspects.
func (c *comparison) compare(ctx context.Context, d *catalog.Dimension, keys []kv.RecordKey) error {
	for some := range slices.Chunk(keys, d.BatchMax) {
		differ, err := c.differ(ctx, d, some)
		if err != nil {
			return err
		}
		for _, f := range differ {
			c.suspects[d] = append(c.suspects[d], f.key)
		}
	}
	return nil
}

// settle looks at the suspects again, and announces those that are stale.
func (c *comparison) settle(ctx context.Context) error {
	if len(c.suspects) == 0 {
		return nil
	}
	if err := pause.For(ctx, c.Settle); err != nil {
		return err
	}
	for d, keys := range c.suspects {
		for some := range slices.Chunk(keys, d.BatchMax) {
			stale, err := c.differ(ctx, d, some)
			if err != nil {
				return err
			}
			if err := c.repair(ctx, d, stale); err != nil {
				return err
			}
		}
	}
	clear(c.suspects)
	return nil
}

// repair counts stale records, and announces them.
func (c *comparison) repair(ctx context.Context, d *catalog.Dimension, stale []difference) error {
	if len(stale) == 0 {
		return nil
	}
	c.Checked += len(stale)
	c.Stale += len(stale)
	changes := make([]item.Change, len(stale))
	for i, f := range stale {
		changes[i] = f.change()
		if f.back {
			c.Back++
			c.Log.Warn("an upstream went back to an older version", "record", f.key.String())
		}
	}
	if c.DryRun {
		return nil
	}
	c.Log.Warn("records are not what their upstream says, and no change of them waits: announcing them",
		"dimension", d.Kind.Name+"."+d.Name, "records", len(stale), "first", changes[0].Subject())
	if err := c.Bus.PublishChanges(ctx, changes, bus.PublishOptions{Force: true}); err != nil {
		return fmt.Errorf("announce stale records: %w", err)
	}
	c.Repaired += len(stale)
	c.repaired("sample", len(stale))
	return nil
}

// difference is a record that differs from its upstream's answer.
type difference struct {
	key   kv.RecordKey
	stamp uint64 // of the record, before its upstream was asked
	back  bool   // the upstream's version is older than the record's
}

// change is the change that has the record fetched again.
func (d difference) change() item.Change {
	return item.Change{Lane: item.Refresh, Entity: d.key.Entity, Dimension: d.key.Dimension}
}

// differ lists the records that differ from their upstream's answers without a known reason, and counts all others.
func (c *comparison) differ(ctx context.Context, d *catalog.Dimension, keys []kv.RecordKey) (all []difference, err error) {
	held, err := c.Records.Records(ctx, keys)
	if err != nil {
		return nil, fmt.Errorf("read records: %w", err)
	}
	asks := make([]upstream.Ask, len(keys))
	for i, k := range keys {
		asks[i] = upstream.Ask{ID: k.Entity.ID, Lane: item.Refresh}
	}
	for i, a := range c.Upstream.Fetch(ctx, d, asks) {
		switch same, back, err := sameAs(d, held[i], a); {
		case err != nil:
			c.Silent++
		case same:
			c.Checked++
		default:
			all = append(all, difference{keys[i], held[i].Stamp, back})
		}
	}
	if len(all) == 0 {
		return nil, nil
	}
	return c.unexplained(ctx, all)
}

// unexplained drops, and counts, the records that a queued change is about to repair. The queues are asked before the
// records are read again: if a change was handled between the two, the record's stamp has moved, and the record is not
// judged.
func (c *comparison) unexplained(ctx context.Context, all []difference) (left []difference, err error) {
	keys := make([]kv.RecordKey, len(all))
	changes := make([]item.Change, len(all))
	for i, f := range all {
		keys[i] = f.key
		changes[i] = f.change()
	}
	waits, err := c.Bus.Waiting(ctx, changes)
	if err != nil {
		return nil, fmt.Errorf("look for changes that wait: %w", err)
	}
	now, err := c.Records.Records(ctx, keys)
	if err != nil {
		return nil, fmt.Errorf("read records: %w", err)
	}
	for i, f := range all {
		switch {
		case waits[i]:
			c.Checked++
			c.Waiting++
		case now[i].Stamp == f.stamp:
			left = append(left, f)
		}
	}
	return left, nil
}
