package boltkv

import (
	"bytes"
	"context"
	"fmt"

	"go.etcd.io/bbolt"

	"vitrine/internal/item"
	"vitrine/internal/kv"
)

// relPrefix begins the keys of a list; a member's id follows. In one file, lists need no buckets.
func relPrefix(r kv.Relation) []byte {
	return fmt.Appendf(nil, "%s%c%s%c%s%c", r.Target.Token(), separator, r.Kind, separator, r.Ref, separator)
}

// Relate implements kv.Relater, in one transaction.
func (s *Store) Relate(ctx context.Context, r kv.Relate) error {
	return s.update(ctx, 1, func(tx *writing) error {
		held := readState(tx.Tx, r.Entity)
		if !held.Applied[r.Dimension].Equal(r.Was) {
			return item.ErrChanged
		}
		id := r.Entity.ID
		for _, list := range r.Add {
			if err := tx.put(relBucket, append(relPrefix(list), id...), nil); err != nil {
				return err
			}
		}
		for _, list := range r.Remove {
			if err := tx.remove(relBucket, append(relPrefix(list), id...)); err != nil {
				return err
			}
		}
		set(&held.Applied, r.Dimension, r.Now, len(r.Now) == 0)
		return held.write(tx, r.Entity, s.opt.Now())
	})
}

// Related implements kv.Relater. The cursor is the page's last id.
func (s *Store) Related(ctx context.Context, of kv.Relation, cursor string, limit int) (ids []string, next string, err error) {
	return s.scan(ctx, relBucket, relPrefix(of), cursor, limit)
}

// ScanEntities implements kv.Scanner.
func (s *Store) ScanEntities(ctx context.Context, cursor string, limit int) (entities []item.Entity, next string, err error) {
	tokens, next, err := s.scan(ctx, genBucket, nil, cursor, limit)
	if err != nil {
		return nil, "", err
	}
	for _, t := range tokens {
		if e, err := item.ParseToken(t); err == nil {
			entities = append(entities, e)
		}
	}
	return entities, next, nil
}

// ScanBlobs implements kv.BlobScanner.
func (s *Store) ScanBlobs(ctx context.Context, cursor string, limit int) (keys []kv.BlobKey, next string, err error) {
	tokens, next, err := s.scan(ctx, blobBucket, nil, cursor, limit)
	if err != nil {
		return nil, "", err
	}
	for _, t := range tokens {
		token, blob, _ := bytes.Cut([]byte(t), []byte{separator})
		if e, err := item.ParseToken(string(token)); err == nil {
			keys = append(keys, kv.BlobKey{Entity: e, Blob: string(blob)})
		}
	}
	return keys, next, nil
}

// scan lists keys after cursor, without their prefix; next is "" at the end.
func (s *Store) scan(ctx context.Context, bucket string, prefix []byte, cursor string, limit int) (keys []string, next string, err error) {
	if limit < 1 {
		return nil, "", fmt.Errorf("%w: limit %d", item.ErrRefused, limit)
	}
	err = s.view(ctx, func(tx *bbolt.Tx) error {
		c := tx.Bucket([]byte(bucket)).Cursor()
		start := append(bytes.Clone(prefix), cursor...)
		k, _ := c.Seek(start)
		if cursor != "" && bytes.Equal(k, start) {
			k, _ = c.Next()
		}
		for ; k != nil && bytes.HasPrefix(k, prefix); k, _ = c.Next() {
			if len(keys) == limit {
				next = keys[limit-1]
				return nil
			}
			keys = append(keys, string(k[len(prefix):]))
		}
		return nil
	})
	return keys, next, err
}
