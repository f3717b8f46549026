package rediskv

import (
	"context"
	"strconv"

	"github.com/redis/go-redis/v9"

	"vitrine/internal/item"
	"vitrine/internal/kv"
)

// MarkBuilt implements kv.Builder.
func (s *Store) MarkBuilt(ctx context.Context, built []kv.Built) error {
	var calls []call
	for _, b := range built {
		if len(b.Gens) == 0 {
			continue
		}
		args := make([]any, 0, 3*len(b.Gens))
		for blob, gen := range b.Gens {
			args = append(args, blob, strconv.FormatUint(gen, 10), b.Shapes[blob])
		}
		calls = append(calls, call{[]string{kv.StateKey(b.Entity)}, args})
	}
	return s.call(ctx, "mark built", s.scripts.markBuilt, calls, func(_ int, cmd *redis.Cmd) error { return cmd.Err() })
}

// Raise implements kv.Builder. All the dimensions get one new number of the entity's counter.
func (s *Store) Raise(ctx context.Context, e item.Entity, dimensions []string) error {
	if len(dimensions) == 0 {
		return nil
	}
	args := make([]any, len(dimensions))
	for i, d := range dimensions {
		args[i] = d
	}
	key := kv.StateKey(e)
	ctx, cancel, client, err := s.begin(ctx)
	if err != nil {
		return s.fail("raise "+key, err)
	}
	defer cancel()
	return s.fail("raise "+key, s.scripts.raise.Run(ctx, client, []string{key}, args...).Err())
}
