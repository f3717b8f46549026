package rediskv

import (
	"context"
	"fmt"

	"github.com/redis/go-redis/v9"

	"vitrine/internal/kv"
)

// Blobs implements kv.BlobGetter: one MGET per slot.
func (s *Store) Blobs(ctx context.Context, keys []kv.BlobKey) ([]kv.Blob, error) {
	stored, err := s.readBlobs(ctx, keys)
	blobs := make([]kv.Blob, len(keys))
	for i, b := range stored {
		if b != nil {
			blobs[i] = s.decodeBlob(keys[i], b)
		}
	}
	return blobs, err
}

func (s *Store) readBlobs(ctx context.Context, keys []kv.BlobKey) ([][]byte, error) {
	stored := make([][]byte, len(keys))
	err := s.each(ctx, batch{
		op: "read blobs", n: len(keys), pace: s.reads,
		key: func(i int) string { return keys[i].String() },
		do: func(ctx context.Context, c redis.UniversalClient, at []int, errs []error) {
			g := newGather(c, at, func(i int) string { return keys[i].Entity.Token() }, func(i int) string { return keys[i].String() })
			exec(ctx, c, func(p redis.Pipeliner) { g.send(ctx, p) })
			g.sendAgain(ctx, c)
			part := make([][]byte, len(keys))
			g.results(part, errs)
			s.learn(ctx, c, part, errs)
			for _, i := range at {
				if errs[i] == nil {
					stored[i] = part[i]
				}
			}
		},
	})
	return stored, err
}

// PutBlobs implements kv.BlobPutter. A script can't tell a whole blob from a damaged one. So refused puts are read
// back, and a damaged blob is overwritten if its bytes are still those that were judged.
func (s *Store) PutBlobs(ctx context.Context, puts []kv.BlobPut) ([]bool, error) {
	calls := make([]call, len(puts))
	for i, p := range puts {
		value, err := s.encode(p.Value, true)
		if err != nil {
			return nil, s.fail("put blobs", fmt.Errorf("%s: %w", p.BlobKey, err))
		}
		calls[i] = call{[]string{p.BlobKey.String()}, []any{value, keepSeconds(p.Value.Existence)}}
	}
	stored := make([]bool, len(puts))
	errs := kv.ItemErrors(s.decide(ctx, s.scripts.putBlob, calls, stored), len(puts))
	s.mend(ctx, puts, calls, stored, errs)
	s.restoreDictionaries(ctx)
	return stored, kv.Partial(errs)
}

// decide runs a script that answers 1 for each blob it stored.
func (s *Store) decide(ctx context.Context, script *redis.Script, calls []call, stored []bool) error {
	return s.call(ctx, "put blobs", script, calls, func(i int, cmd *redis.Cmd) error {
		n, err := cmd.Int()
		stored[i] = n == 1
		return err
	})
}

// mend reads the blobs of refused puts, and repeats those that were refused because of a damaged blob. It sets their
// stored.
func (s *Store) mend(ctx context.Context, puts []kv.BlobPut, calls []call, stored []bool, errs []error) {
	var keys []kv.BlobKey
	var refused []int
	for i, ok := range stored {
		if !ok && errs[i] == nil {
			keys = append(keys, puts[i].BlobKey)
			refused = append(refused, i)
		}
	}
	found, err := s.readBlobs(ctx, keys)
	for n, err := range kv.ItemErrors(err, len(keys)) {
		errs[refused[n]] = err
	}
	var again []call
	var of []int
	for n, b := range found {
		if i := refused[n]; b != nil && s.decodeBlob(keys[n], b).Damaged {
			k := calls[i]
			again = append(again, call{k.keys, append(k.args[:2:2], b)})
			of = append(of, i)
		}
	}
	mended := make([]bool, len(again))
	err = s.decide(ctx, s.scripts.mendBlob, again, mended)
	for n, err := range kv.ItemErrors(err, len(again)) {
		errs[of[n]] = err
		stored[of[n]] = mended[n]
		if mended[n] {
			s.log.Warn("a damaged blob was replaced", "key", puts[of[n]].BlobKey.String())
		}
	}
}
