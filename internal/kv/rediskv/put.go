package rediskv

import (
	"context"
	"encoding/binary"
	"fmt"

	"github.com/redis/go-redis/v9"

	"vitrine/internal/item"
	"vitrine/internal/kv"
)

// PutRecords implements kv.RecordPutter: one script for each record, many in one round trip.
func (s *Store) PutRecords(ctx context.Context, puts []kv.Put) ([]kv.PutResult, error) {
	calls := make([]call, len(puts))
	for i, p := range puts {
		var err error
		calls[i], err = s.putCall(p)
		if err != nil {
			return nil, s.fail("put records", fmt.Errorf("%s: %w", p.RecordKey, err))
		}
	}
	results := make([]kv.PutResult, len(puts))
	err := s.call(ctx, "put records", s.scripts.put, calls, func(i int, cmd *redis.Cmd) (err error) {
		results[i], err = s.putResult(kv.StateKey(puts[i].Entity), cmd)
		return err
	})
	s.keepStates(ctx, puts, results)
	s.restoreDictionaries(ctx)
	return results, err
}

// keepStates undoes what a put does to the state of an entity whose slot is on its way to another master of a Cluster: if the script saw
// no record that is kept for ever, since such a one was still elsewhere, it had the state expire before that record.
func (s *Store) keepStates(ctx context.Context, puts []kv.Put, results []kv.PutResult) {
	var others []kv.RecordKey
	for i, p := range puts {
		for dimension := range results[i].State.Gens {
			if p.Value.Existence.Keep() > 0 && dimension != p.Dimension {
				others = append(others, kv.RecordKey{Entity: p.Entity, Dimension: dimension})
			}
		}
	}
	if len(others) == 0 {
		return
	}
	ctx, cancel, client, err := s.begin(ctx)
	if err != nil {
		return
	}
	defer cancel()
	if !clustered(client) {
		return
	}
	lives := make([]*redis.DurationCmd, len(others))
	exec(ctx, client, func(p redis.Pipeliner) {
		for i, key := range others {
			lives[i] = p.TTL(ctx, key.String())
		}
	})
	exec(ctx, client, func(p redis.Pipeliner) {
		for i, key := range others {
			if lives[i].Err() == nil && lives[i].Val() == -1 {
				p.Persist(ctx, kv.StateKey(key.Entity))
			}
		}
	})
}

func (s *Store) putCall(p kv.Put) (call, error) {
	value, err := s.encode(p.Value, false)
	if err != nil {
		return call{}, err
	}
	refs, err := encodeRefs(p.Refs)
	if err != nil {
		return call{}, err
	}
	validators, err := encodeValidators(p.Validators)
	if err != nil {
		return call{}, err
	}
	same := "0"
	if p.Same {
		same = "1"
	}
	return call{
		keys: []string{p.RecordKey.String(), kv.StateKey(p.Entity)},
		args: []any{stampBytes(p.Expect), value, p.Dimension, same, refs, validators, keepSeconds(p.Value.Existence)},
	}, nil
}

// putResult parses {outcome, stamp, fields of the state}.
func (s *Store) putResult(stateKey string, cmd *redis.Cmd) (kv.PutResult, error) {
	answer, err := cmd.Slice()
	if err != nil {
		return kv.PutResult{}, err
	}
	if len(answer) != 3 {
		return kv.PutResult{}, fmt.Errorf("%w: the put script answered %d values", item.ErrDamaged, len(answer))
	}
	outcome, _ := answer[0].(int64)
	stamp, _ := answer[1].(string)
	fields, _ := answer[2].([]any)
	if outcome < int64(kv.Applied) || outcome > int64(kv.Changed) || len(stamp) != 8 {
		return kv.PutResult{}, fmt.Errorf("%w: the put script answered outcome %d", item.ErrDamaged, outcome)
	}
	flat := make([]string, len(fields))
	for i := range fields {
		flat[i], _ = fields[i].(string)
	}
	return kv.PutResult{Outcome: kv.Outcome(outcome), Stamp: binary.BigEndian.Uint64([]byte(stamp)), State: s.decodeState(stateKey, flat)}, nil
}
