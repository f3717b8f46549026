package blobcache

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/internal/shape"
)

// RecordStore is a store of records and their states; a kv.Records is one.
type RecordStore interface {
	kv.StateReader
	kv.RecordReader
}

// records folds blobs from records when they are read: a blob that no syncer has made yet, or whose store is gone.
type records struct {
	store    RecordStore
	catalogs []func() *catalog.Catalog
}

// FromRecords makes a tier of a records store. Its blobs carry the gens that a syncer would give them. A blob is folded by the first
// of the catalogs that declares it; each function may return nil.
func FromRecords(store RecordStore, catalogs ...func() *catalog.Catalog) Tier {
	return Tier{Name: RecordsTier, Blobs: records{store, catalogs}}
}

// Blobs reads the gens first, then the records, as a syncer does: a blob may be newer than its gen says, and is never older. A blob that
// no catalog declares is absent. Where only some states or records could be read, the blobs of the others fail.
func (r records) Blobs(ctx context.Context, keys []kv.BlobKey) ([]kv.Blob, error) {
	entities, blobs, wanted := r.plan(keys)
	states, err := r.store.States(ctx, entities)
	if wholeError(err) != nil {
		return nil, fmt.Errorf("read states: %w", err)
	}
	errs := slices.Clone(kv.ItemErrors(err, len(keys)))
	stored, err := r.store.Records(ctx, wanted)
	if wholeError(err) != nil {
		return nil, fmt.Errorf("read records: %w", err)
	}
	unread := kv.ItemErrors(err, len(wanted))
	folded := make([]kv.Blob, len(keys))
	for i, b := range blobs {
		if b == nil {
			continue
		}
		n := len(b.Of)
		errs[i] = errors.Join(errs[i], errors.Join(unread[:n]...))
		if errs[i] == nil {
			folded[i] = fold(b, keys[i].Entity, stored[:n])
			folded[i].Stamp = states[i].Gen(b.Dimensions())
		}
		stored, unread = stored[n:], unread[n:]
	}
	return folded, kv.Partial(errs)
}

// plan returns for each key its entity and its blob, nil for a blob that no catalog declares; and the keys of the records of all these
// blobs, one blob after another.
func (r records) plan(keys []kv.BlobKey) (entities []item.Entity, blobs []*catalog.Blob, wanted []kv.RecordKey) {
	blobs = make([]*catalog.Blob, len(keys))
	for i, key := range keys {
		entities = append(entities, key.Entity)
		blobs[i] = r.blob(key)
		if blobs[i] == nil {
			continue
		}
		for _, d := range blobs[i].Of {
			wanted = append(wanted, kv.RecordKey{Entity: key.Entity, Dimension: d.Name})
		}
	}
	return entities, blobs, wanted
}

// blob returns the declaration of a key's blob, nil if no catalog has one.
func (r records) blob(key kv.BlobKey) *catalog.Blob {
	for _, current := range r.catalogs {
		c := current()
		if c == nil || c.Kinds[key.Entity.Kind] == nil {
			continue
		}
		if b, err := c.Kinds[key.Entity.Kind].Blob(key.Blob); err == nil {
			return b
		}
	}
	return nil
}

// fold folds a blob from the records of its dimensions, in their order. The blob is absent if its root record is, and damaged if it
// cannot be folded.
func fold(b *catalog.Blob, e item.Entity, records []kv.Record) kv.Blob {
	if root := records[0]; root.Damaged || root.Existence == kv.Absent {
		return kv.Blob{Damaged: root.Damaged}
	}
	byName := map[string]kv.Record{}
	for i, d := range b.Of {
		byName[d.Name] = records[i]
	}
	v, err := shape.Fold(b, e, byName)
	if err != nil {
		return kv.Blob{Damaged: true}
	}
	return kv.Blob{Value: v}
}
