package boltkv

import (
	"bytes"
	"context"

	"vitrine/internal/item"
	"vitrine/internal/kv"
)

// Remove implements kv.Remover.
func (s *Store) Remove(ctx context.Context, removals []kv.Removal) ([]int, error) {
	removed := make([]int, len(removals))
	err := s.update(ctx, len(removals), func(tx *writing) (err error) {
		for i, r := range removals {
			removed[i], err = s.removeOne(tx, r)
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return removed, nil
}

func (s *Store) removeOne(tx *writing, r kv.Removal) (removed int, err error) {
	if tx.Bucket([]byte(genBucket)).Get([]byte(r.Entity.Token())) == nil {
		return 0, nil
	}
	held, recs := readState(tx.Tx, r.Entity), tx.Bucket([]byte(recBucket))
	for dimension, stamp := range r.Records {
		key := recKey(kv.RecordKey{Entity: r.Entity, Dimension: dimension})
		there := recs.Get(key)
		if kv.StampOf(s.present(there)) != stamp {
			continue
		}
		if there != nil {
			removed++
		}
		if err := tx.remove(recBucket, key); err != nil {
			return removed, err
		}
		held.forget(dimension)
	}
	for blob, gen := range r.Built {
		if now, ok := held.Built[blob]; ok && now <= gen {
			delete(held.Built, blob)
			delete(held.BuiltAs, blob)
		}
	}
	return removed, held.write(tx, r.Entity, s.opt.Now())
}

// forget removes a dimension from the state.
func (b *storedState) forget(dimension string) {
	delete(b.Gens, dimension)
	delete(b.Shapes, dimension)
	delete(b.Wanted, dimension)
	delete(b.Applied, dimension)
	delete(b.Validators, dimension)
}

// RemoveBlobs implements kv.BlobRemover.
func (s *Store) RemoveBlobs(ctx context.Context, blobs []kv.BlobSeen) ([]bool, error) {
	removed := make([]bool, len(blobs))
	err := s.update(ctx, len(blobs), func(tx *writing) error {
		b := tx.Bucket([]byte(blobBucket))
		for i, seen := range blobs {
			key := blobKey(seen.BlobKey)
			there := b.Get(key)
			if there == nil || kv.StampOf(there) > seen.Gen {
				continue
			}
			if err := tx.remove(blobBucket, key); err != nil {
				return err
			}
			removed[i] = true
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return removed, nil
}

// RemoveLists implements kv.Remover. Each member of a list is a key here; limit counts them.
func (s *Store) RemoveLists(ctx context.Context, cursor string, limit int, leftOver func(kv.Relation) bool) (int, string, error) {
	members, next, err := s.scan(ctx, relBucket, nil, cursor, limit)
	if err != nil {
		return 0, "", err
	}
	var due [][]byte
	for _, m := range members {
		if list, ok := parseMember([]byte(m)); ok && leftOver(list) {
			due = append(due, []byte(m))
		}
	}
	if len(due) == 0 {
		return 0, next, nil
	}
	err = s.update(ctx, len(due), func(tx *writing) error { return remove(tx, relBucket, due) })
	if err != nil {
		return 0, next, err
	}
	return len(due), next, nil
}

// parseMember reads the list from the key of one of its members.
func parseMember(key []byte) (kv.Relation, bool) {
	parts := bytes.SplitN(key, []byte{separator}, 4)
	if len(parts) != 4 {
		return kv.Relation{}, false
	}
	target, err := item.ParseToken(string(parts[0]))
	return kv.Relation{Target: target, Kind: string(parts[1]), Ref: string(parts[2])}, err == nil
}
