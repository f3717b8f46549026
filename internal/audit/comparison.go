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

// comparison looks at records beside what their owners say. An owner may announce a change a moment after it has made
// it, and a worker may be about to store it: what differs and is nowhere announced is a suspect, and stale only if it
// is so at a second look, Settle after the first ones.
type comparison struct {
	*Sweeper
	Sampled
	suspects map[*catalog.Dimension][]kv.RecordKey
}

// look compares records of one dimension with their owner, and notes suspects.
func (c *comparison) look(ctx context.Context, d *catalog.Dimension, keys []kv.RecordKey) error {
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

// settle looks at the suspects once more, and has those announced that are stale.
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
	c.Log.Warn("records are not what their owner says, and no change of them waits: announcing them",
		"dimension", d.Kind.Name+"."+d.Name, "records", len(stale), "first", changes[0].Subject())
	if err := c.Bus.PublishChanges(ctx, changes, bus.PublishOptions{Force: true}); err != nil {
		return fmt.Errorf("announce stale records: %w", err)
	}
	c.Repaired += len(stale)
	c.repaired("sample", len(stale))
	return nil
}

// difference is a record that is not what its owner says.
type difference struct {
	key   kv.RecordKey
	stamp uint64 // of the record, before its owner was asked
	back  bool   // the owner says an older version
}

// change is what has the record fetched again.
func (d difference) change() item.Change {
	return item.Change{Lane: item.Refresh, Entity: d.key.Entity, Dimension: d.key.Dimension}
}

// differ lists the records that differ from what their owner says for no reason that is known, and counts all others.
func (c *comparison) differ(ctx context.Context, d *catalog.Dimension, keys []kv.RecordKey) (all []difference, err error) {
	held, err := c.Records.Records(ctx, keys)
	if err != nil {
		return nil, fmt.Errorf("read records: %w", err)
	}
	asks := make([]upstream.Ask, len(keys))
	for i, k := range keys {
		asks[i].ID = k.Entity.ID
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

// unexplained leaves out, and counts, what is about to be mended. The queues are asked before the records are read
// again: where a change was handled between the two, the stamp has moved, and nothing can be said of that record.
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
