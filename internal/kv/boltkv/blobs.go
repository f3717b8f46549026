package boltkv

import (
	"context"
	"fmt"

	"go.etcd.io/bbolt"

	"vitrine/internal/kv"
)

func blobKey(k kv.BlobKey) []byte {
	return append(append([]byte(k.Entity.Token()), separator), k.Blob...)
}

// Blobs implements kv.BlobGetter.
func (s *Store) Blobs(ctx context.Context, keys []kv.BlobKey) ([]kv.Blob, error) {
	raw := make([][]byte, len(keys))
	err := s.view(ctx, func(tx *bbolt.Tx) error {
		b := tx.Bucket([]byte(blobBucket))
		for i, k := range keys {
			if v := s.present(b.Get(blobKey(k))); v != nil {
				raw[i] = append([]byte(nil), v...)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	out := make([]kv.Blob, len(keys))
	for i, b := range raw {
		if b == nil {
			continue
		}
		var err error
		out[i].Value, err = s.codec.Decode(b)
		if err != nil {
			out[i].Damaged = true
		}
	}
	return out, nil
}

// PutBlobs implements kv.BlobPutter.
func (s *Store) PutBlobs(ctx context.Context, puts []kv.BlobPut) ([]bool, error) {
	encoded := make([][]byte, len(puts))
	for i, p := range puts {
		var err error
		encoded[i], err = s.encode(p.Value, true)
		if err != nil {
			return nil, fmt.Errorf("put %s: %w", p.BlobKey, err)
		}
	}
	stored := make([]bool, len(puts))
	err := s.update(ctx, len(puts), func(tx *writing) error {
		b := tx.Bucket([]byte(blobBucket))
		for i, p := range puts {
			key := blobKey(p.BlobKey)
			stored[i] = s.mayReplace(b.Get(key), p.Value.Stamp)
			if !stored[i] {
				continue
			}
			if err := tx.put(blobBucket, key, encoded[i]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return stored, nil
}

// mayReplace reports whether a blob of this gen may replace what is stored: nothing, a lower gen, or a damaged value.
func (s *Store) mayReplace(there []byte, gen uint64) bool {
	if kv.StampOf(s.present(there)) < gen {
		return true
	}
	_, err := s.codec.Decode(s.present(there))
	return err != nil
}
