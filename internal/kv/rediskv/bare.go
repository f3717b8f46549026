package rediskv

import (
	"context"
	"fmt"

	"github.com/redis/go-redis/v9"

	"vitrine/internal/item"
	"vitrine/internal/kv"
)

// Bare writes values that are as long as those of a store, and does nothing else: no script runs, nothing is compared or
// encoded. Benches measure by it what the writes of a loop cost at least. Its keys are beside the store's, and Close removes them.
type Bare struct {
	store        *Store
	record, blob []byte
	put          []any // fields that a put sets in a state
	built        []any // fields that it has when a blob is built
}

const bareHead = "bare:"

// OpenBare makes one by a record and its blob that the store holds.
func OpenBare(ctx context.Context, c Config, record kv.RecordKey, blob kv.BlobKey) (*Bare, error) {
	s, err := Open(ctx, c)
	if err != nil {
		return nil, err
	}
	b := &Bare{store: s}
	if err := b.measure(ctx, record, blob); err != nil {
		s.Close()
		return nil, fmt.Errorf("measure %s: %w", record, err)
	}
	return b, nil
}

func (b *Bare) measure(ctx context.Context, record kv.RecordKey, blob kv.BlobKey) error {
	client, err := b.store.connectWithin(ctx)
	if err != nil {
		return err
	}
	b.record, err = client.Get(ctx, record.String()).Bytes()
	if err != nil {
		return err
	}
	b.blob, err = client.Get(ctx, blob.String()).Bytes()
	if err != nil {
		return err
	}
	state, err := client.HGetAll(ctx, kv.StateKey(record.Entity)).Result()
	if err != nil {
		return err
	}
	for field, value := range state {
		if field == "b:"+blob.Blob || field == "t:"+blob.Blob {
			b.built = append(b.built, field, value)
		} else {
			b.put = append(b.put, field, value)
		}
	}
	if len(b.put) == 0 || len(b.built) == 0 {
		return fmt.Errorf("%w: its state is not that of a blob that is built", item.ErrRefused)
	}
	return nil
}

// PutRecords writes records, and the state of each one's entity.
func (b *Bare) PutRecords(ctx context.Context, keys []kv.RecordKey) error {
	return b.exec(ctx, func(p redis.Pipeliner) {
		for _, k := range keys {
			p.Set(ctx, bareHead+k.String(), b.record, 0)
			p.HSet(ctx, bareHead+kv.StateKey(k.Entity), b.put...)
		}
	})
}

// PutBlobs writes blobs.
func (b *Bare) PutBlobs(ctx context.Context, keys []kv.BlobKey) error {
	return b.exec(ctx, func(p redis.Pipeliner) {
		for _, k := range keys {
			p.Set(ctx, bareHead+k.String(), b.blob, 0)
		}
	})
}

// MarkBuilt writes the states of entities.
func (b *Bare) MarkBuilt(ctx context.Context, entities []item.Entity) error {
	return b.exec(ctx, func(p redis.Pipeliner) {
		for _, e := range entities {
			p.HSet(ctx, bareHead+kv.StateKey(e), b.built...)
		}
	})
}

func (b *Bare) exec(ctx context.Context, fill func(redis.Pipeliner)) error {
	client, err := b.store.connectWithin(ctx)
	if err != nil {
		return err
	}
	p := client.Pipeline()
	fill(p)
	_, err = p.Exec(ctx)
	return err
}

// Close removes what was written, and closes the connection.
func (b *Bare) Close(ctx context.Context) error {
	client, err := b.store.connectWithin(ctx)
	if err != nil {
		return err
	}
	keys := client.Scan(ctx, 0, bareHead+"*", partMost).Iterator()
	for keys.Next(ctx) {
		if err := client.Unlink(ctx, keys.Val()).Err(); err != nil {
			return err
		}
	}
	if err := keys.Err(); err != nil {
		return err
	}
	return b.store.Close()
}
