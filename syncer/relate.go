package syncer

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/kv"
)

// relate updates the relation index to what the records want. An entity whose state another syncer has changed
// meanwhile fails alone, with item.ErrChanged, and is folded again. In the refresh lane an entity is added to all its
// lists again: in a Cluster they are on other nodes than its state, and may be lost alone.
func (f *Worker) relate(ctx context.Context, kind *catalog.Kind, jobs []*job) error {
	for _, j := range jobs {
		for _, d := range kind.Dimensions {
			if j.suspended != nil {
				break
			}
			was, now := j.state.Applied[d.Name], j.state.Wanted[d.Name]
			known := was
			if j.task.Change.Lane == item.Refresh {
				known = nil
			}
			add := lists(kind, now, known)
			if was.Equal(now) && len(add) == 0 {
				continue
			}
			move := kv.Relate{Entity: j.entity(), Dimension: d.Name, Add: add, Was: was, Now: now}
			if !j.state.Damaged { // in a damaged state, missing refs may be wanted
				move.Remove = lists(kind, was, now)
			}
			err := f.Records.Relate(ctx, move)
			if errors.Is(err, item.ErrChanged) {
				j.err = fmt.Errorf("relate %s of %s: %w", d.Name, j.entity(), err)
				continue
			}
			j.suspend("relate "+d.Name, err)
		}
	}
	return nil
}

// lists are the lists of the index for refs that are not in other. A ref that the catalog no longer declares has no
// target kind; its entries stay, and readers, who check entries, skip them.
func lists(kind *catalog.Kind, refs, other kv.Refs) []kv.Relation {
	var out []kv.Relation
	for name, ref := range refs {
		declared, err := kind.Ref(name)
		if err != nil {
			continue
		}
		for _, id := range ref.IDs {
			if !slices.Contains(other[name].IDs, id) {
				target := item.Entity{Kind: declared.Kind.Name, ID: id}
				out = append(out, kv.Relation{Target: target, Kind: kind.Name, Ref: name})
			}
		}
	}
	return out
}
