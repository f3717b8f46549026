package rediskv

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/redis/go-redis/v9"

	"vitrine/internal/item"
	"vitrine/internal/kv"
)

// Records reads the records and, in the same round trip, their validators from the entities' hashes.
func (s *Store) Records(ctx context.Context, keys []kv.RecordKey) ([]kv.Record, error) {
	records, err := s.records(ctx, keys)
	return records, s.fail("read records", err)
}

func (s *Store) records(ctx context.Context, keys []kv.RecordKey) ([]kv.Record, error) {
	ctx, cancel, client, err := s.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer cancel()
	records := make([]kv.Record, 0, len(keys))
	for start := 0; start < len(keys); start += batch {
		part, err := s.readRecords(ctx, client, keys[start:min(start+batch, len(keys))])
		if err != nil {
			return nil, err
		}
		records = append(records, part...)
	}
	return records, nil
}

func (s *Store) readRecords(ctx context.Context, c redis.UniversalClient, keys []kv.RecordKey) ([]kv.Record, error) {
	var (
		values = newGather(c, len(keys), func(i int) (string, string) { return keys[i].Entity.Token(), keys[i].String() })
		asked  = make([]*redis.StringCmd, len(keys))
	)
	if err := exec(ctx, c, func(p redis.Pipeliner) {
		values.send(ctx, p)
		for i, k := range keys {
			asked[i] = p.HGet(ctx, kv.StateKey(k.Entity), "v:"+k.Dimension)
		}
	}); err != nil {
		return nil, err
	}
	stored, err := values.results()
	if err != nil {
		return nil, err
	}
	if err := s.learn(ctx, c, stored); err != nil {
		return nil, err
	}
	records := make([]kv.Record, len(keys))
	for i, k := range keys {
		validators, err := asked[i].Bytes()
		if err != nil && err != redis.Nil {
			return nil, fmt.Errorf("%s: %w", kv.StateKey(k.Entity), err)
		}
		if stored[i] != nil {
			records[i] = withValidators(s.decodeRecord(stored[i]), validators)
		}
	}
	return records, nil
}

// withValidators leaves them out of a damaged record, and where they can't be read: without them the upstream
// is asked for the whole answer.
func withValidators(r kv.Record, b []byte) kv.Record {
	if r.Damaged || len(b) == 0 || json.Unmarshal(b, &r.Validators) != nil {
		r.Validators = kv.Validators{}
	}
	return r
}

// States reads the entities' hashes.
func (s *Store) States(ctx context.Context, entities []item.Entity) ([]kv.State, error) {
	states, err := s.states(ctx, entities)
	return states, s.fail("read states", err)
}

func (s *Store) states(ctx context.Context, entities []item.Entity) ([]kv.State, error) {
	ctx, cancel, client, err := s.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer cancel()
	states := make([]kv.State, 0, len(entities))
	for start := 0; start < len(entities); start += batch {
		part := entities[start:min(start+batch, len(entities))]
		asked := make([]*redis.MapStringStringCmd, len(part))
		if err := exec(ctx, client, func(p redis.Pipeliner) {
			for i, e := range part {
				asked[i] = p.HGetAll(ctx, kv.StateKey(e))
			}
		}); err != nil {
			return nil, err
		}
		for i, e := range part {
			state, err := stateOf(kv.StateKey(e), asked[i])
			if err != nil {
				return nil, err
			}
			states = append(states, state)
		}
	}
	return states, nil
}

func stateOf(key string, cmd *redis.MapStringStringCmd) (kv.State, error) {
	fields, err := cmd.Result()
	if err != nil {
		return kv.State{}, fmt.Errorf("%s: %w", key, err)
	}
	flat := make([]string, 0, 2*len(fields))
	for field, value := range fields {
		flat = append(flat, field, value)
	}
	return decodeState(key, flat)
}
