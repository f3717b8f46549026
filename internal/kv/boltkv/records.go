package boltkv

import (
	"context"
	"fmt"

	"go.etcd.io/bbolt"

	"vitrine/internal/item"
	"vitrine/internal/kv"
)

func recKey(k kv.RecordKey) []byte {
	return append(append([]byte(k.Entity.Token()), separator), k.Dimension...)
}

// Records implements kv.RecordReader.
func (s *Store) Records(ctx context.Context, keys []kv.RecordKey) ([]kv.Record, error) {
	out := make([]kv.Record, len(keys))
	raw := make([][]byte, len(keys))
	err := s.view(ctx, func(tx *bbolt.Tx) error {
		b := tx.Bucket([]byte(recBucket))
		states := tx.Bucket([]byte(genBucket))
		var last item.Entity // whose validators are known: an entity's records are read one after the other
		var validators map[string]kv.Validators
		for i, k := range keys {
			v := s.present(b.Get(recKey(k)))
			if v == nil {
				continue
			}
			raw[i] = append([]byte(nil), v...)
			if k.Entity != last {
				last = k.Entity
				validators = parseValidators(states.Get([]byte(k.Entity.Token())))
			}
			out[i].Validators = validators[k.Dimension]
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for i, b := range raw {
		if b != nil {
			out[i] = s.decodeRecord(b, out[i].Validators)
		}
	}
	return out, nil
}

// decodeRecord never fails: an unreadable value is Damaged, with the stamp that a put must expect.
func (s *Store) decodeRecord(b []byte, validators kv.Validators) kv.Record {
	v, err := s.codec.Decode(b)
	if err != nil {
		return kv.Record{Value: kv.Value{Header: kv.Header{Stamp: kv.StampOf(b)}}, Damaged: true}
	}
	return kv.Record{Value: v, Validators: validators}
}

// PutRecords implements kv.RecordPutter.
func (s *Store) PutRecords(ctx context.Context, puts []kv.Put) ([]kv.PutResult, error) {
	encoded := make([][]byte, len(puts))
	for i, p := range puts {
		p.Value.Refs = nil
		var err error
		encoded[i], err = s.encode(p.Value, false)
		if err != nil {
			return nil, fmt.Errorf("put %s: %w", p.RecordKey, err)
		}
	}
	results := make([]kv.PutResult, len(puts))
	err := s.update(ctx, len(puts), func(tx *writing) (err error) {
		for i, p := range puts {
			results[i], err = s.putRecord(tx, p, encoded[i])
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return results, nil
}

// encode writes a value for the store. An Absent value is a caller's mistake and fails.
func (s *Store) encode(v kv.Value, blob bool) ([]byte, error) {
	if v.Existence != kv.Alive && v.Existence != kv.Gone && v.Existence != kv.Unknown {
		return nil, fmt.Errorf("%w: life %d can't be stored", item.ErrRefused, v.Existence)
	}
	return s.codec.Encode(v, blob), nil
}

// putRecord is one atomic step: the record, its stamp, its dimension's gen, its refs.
func (s *Store) putRecord(tx *writing, p kv.Put, value []byte) (kv.PutResult, error) {
	recs, key := tx.Bucket([]byte(recBucket)), recKey(p.RecordKey)
	held := readState(tx.Tx, p.Entity)
	if stamp := kv.StampOf(s.present(recs.Get(key))); stamp != p.Expect {
		return kv.PutResult{Outcome: kv.Changed, Stamp: stamp, State: held.state()}, nil
	}
	stamp := held.next(s.opt.Now())
	kv.SetStamp(value, stamp)
	result := kv.PutResult{Outcome: kv.Same, Stamp: stamp}
	if !p.Same || held.Gens[p.Dimension] == 0 { // gen 0: the state was lost, and the record must be folded again
		result.Outcome = kv.Applied
		set(&held.Gens, p.Dimension, stamp, false)
	}
	set(&held.Shapes, p.Dimension, p.Value.Shape, p.Value.Shape == 0)
	set(&held.Wanted, p.Dimension, p.Refs, len(p.Refs) == 0)
	set(&held.Validators, p.Dimension, p.Validators, p.Validators == kv.Validators{})
	if err := tx.put(recBucket, key, value); err != nil {
		return result, err
	}
	err := held.write(tx, p.Entity, s.opt.Now())
	result.State = held.state()
	return result, err
}

// States implements kv.StateReader.
func (s *Store) States(ctx context.Context, entities []item.Entity) ([]kv.State, error) {
	out := make([]kv.State, len(entities))
	err := s.view(ctx, func(tx *bbolt.Tx) error {
		for i, e := range entities {
			out[i] = readState(tx, e).state()
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// MarkBuilt implements kv.Builder.
func (s *Store) MarkBuilt(ctx context.Context, built []kv.Built) error {
	return s.update(ctx, len(built), func(tx *writing) error {
		for _, b := range built {
			held := readState(tx.Tx, b.Entity)
			for blob, gen := range b.Gens {
				if gen >= held.Built[blob] {
					set(&held.Built, blob, gen, false)
					set(&held.BuiltAs, blob, b.Shapes[blob], b.Shapes[blob] == 0)
				}
			}
			if err := held.write(tx, b.Entity, s.opt.Now()); err != nil {
				return err
			}
		}
		return nil
	})
}

// Raise implements kv.Builder.
func (s *Store) Raise(ctx context.Context, e item.Entity, dimensions []string) error {
	return s.update(ctx, 1, func(tx *writing) error {
		held := readState(tx.Tx, e)
		for _, d := range dimensions {
			set(&held.Gens, d, held.next(s.opt.Now()), false)
		}
		return held.write(tx, e, s.opt.Now())
	})
}
