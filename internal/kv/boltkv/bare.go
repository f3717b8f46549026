package boltkv

import (
	"context"
	"fmt"

	"go.etcd.io/bbolt"

	"vitrine/internal/item"
	"vitrine/internal/kv"
)

// Bare writes to a store's file values that are as long as those in it, and does nothing else: nothing is read, compared,
// encoded. Benches measure by it what the writes of a loop cost at least. What it leaves is no store.
type Bare struct {
	store  *Store
	values map[string][]byte // by bucket
}

// bareSample is how many values of a bucket are looked at for how long they are.
const bareSample = 1000

// OpenBare opens a store's file, which somebody has filled.
func OpenBare(ctx context.Context, path string, opt Options) (*Bare, error) {
	s, err := Open(ctx, path, opt)
	if err != nil {
		return nil, err
	}
	b := &Bare{store: s, values: map[string][]byte{}}
	err = s.view(ctx, func(tx *bbolt.Tx) error {
		for _, name := range []string{recBucket, genBucket, blobBucket} {
			b.values[name] = make([]byte, meanLength(tx.Bucket([]byte(name))))
		}
		return nil
	})
	if err == nil && len(b.values[blobBucket]) == 0 {
		err = fmt.Errorf("%w: %s holds no blobs", item.ErrRefused, path)
	}
	if err != nil {
		s.Close()
		return nil, err
	}
	return b, nil
}

func meanLength(bucket *bbolt.Bucket) int {
	n, sum := 0, 0
	c := bucket.Cursor()
	for k, v := c.First(); k != nil && n < bareSample; k, v = c.Next() {
		n++
		sum += len(v)
	}
	return sum / max(n, 1)
}

// PutRecords writes records, and the state of each one's entity.
func (b *Bare) PutRecords(ctx context.Context, keys []kv.RecordKey) error {
	return b.put(ctx, len(keys), func(i int) []touch {
		return []touch{{recBucket, recKey(keys[i])}, {genBucket, []byte(keys[i].Entity.Token())}}
	})
}

// PutBlobs writes blobs.
func (b *Bare) PutBlobs(ctx context.Context, keys []kv.BlobKey) error {
	return b.put(ctx, len(keys), func(i int) []touch { return []touch{{blobBucket, blobKey(keys[i])}} })
}

// MarkBuilt writes the states of entities.
func (b *Bare) MarkBuilt(ctx context.Context, entities []item.Entity) error {
	return b.put(ctx, len(entities), func(i int) []touch { return []touch{{genBucket, []byte(entities[i].Token())}} })
}

func (b *Bare) put(ctx context.Context, n int, keys func(int) []touch) error {
	return b.store.update(ctx, n, func(tx *writing) error {
		for i := range n {
			for _, k := range keys(i) {
				if err := tx.put(k.bucket, k.key, b.values[k.bucket]); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// Close closes the file.
func (b *Bare) Close(context.Context) error { return b.store.Close() }
