package lineage

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"vitrine/internal/bus"
	"vitrine/internal/catalog"
	"vitrine/internal/item"
)

const (
	scanned = 1000 // entities in one page of a scan
	batch   = 500  // changes published together
)

// listed announces what a kind's upstream lists.
func (r *repair) listed(ctx context.Context, kind *catalog.Kind, cursor string) error {
	return EachListed(ctx, r.Upstream, kind, cursor, func(page Listed) error {
		r.countRefused(kind, page.Refused)
		if err := r.announce(ctx, page.Entities); err != nil {
			return err
		}
		return r.reached(ctx, "list "+kind.Name, page.Next)
	})
}

// countRefused counts and logs invalid ids.
func (r *repair) countRefused(kind *catalog.Kind, ids []string) {
	if len(ids) == 0 {
		return
	}
	r.refused += len(ids)
	r.Log.Warn("an upstream lists ids that can't be an entity's; they are left out", "kind", kind.Name, "ids", len(ids), "first", fmt.Sprintf("%.80q", ids[0]))
	if r.Refused != nil {
		r.Refused(kind.Name, len(ids))
	}
}

// stored announces the contents of the records store: kinds without a list, and articles that are no longer listed.
func (r *repair) stored(ctx context.Context, cursor string) error {
	return r.eachStored(ctx, "records", cursor, r.announce)
}

// fold has the syncer check each entity: whether its blobs exist, and whether it is in the lists of the relation index
// it belongs to.
func (r *repair) fold(ctx context.Context, cursor string) error {
	return r.eachStored(ctx, "fold", cursor, func(ctx context.Context, entities []item.Entity) error {
		syncs := make([]item.Change, 0, len(entities))
		for _, e := range entities {
			if r.Catalog().Kinds[e.Kind] != nil {
				syncs = append(syncs, item.Change{Lane: item.Refresh, Entity: e})
			}
		}
		r.announced += len(syncs)
		return r.Bus.PublishSyncs(ctx, syncs)
	})
}

// eachStored calls f with all entities of the records store.
func (r *repair) eachStored(ctx context.Context, step, cursor string, f func(context.Context, []item.Entity) error) error {
	for {
		entities, next, err := r.Records.ScanEntities(ctx, cursor, scanned)
		if err != nil {
			return fmt.Errorf("scan entities: %w", err)
		}
		if err := f(ctx, entities); err != nil || next == "" {
			return err
		}
		if err := r.reached(ctx, step, next); err != nil {
			return err
		}
		cursor = next
	}
}

// storedBlobs announces the contents of a separate blobs store: entities that the records store has lost may still be
// served.
func (r *repair) storedBlobs(ctx context.Context, cursor string) error {
	for {
		keys, next, err := r.Blobs.ScanBlobs(ctx, cursor, scanned)
		if err != nil {
			return fmt.Errorf("scan blobs: %w", err)
		}
		entities := make([]item.Entity, len(keys))
		for i, k := range keys {
			entities[i] = k.Entity
		}
		if err := r.announce(ctx, entities); err != nil || next == "" {
			return err
		}
		if err := r.reached(ctx, "blobs", next); err != nil {
			return err
		}
		cursor = next
	}
}

// past announces what HISTORY names.
func (r *repair) past(ctx context.Context, cursor string) error {
	return r.eachPast(ctx, "history", time.Time{}, cursor, func(ctx context.Context, changes []item.Change) error {
		entities := make([]item.Entity, len(changes))
		for i, c := range changes {
			entities[i] = c.Entity
		}
		return r.announce(ctx, entities)
	})
}

// replay publishes the changes since a time again, with force: see the package's doc.
func (r *repair) replay(ctx context.Context, since time.Time, cursor string) error {
	return r.eachPast(ctx, "replay", since, cursor, r.publishAgain)
}

// latest publishes again what may have been edited so shortly before the repair began that a replica does not know of it yet. Its
// record is lost, and the walk fetches it once; what is replayed is looked at twice. Refreshes announce no edit.
func (r *repair) latest(ctx context.Context, cursor string) error {
	since := r.progress.Begun.Add(-2 * r.Lag)
	return r.eachPast(ctx, "latest", since, cursor, func(ctx context.Context, changes []item.Change) error {
		edits := slices.DeleteFunc(slices.Clone(changes), func(c item.Change) bool { return c.Lane == item.Refresh })
		return r.publishAgain(ctx, edits)
	})
}

func (r *repair) publishAgain(ctx context.Context, changes []item.Change) error {
	var again []item.Change
	for _, c := range changes {
		c.Lane = item.Refresh
		if r.Catalog().Kinds[c.Entity.Kind] != nil && !r.known.has(c) {
			r.known.add(c)
			again = append(again, c)
		}
	}
	return r.publish(ctx, again, bus.PublishOptions{Force: true})
}

// eachPast calls f with the changes of HISTORY since a time, or after the cursor.
func (r *repair) eachPast(ctx context.Context, step string, since time.Time, cursor string, f func(context.Context, []item.Change) error) error {
	from := uint64(0)
	if cursor != "" {
		var err error
		from, err = strconv.ParseUint(cursor, 10, 64)
		if err != nil {
			return fmt.Errorf("go on in HISTORY at %q: %w", cursor, err)
		}
	}
	if since.IsZero() {
		since = time.Unix(1, 0)
	}
	_, past, err := r.Bus.Past(ctx, from, since)
	if err != nil {
		return err
	}
	var changes []item.Change
	for c, err := range past {
		if err != nil {
			return err
		}
		changes = append(changes, c.Change)
		if len(changes) < batch {
			continue
		}
		if err := f(ctx, changes); err != nil {
			return err
		}
		changes = changes[:0]
		if err := r.reached(ctx, step, strconv.FormatUint(c.Position, 10)); err != nil {
			return err
		}
	}
	return f(ctx, changes)
}

// announce publishes a change of all dimensions for each entity whose kind the catalog has, once in a repair.
func (r *repair) announce(ctx context.Context, entities []item.Entity) error {
	changes := make([]item.Change, 0, len(entities))
	for _, e := range entities {
		if r.Catalog().Kinds[e.Kind] != nil && !r.known.has(e) {
			r.known.add(e)
			changes = append(changes, item.Change{Lane: item.Refresh, Entity: e, Dimension: item.All})
		}
	}
	return r.publish(ctx, changes, bus.PublishOptions{Force: r.force})
}

// publish publishes changes. If that fails it forgets that they were announced: the step is taken again, and must not
// leave them out.
func (r *repair) publish(ctx context.Context, changes []item.Change, opt bus.PublishOptions) error {
	if err := r.Bus.PublishChanges(ctx, changes, opt); err != nil {
		r.known = newSet()
		return err
	}
	r.announced += len(changes)
	return nil
}
