package boltkv

import (
	"context"

	"go.etcd.io/bbolt"

	"vitrine/internal/item"
	"vitrine/internal/kv"
)

// Names in the metadata bucket.
const (
	epochName = "store-epoch"
	markName  = "lineage-mark"
)

// Parts implements kv.Lineage: the file is one part. Each Open is a run of its own, since the file may have been
// replaced by an older one in between.
func (s *Store) Parts(ctx context.Context) ([]kv.Shard, error) {
	part := kv.Shard{Name: "file", Run: s.run, Whole: true}
	err := s.view(ctx, func(tx *bbolt.Tx) error {
		meta := tx.Bucket([]byte(metaBucket))
		part.Epoch = string(meta.Get([]byte(metaPrefix + epochName)))
		if mark := meta.Get([]byte(metaPrefix + markName)); mark != nil {
			part.Mark = append([]byte{}, mark...)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return []kv.Shard{part}, nil
}

// Mark implements kv.Lineage.
func (s *Store) Mark(ctx context.Context, parts []kv.Shard, mark []byte) error {
	return s.update(ctx, 1, func(tx *writing) error {
		meta := tx.Bucket([]byte(metaBucket))
		epoch := string(meta.Get([]byte(metaPrefix + epochName)))
		for _, p := range parts {
			if p.Epoch != epoch || p.Run != s.run {
				return item.ErrChanged
			}
		}
		return tx.put(metaBucket, []byte(metaPrefix+markName), mark)
	})
}
