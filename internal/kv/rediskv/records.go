package rediskv

import (
	"context"
	"encoding/json"

	"github.com/redis/go-redis/v9"

	"vitrine/internal/item"
	"vitrine/internal/kv"
)

// Records implements kv.RecordReader. The validators are read from the entities' hashes in the same round trip.
func (s *Store) Records(ctx context.Context, keys []kv.RecordKey) ([]kv.Record, error) {
	records := make([]kv.Record, len(keys))
	err := s.each(ctx, batch{
		op: "read records", n: len(keys), pace: s.reads,
		key: func(i int) string { return keys[i].String() },
		do: func(ctx context.Context, c redis.UniversalClient, at []int, errs []error) {
			s.readRecords(ctx, c, keys, records, at, errs)
		},
	})
	return records, err
}

func (s *Store) readRecords(ctx context.Context, c redis.UniversalClient, keys []kv.RecordKey, records []kv.Record, at []int, errs []error) {
	values := newGather(c, at, func(i int) string { return keys[i].Entity.Token() }, func(i int) string { return keys[i].String() })
	asked := make(map[int]*redis.StringCmd, len(at))
	exec(ctx, c, func(p redis.Pipeliner) {
		for _, i := range at {
			asked[i] = p.HGet(ctx, kv.StateKey(keys[i].Entity), "v:"+keys[i].Dimension)
		}
		values.send(ctx, p) // not first: go-redis follows no redirection of a pipeline whose first command is refused by TRYAGAIN
	})
	values.sendAgain(ctx, c)
	stored := make([][]byte, len(keys))
	values.results(stored, errs)
	s.learn(ctx, c, stored, errs)
	for _, i := range at {
		validators, err := asked[i].Bytes()
		if err != nil && err != redis.Nil && !wrongType(err) {
			note(errs, i, kv.StateKey(keys[i].Entity), err)
		}
		if stored[i] != nil && errs[i] == nil {
			records[i] = withValidators(s.decodeRecord(keys[i], stored[i]), validators)
		}
	}
}

// withValidators adds the validators, unless the record is damaged or they can't be read. Without them the upstream is
// asked for the whole answer.
func withValidators(r kv.Record, b []byte) kv.Record {
	if r.Damaged || len(b) == 0 || json.Unmarshal(b, &r.Validators) != nil {
		r.Validators = kv.Validators{}
	}
	return r
}

// States implements kv.StateReader.
func (s *Store) States(ctx context.Context, entities []item.Entity) ([]kv.State, error) {
	states := make([]kv.State, len(entities))
	err := s.each(ctx, batch{
		op: "read states", n: len(entities), pace: s.reads,
		key: func(i int) string { return kv.StateKey(entities[i]) },
		do: func(ctx context.Context, c redis.UniversalClient, at []int, errs []error) {
			f, err := s.fence(ctx, c)
			if err != nil {
				noteAll(errs, at, err)
				return
			}
			asked := make([]*redis.MapStringStringCmd, len(at))
			exec(ctx, c, func(p redis.Pipeliner) {
				f.send(ctx, p)
				for n, i := range at {
					asked[n] = p.HGetAll(ctx, kv.StateKey(entities[i]))
				}
			})
			s.leaveOld(c, f)
			if err := f.refuses(); err != nil {
				noteAll(errs, at, err)
				return
			}
			for n, i := range at {
				var err error
				states[i], err = s.stateOf(kv.StateKey(entities[i]), asked[n])
				note(errs, i, kv.StateKey(entities[i]), err)
			}
		},
	})
	return states, err
}

func (s *Store) stateOf(key string, cmd *redis.MapStringStringCmd) (kv.State, error) {
	fields, err := cmd.Result()
	if wrongType(err) {
		s.damaged(key, err)
		return kv.State{Damaged: true}, nil
	}
	if err != nil {
		return kv.State{}, err
	}
	flat := make([]string, 0, 2*len(fields))
	for field, value := range fields {
		flat = append(flat, field, value)
	}
	return s.decodeState(key, flat), nil
}
