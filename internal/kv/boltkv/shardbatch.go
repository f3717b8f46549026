package boltkv

import (
	"context"
	"sync"

	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/internal/redact"
)

// share is what a batch has for one file.
type share[K any] struct {
	keys []K
	at   []int // their positions in the batch
}

// batch calls do once for each file that a batch concerns, for all at the same time. If some files fail, the error is a
// kv.PartialError.
func batch[K, R any](s *Shards, keys []K, of func(K) item.Entity, do func(f *Store, keys []K) ([]R, error)) ([]R, error) {
	if len(s.files) == 1 || len(keys) == 0 {
		return do(s.files[0], keys)
	}
	shares := make([]share[K], len(s.files))
	for i, k := range keys {
		own := &shares[s.of(of(k))]
		own.keys = append(own.keys, k)
		own.at = append(own.at, i)
	}
	out, errs := make([]R, len(keys)), make([]error, len(keys))
	var group sync.WaitGroup
	for i, own := range shares {
		if len(own.keys) == len(keys) { // as for a single key
			return do(s.files[i], keys)
		}
		if len(own.keys) == 0 {
			continue
		}
		group.Go(func() {
			defer redact.Crash()
			results, err := do(s.files[i], own.keys)
			failed := kv.ItemErrors(err, len(own.keys))
			for i, at := range own.at {
				errs[at] = failed[i]
				if i < len(results) {
					out[at] = results[i]
				}
			}
		})
	}
	group.Wait()
	return out, kv.Partial(errs)
}

func entityOf(e item.Entity) item.Entity { return e }

// Records implements kv.RecordReader.
func (s *Shards) Records(ctx context.Context, keys []kv.RecordKey) ([]kv.Record, error) {
	return batch(s, keys, func(k kv.RecordKey) item.Entity { return k.Entity },
		func(f *Store, keys []kv.RecordKey) ([]kv.Record, error) { return f.Records(ctx, keys) })
}

// PutRecords implements kv.RecordPutter.
func (s *Shards) PutRecords(ctx context.Context, puts []kv.Put) ([]kv.PutResult, error) {
	return batch(s, puts, func(p kv.Put) item.Entity { return p.Entity },
		func(f *Store, puts []kv.Put) ([]kv.PutResult, error) { return f.PutRecords(ctx, puts) })
}

// States implements kv.StateReader.
func (s *Shards) States(ctx context.Context, entities []item.Entity) ([]kv.State, error) {
	return batch(s, entities, entityOf, func(f *Store, entities []item.Entity) ([]kv.State, error) { return f.States(ctx, entities) })
}

// MarkBuilt implements kv.Builder.
func (s *Shards) MarkBuilt(ctx context.Context, built []kv.Built) error {
	_, err := batch(s, built, func(b kv.Built) item.Entity { return b.Entity },
		func(f *Store, built []kv.Built) ([]struct{}, error) { return nil, f.MarkBuilt(ctx, built) })
	return err
}

// Raise implements kv.Builder.
func (s *Shards) Raise(ctx context.Context, e item.Entity, dimensions []string) error {
	return s.fileOf(e).Raise(ctx, e, dimensions)
}

// Relate implements kv.Relater, in one transaction of the entity's file.
func (s *Shards) Relate(ctx context.Context, r kv.Relate) error {
	return s.fileOf(r.Entity).Relate(ctx, r)
}

// Remove implements kv.Remover.
func (s *Shards) Remove(ctx context.Context, removals []kv.Removal) ([]int, error) {
	return batch(s, removals, func(r kv.Removal) item.Entity { return r.Entity },
		func(f *Store, removals []kv.Removal) ([]int, error) { return f.Remove(ctx, removals) })
}

// Blobs implements kv.BlobGetter.
func (s *Shards) Blobs(ctx context.Context, keys []kv.BlobKey) ([]kv.Blob, error) {
	return batch(s, keys, func(k kv.BlobKey) item.Entity { return k.Entity },
		func(f *Store, keys []kv.BlobKey) ([]kv.Blob, error) { return f.Blobs(ctx, keys) })
}

// PutBlobs implements kv.BlobPutter.
func (s *Shards) PutBlobs(ctx context.Context, puts []kv.BlobPut) ([]bool, error) {
	return batch(s, puts, func(p kv.BlobPut) item.Entity { return p.Entity },
		func(f *Store, puts []kv.BlobPut) ([]bool, error) { return f.PutBlobs(ctx, puts) })
}

// RemoveBlobs implements kv.BlobRemover.
func (s *Shards) RemoveBlobs(ctx context.Context, blobs []kv.BlobSeen) ([]bool, error) {
	return batch(s, blobs, func(b kv.BlobSeen) item.Entity { return b.Entity },
		func(f *Store, blobs []kv.BlobSeen) ([]bool, error) { return f.RemoveBlobs(ctx, blobs) })
}
