package boltkv

import (
	"context"

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
		held := map[item.Entity]*books{}
		for i, k := range keys {
			v := b.Get(recKey(k))
			if v == nil {
				continue
			}
			raw[i] = append([]byte(nil), v...)
			if held[k.Entity] == nil {
				held[k.Entity] = readBooks(tx, k.Entity)
			}
			out[i].Validators = held[k.Entity].Validators[k.Dimension]
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for i, b := range raw {
		if b != nil {
			out[i] = decodeRecord(b, out[i].Validators)
		}
	}
	return out, nil
}

func decodeRecord(b []byte, validators kv.Validators) kv.Record {
	v, err := kv.Decode(b)
	switch {
	case err != nil:
		return kv.Record{Value: kv.Value{Header: kv.Header{Stamp: kv.StampOf(b)}}, Damaged: true}
	case isDue(v.Header):
		return kv.Record{Value: kv.Value{Header: kv.Header{Stamp: v.Stamp}}}
	}
	return kv.Record{Value: v, Validators: validators}
}

// PutRecords implements kv.RecordPutter.
func (s *Store) PutRecords(ctx context.Context, puts []kv.Put) ([]kv.PutResult, error) {
	encoded := make([][]byte, len(puts))
	for i, p := range puts {
		if p.Value.Life != kv.Alive && p.Value.Life != kv.Gone && p.Value.Life != kv.Unknown {
			return nil, errLife(p.Value.Life)
		}
		p.Value.Refs = nil
		encoded[i] = kv.Encode(p.Value, false)
	}
	results := make([]kv.PutResult, len(puts))
	err := s.update(ctx, func(tx *bbolt.Tx) (err error) {
		for i, p := range puts {
			if results[i], err = putRecord(tx, p, encoded[i]); err != nil {
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

func putRecord(tx *bbolt.Tx, p kv.Put, value []byte) (kv.PutResult, error) {
	recs, key := tx.Bucket([]byte(recBucket)), recKey(p.RecordKey)
	held := readBooks(tx, p.Entity)
	if stamp := kv.StampOf(recs.Get(key)); stamp != p.Expect {
		return kv.PutResult{Outcome: kv.Changed, Stamp: stamp, State: held.state()}, nil
	}
	stamp := held.next()
	kv.SetStamp(value, stamp)
	result := kv.PutResult{Outcome: kv.Same, Stamp: stamp}
	if !p.Same {
		result.Outcome = kv.Applied
		set(&held.Gens, p.Dimension, stamp, false)
	}
	set(&held.Wanted, p.Dimension, p.Refs, len(p.Refs) == 0)
	set(&held.Validators, p.Dimension, p.Validators, p.Validators == kv.Validators{})
	result.State = held.state()
	if err := recs.Put(key, value); err != nil {
		return result, err
	}
	return result, held.write(tx, p.Entity)
}

// States implements kv.StateReader.
func (s *Store) States(ctx context.Context, entities []item.Entity) ([]kv.State, error) {
	out := make([]kv.State, len(entities))
	err := s.view(ctx, func(tx *bbolt.Tx) error {
		for i, e := range entities {
			b := readBooks(tx, e)
			out[i] = kv.State{Gens: b.Gens, Built: b.Built, Wanted: b.Wanted, Applied: b.Applied}
		}
		return nil
	})
	return out, err
}

// MarkBuilt implements kv.Builder.
func (s *Store) MarkBuilt(ctx context.Context, built []kv.Built) error {
	return s.update(ctx, func(tx *bbolt.Tx) error {
		for _, b := range built {
			held := readBooks(tx, b.Entity)
			for blob, gen := range b.Gens {
				set(&held.Built, blob, max(gen, held.Built[blob]), false)
			}
			if err := held.write(tx, b.Entity); err != nil {
				return err
			}
		}
		return nil
	})
}

// Raise implements kv.Builder.
func (s *Store) Raise(ctx context.Context, e item.Entity, dimensions []string) error {
	return s.update(ctx, func(tx *bbolt.Tx) error {
		held := readBooks(tx, e)
		for _, d := range dimensions {
			set(&held.Gens, d, held.next(), false)
		}
		return held.write(tx, e)
	})
}
