package audit

import (
	"bytes"
	"cmp"
	"context"
	"fmt"

	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/internal/shape"
)

// Blobs is what a Sweeper needs to compare blobs with their records and to have them folded again.
type Blobs interface{ kv.BlobGetter }

// compare folds the blobs of clean entities from their records. It has the syncers remake those that are missing,
// damaged, or differ from the stored blob.
func (s *Sweeper) compare(ctx context.Context, entities []item.Entity, found *Found) error {
	wrong, away := s.wrongBlobs(ctx, entities)
	if len(wrong) == 0 {
		return away
	}
	suspects := make([]item.Entity, 0, len(wrong))
	for e := range wrong {
		suspects = append(suspects, e)
	}
	again, err := s.wrongBlobs(ctx, suspects) // a blob that was being changed at the first look is right, or its entity dirty, by now
	away = cmp.Or(away, err)
	var syncs []item.Change
	for e, blobs := range again {
		found.Blobs += len(blobs)
		if s.DryRun {
			continue
		}
		for _, b := range blobs {
			if err := s.Records.Raise(ctx, e, []string{b.Of[0].Name}); err != nil {
				return fmt.Errorf("raise %s of %s: %w", b.Of[0].Name, e, err)
			}
		}
		syncs = append(syncs, item.Change{Lane: item.Refresh, Entity: e})
		s.repaired("blob", len(blobs))
	}
	if err := s.Bus.PublishSyncs(ctx, syncs); err != nil {
		return fmt.Errorf("announce to the syncer: %w", err)
	}
	return away
}

// wrongBlobs lists, for entities that are not dirty, the blobs that differ from what their records fold to. Blobs that
// could not be read are not judged; a kv.PartialError names them.
func (s *Sweeper) wrongBlobs(ctx context.Context, entities []item.Entity) (map[item.Entity][]*catalog.Blob, error) {
	states, away := s.Records.States(ctx, entities)
	errs := kv.ItemErrors(away, len(entities))
	var of []compared
	var records []kv.RecordKey
	var blobs []kv.BlobKey
	for i, e := range entities {
		kind, err := s.Catalog().Kind(e.Kind)
		if err != nil || errs[i] != nil || Dirty(kind, states[i]) {
			continue
		}
		for _, d := range kind.Dimensions {
			records = append(records, kv.RecordKey{Entity: e, Dimension: d.Name})
		}
		for _, b := range kind.Blobs {
			if gen := states[i].Gen(b.Dimensions()); gen > 0 {
				of = append(of, compared{b, e, gen})
				blobs = append(blobs, kv.BlobKey{Entity: e, Blob: b.Name})
			}
		}
	}
	held, err := s.Records.Records(ctx, records)
	away = cmp.Or(away, err)
	unread := map[item.Entity]bool{}
	for i, err := range kv.ItemErrors(err, len(records)) {
		unread[records[i].Entity] = unread[records[i].Entity] || err != nil
	}
	stored, err := s.Blobs.Blobs(ctx, blobs)
	away = cmp.Or(away, err)
	for i, err := range kv.ItemErrors(err, len(blobs)) {
		unread[blobs[i].Entity] = unread[blobs[i].Entity] || err != nil
	}
	byEntity := map[item.Entity]map[string]kv.Record{}
	for i, r := range held {
		if byEntity[records[i].Entity] == nil {
			byEntity[records[i].Entity] = map[string]kv.Record{}
		}
		byEntity[records[i].Entity][records[i].Dimension] = r
	}
	wrong := map[item.Entity][]*catalog.Blob{}
	for i, c := range of {
		if !unread[c.entity] && !c.right(stored[i], byEntity[c.entity]) {
			wrong[c.entity] = append(wrong[c.entity], c.blob)
		}
	}
	return wrong, away
}

type compared struct {
	blob   *catalog.Blob
	entity item.Entity
	gen    uint64
}

// right reports whether a stored blob equals the fold of its records. A blob whose records can't be folded is left
// alone and counts as right.
func (c compared) right(stored kv.Blob, records map[string]kv.Record) bool {
	v, err := shape.Fold(c.blob, c.entity, records)
	if err != nil {
		return true
	}
	if stored.Existence == kv.Absent {
		return v.Existence == kv.Unknown // an unknown blob expires soon
	}
	return stored.Stamp == c.gen && stored.Existence == v.Existence && bytes.Equal(stored.Body, v.Body)
}
