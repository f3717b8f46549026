package rediskv

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"vitrine/internal/item"
	"vitrine/internal/kv"
)

// encode writes a value for the store; an Absent one is a caller's mistake.
func (s *Store) encode(v kv.Value, blob bool) ([]byte, error) {
	if v.Life != kv.Alive && v.Life != kv.Gone && v.Life != kv.Unknown {
		return nil, fmt.Errorf("%w: life %d can't be stored", item.ErrRefused, v.Life)
	}
	return s.codec.Encode(v, blob), nil
}

// decodeRecord never fails: what can't be read is Damaged, with the stamp that a put must expect.
func (s *Store) decodeRecord(b []byte) kv.Record {
	v, err := s.codec.Decode(b)
	if err != nil {
		return kv.Record{Value: kv.Value{Header: kv.Header{Stamp: kv.StampOf(b)}}, Damaged: true}
	}
	return kv.Record{Value: v}
}

func (s *Store) decodeBlob(b []byte) kv.Blob {
	v, err := s.codec.Decode(b)
	if err != nil {
		return kv.Blob{Damaged: true}
	}
	return kv.Blob{Value: v}
}

// keepSeconds is how long a value stays, for SET … EX; "0" is for ever.
func keepSeconds(l kv.Life) string { return strconv.Itoa(int(l.Keep() / time.Second)) }

func stampBytes(stamp uint64) []byte { return binary.BigEndian.AppendUint64(nil, stamp) }

// encodeRefs is the canonical form that Relate compares: names sorted, refs without ids left out, "" for none.
func encodeRefs(refs kv.Refs) (string, error) {
	kept := kv.Refs{}
	for name, ref := range refs {
		if len(ref.IDs) > 0 {
			kept[name] = ref
		}
	}
	if len(kept) == 0 {
		return "", nil
	}
	b, err := json.Marshal(kept)
	return string(b), err
}

func encodeValidators(v kv.Validators) (string, error) {
	if v == (kv.Validators{}) {
		return "", nil
	}
	b, err := json.Marshal(v)
	return string(b), err
}

// decodeState reads the hash, given as field, value, field, value, …
func decodeState(key string, flat []string) (kv.State, error) {
	s := kv.State{Gens: map[string]uint64{}, Built: map[string]uint64{}, Wanted: map[string]kv.Refs{}, Applied: map[string]kv.Refs{}}
	for i := 0; i+1 < len(flat); i += 2 {
		field, value := flat[i], flat[i+1]
		if len(field) < 3 || field[1] != ':' {
			continue // the counter
		}
		var err error
		switch name := field[2:]; field[0] {
		case 'g':
			s.Gens[name], err = strconv.ParseUint(value, 10, 64)
		case 'b':
			s.Built[name], err = strconv.ParseUint(value, 10, 64)
		case 'w':
			s.Wanted[name], err = decodeRefs(value)
		case 'a':
			s.Applied[name], err = decodeRefs(value)
		}
		if err != nil {
			return kv.State{}, fmt.Errorf("%w: %s, field %s: %w", item.ErrDamaged, key, field, err)
		}
	}
	return s, nil
}

func decodeRefs(s string) (refs kv.Refs, err error) {
	err = json.Unmarshal([]byte(s), &refs)
	return refs, err
}
