package boltkv

import (
	"context"

	"go.etcd.io/bbolt"
)

// metaPrefix separates these names from the sentinel.
const metaPrefix = "m:"

// Meta reads a small named value; nil if it was never set.
func (s *Store) Meta(ctx context.Context, name string) (value []byte, err error) {
	err = s.view(ctx, func(tx *bbolt.Tx) error {
		if b := tx.Bucket([]byte(metaBucket)).Get([]byte("m:" + name)); b != nil {
			value = append([]byte{}, b...)
		}
		return nil
	})
	return value, err
}

// SetMeta writes a small named value.
func (s *Store) SetMeta(ctx context.Context, name string, value []byte) error {
	return s.update(ctx, 1, func(tx *writing) error {
		return tx.put(metaBucket, []byte(metaPrefix+name), value)
	})
}
