package rediskv

import (
	"context"
	"fmt"

	"github.com/redis/go-redis/v9"

	"vitrine/internal/kv"
)

// Blobs reads the blobs in one MGET per slot.
func (s *Store) Blobs(ctx context.Context, keys []kv.BlobKey) ([]kv.Blob, error) {
	blobs, err := s.blobs(ctx, keys)
	return blobs, s.fail("read blobs", err)
}

func (s *Store) blobs(ctx context.Context, keys []kv.BlobKey) ([]kv.Blob, error) {
	ctx, cancel, client, err := s.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer cancel()
	stored, err := s.readBlobs(ctx, client, keys)
	if err != nil {
		return nil, err
	}
	blobs := make([]kv.Blob, len(keys))
	for i, b := range stored {
		if b != nil {
			blobs[i] = s.decodeBlob(b)
		}
	}
	return blobs, nil
}

func (s *Store) readBlobs(ctx context.Context, c redis.UniversalClient, keys []kv.BlobKey) ([][]byte, error) {
	stored := make([][]byte, 0, len(keys))
	for start := 0; start < len(keys); start += batch {
		part := keys[start:min(start+batch, len(keys))]
		g := newGather(c, len(part), func(i int) (string, string) { return part[i].Entity.Token(), part[i].String() })
		if err := exec(ctx, c, func(p redis.Pipeliner) { g.send(ctx, p) }); err != nil {
			return nil, err
		}
		got, err := g.results()
		if err != nil {
			return nil, err
		}
		stored = append(stored, got...)
	}
	return stored, s.learn(ctx, c, stored)
}

// PutBlobs writes each blob over a lower one. A script can't tell a whole blob from a damaged one, so what was
// refused is read back, and a damaged blob is overwritten if its bytes are still the ones that were judged.
func (s *Store) PutBlobs(ctx context.Context, puts []kv.BlobPut) ([]bool, error) {
	stored, err := s.putBlobs(ctx, puts)
	return stored, s.fail("put blobs", err)
}

func (s *Store) putBlobs(ctx context.Context, puts []kv.BlobPut) ([]bool, error) {
	calls := make([]call, len(puts))
	for i, p := range puts {
		value, err := s.encode(p.Value, true)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.BlobKey, err)
		}
		calls[i] = call{[]string{p.BlobKey.String()}, []any{value, keepSeconds(p.Value.Life)}}
	}
	ctx, cancel, client, err := s.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer cancel()
	stored, err := s.decide(ctx, client, s.scripts.putBlob, calls)
	if err != nil {
		return nil, err
	}
	return stored, s.mend(ctx, client, puts, calls, stored)
}

// decide runs a script that answers 1 for each blob it stored.
func (s *Store) decide(ctx context.Context, c redis.UniversalClient, script *redis.Script, calls []call) ([]bool, error) {
	cmds, err := run(ctx, c, script, calls)
	if err != nil {
		return nil, err
	}
	stored := make([]bool, len(calls))
	for i, cmd := range cmds {
		n, err := cmd.Int()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", calls[i].keys[0], err)
		}
		stored[i] = n == 1
	}
	return stored, nil
}

// mend looks at the refused puts and repeats those that only damage stood against. It marks them in stored.
func (s *Store) mend(ctx context.Context, c redis.UniversalClient, puts []kv.BlobPut, calls []call, stored []bool) error {
	var keys []kv.BlobKey
	var at []int
	for i, ok := range stored {
		if !ok {
			keys, at = append(keys, puts[i].BlobKey), append(at, i)
		}
	}
	found, err := s.readBlobs(ctx, c, keys)
	if err != nil {
		return err
	}
	var again []call
	var of []int
	for i, b := range found {
		if b != nil && s.decodeBlob(b).Damaged {
			k := calls[at[i]]
			again, of = append(again, call{k.keys, append(k.args[:2:2], b)}), append(of, at[i])
		}
	}
	mended, err := s.decide(ctx, c, s.scripts.mendBlob, again)
	for i, ok := range mended {
		if stored[of[i]] = ok; ok {
			s.log.Warn("a damaged blob was replaced", "key", puts[of[i]].BlobKey.String())
		}
	}
	return err
}
