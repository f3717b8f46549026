package rediskv

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"

	"vitrine/internal/item"
	"vitrine/internal/kv"
)

// Relate adds, then removes, then marks. A crash in between leaves an id too many, never one too few.
func (s *Store) Relate(ctx context.Context, r kv.Relate) error {
	return s.fail("relate "+kv.StateKey(r.Entity)+", dimension "+r.Dimension, s.relate(ctx, r))
}

func (s *Store) relate(ctx context.Context, r kv.Relate) error {
	was, err := encodeRefs(r.Was)
	if err != nil {
		return err
	}
	now, err := encodeRefs(r.Now)
	if err != nil {
		return err
	}
	ctx, cancel, client, err := s.begin(ctx)
	if err != nil {
		return err
	}
	defer cancel()
	bucket, id := kv.Bucket(r.Entity.ID), r.Entity.ID
	if err := eachList(ctx, client, r.Add, func(p redis.Pipeliner, of kv.Relation) redis.Cmder {
		return p.ZAdd(ctx, of.Key(bucket), redis.Z{Member: id})
	}); err != nil {
		return err
	}
	if err := eachList(ctx, client, r.Remove, func(p redis.Pipeliner, of kv.Relation) redis.Cmder {
		return p.ZRem(ctx, of.Key(bucket), id)
	}); err != nil {
		return err
	}
	return s.mark(ctx, client, r, was, now)
}

// mark sets what is applied from was to now. What can't be read counts as nothing.
func (s *Store) mark(ctx context.Context, c redis.UniversalClient, r kv.Relate, was, now string) error {
	key := kv.StateKey(r.Entity)
	found, err := s.scripts.applied.Run(ctx, c, []string{key}, r.Dimension, was, now).Text()
	if err != nil || found == was {
		return err
	}
	if _, bad := decodeRefs(found); bad == nil || was != "" {
		return item.ErrChanged
	}
	found2, err := s.scripts.applied.Run(ctx, c, []string{key}, r.Dimension, found, now).Text()
	if err == nil && found2 != found {
		return item.ErrChanged
	}
	return err
}

// eachList sends one command per list in one round trip.
func eachList(ctx context.Context, c redis.UniversalClient, lists []kv.Relation, send func(redis.Pipeliner, kv.Relation) redis.Cmder) error {
	cmds := make([]redis.Cmder, 0, len(lists))
	exec(ctx, c, func(p redis.Pipeliner) {
		for _, of := range lists {
			cmds = append(cmds, send(p, of))
		}
	})
	for i, cmd := range cmds {
		if cmd.Err() != nil {
			return fmt.Errorf("%s, %s of %s: %w", lists[i].Target, lists[i].Ref, lists[i].Kind, cmd.Err())
		}
	}
	return nil
}

// The widest look of Related: a short list takes 4 round trips, not 256.
const window = 64

// page is a Related under way: where it stands, and what it found.
type page struct {
	bucket int
	after  string // the last id seen in bucket; "" at its start
	ids    []string
}

// Related pages through the buckets. The cursor is the bucket in two hex digits, and the last id in it.
func (s *Store) Related(ctx context.Context, of kv.Relation, cursor string, limit int) ([]string, string, error) {
	p, err := openPage(cursor)
	if err == nil {
		err = s.fill(ctx, of, &p, max(limit, 1))
	}
	if err != nil {
		return nil, "", s.fail("list "+of.Kind+"s of "+of.Target.String(), err)
	}
	if p.bucket == kv.Buckets {
		return p.ids, "", nil
	}
	return p.ids, fmt.Sprintf("%02x%s", p.bucket, p.after), nil
}

func openPage(cursor string) (page, error) {
	if cursor == "" {
		return page{}, nil
	}
	bucket, err := strconv.ParseUint(cursor[:min(2, len(cursor))], 16, 8)
	if err != nil || len(cursor) < 2 || len(cursor) > 2+item.MaxID {
		return page{}, fmt.Errorf("%w: %.80q is no cursor of a list", item.ErrRefused, cursor)
	}
	return page{bucket: int(bucket), after: cursor[2:]}, nil
}

// fill asks many buckets at once as long as they are short, and one at a time where they are long, so that
// neither round trips nor answers are wasted.
func (s *Store) fill(ctx context.Context, of kv.Relation, p *page, limit int) error {
	ctx, cancel, client, err := s.begin(ctx)
	if err != nil {
		return err
	}
	defer cancel()
	wide := window
	if p.after != "" {
		wide = 1
	}
	for p.bucket < kv.Buckets && len(p.ids) < limit {
		want := limit - len(p.ids)
		if wide > 1 {
			want = min(want, max(16, want/8))
		}
		full, err := p.look(ctx, client, of, min(wide, kv.Buckets-p.bucket), want, limit)
		if err != nil {
			return err
		}
		if wide = window; full {
			wide = 1
		}
	}
	return nil
}

// look takes up to want ids from each of the next n buckets. It stops at the first that may hold more: full.
func (p *page) look(ctx context.Context, c redis.UniversalClient, of kv.Relation, n, want, limit int) (full bool, err error) {
	cmds := make([]*redis.StringSliceCmd, n)
	exec(ctx, c, func(pipe redis.Pipeliner) {
		for i := range cmds {
			from := "-"
			if i == 0 && p.after != "" {
				from = "(" + p.after
			}
			by := &redis.ZRangeBy{Min: from, Max: "+", Count: int64(want)}
			cmds[i] = pipe.ZRangeByLex(ctx, of.Key(p.bucket+i), by)
		}
	})
	for _, cmd := range cmds {
		ids, err := cmd.Result()
		if err != nil {
			return false, fmt.Errorf("%s: %w", of.Key(p.bucket), err)
		}
		room := limit - len(p.ids)
		if len(ids) >= want || len(ids) > room {
			if ids = ids[:min(len(ids), room)]; len(ids) > 0 {
				p.after = strings.Clone(ids[len(ids)-1])
			}
			p.ids = append(p.ids, ids...)
			return true, nil
		}
		p.ids, p.bucket, p.after = append(p.ids, ids...), p.bucket+1, ""
	}
	return false, nil
}
