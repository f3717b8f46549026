package poller

import (
	"context"
	"fmt"
	"hash/maphash"

	"vitrine/internal/item"
	"vitrine/internal/kv"
)

// differing returns the changes of those items that the records do not have as they are listed: items of another version,
// items without a record, and all items without a version, unless the list is whole.
func (t *turn) differing(ctx context.Context, items []listed) ([]item.Change, error) {
	var changes []item.Change
	var compared []listed
	var keys []kv.RecordKey
	for _, it := range items {
		e := it.change.Entity
		if t.poll.Whole && e.Kind == t.poll.Kind.Name {
			t.listed[maphash.String(t.seed, e.ID)] = struct{}{}
		}
		if it.version == "" && (!t.poll.Whole || it.change.Dimension == item.All) {
			changes = append(changes, it.change)
			continue
		}
		compared = append(compared, it)
		keys = append(keys, kv.RecordKey{Entity: e, Dimension: it.change.Dimension})
	}
	records, err := t.Records.Records(ctx, keys)
	if err != nil {
		return nil, fmt.Errorf("read records to compare: %w", err)
	}
	for i, r := range records {
		same := !r.Damaged && r.Existence == kv.Alive && (compared[i].version == "" || compared[i].version == r.Version)
		if !same {
			changes = append(changes, compared[i].change)
		}
	}
	return changes, nil
}

// manyAbsent is how many entities that a whole list lacks are announced in the poll's own lane. Further ones wait in the
// lane refresh: a list that shrank so much is more likely to be wrong.
const manyAbsent = 1000

// absent announces the entities that have a record and that the list lacks. It deletes nothing: their upstream is asked
// about each of them.
func (t *turn) absent(ctx context.Context) error {
	found := 0
	for cursor := ""; ; {
		entities, next, err := t.Records.ScanEntities(ctx, cursor, t.Page)
		if err != nil {
			return fmt.Errorf("look for what is not listed: %w", err)
		}
		changes, err := t.unlisted(ctx, entities)
		if err != nil {
			return err
		}
		if found < manyAbsent && found+len(changes) >= manyAbsent {
			t.Log.Warn("a poll's list lacks many entities that there are: these are announced in the lane refresh", "poll", t.poll.Name, "listed", len(t.listed))
		}
		for i := range changes {
			found++
			if found > manyAbsent {
				changes[i].Lane = item.Refresh
			}
		}
		if err := t.announce(ctx, changes); err != nil {
			return err
		}
		cursor = next
		if cursor == "" {
			return nil
		}
	}
}

// unlisted returns changes of those entities that are alive and not listed.
func (t *turn) unlisted(ctx context.Context, entities []item.Entity) (changes []item.Change, err error) {
	var keys []kv.RecordKey
	for _, e := range entities {
		_, listed := t.listed[maphash.String(t.seed, e.ID)]
		if e.Kind == t.poll.Kind.Name && !listed {
			keys = append(keys, kv.RecordKey{Entity: e, Dimension: t.poll.Dimension})
		}
	}
	records, err := t.Records.Records(ctx, keys)
	if err != nil {
		return nil, fmt.Errorf("read records that are not listed: %w", err)
	}
	for i, r := range records {
		if r.Existence == kv.Alive {
			changes = append(changes, item.Change{Lane: t.poll.Lane, Entity: keys[i].Entity, Dimension: t.poll.Dimension})
		}
	}
	return changes, nil
}
