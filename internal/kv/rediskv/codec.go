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

// encode writes a value for the store. An Absent value is a caller's mistake and fails.
func (s *Store) encode(v kv.Value, blob bool) ([]byte, error) {
	if v.Existence != kv.Alive && v.Existence != kv.Gone && v.Existence != kv.Unknown {
		return nil, fmt.Errorf("%w: life %d can't be stored", item.ErrRefused, v.Existence)
	}
	return s.codec.Encode(v, blob), nil
}

// decodeRecord never fails: an unreadable value is Damaged, with the stamp that a put must expect.
func (s *Store) decodeRecord(key kv.RecordKey, b []byte) kv.Record {
	v, err := s.codec.Decode(b)
	if err != nil {
		s.damaged(key.String(), err)
		return kv.Record{Value: kv.Value{Header: kv.Header{Stamp: kv.StampOf(b)}}, Damaged: true}
	}
	return kv.Record{Value: v}
}

func (s *Store) decodeBlob(key kv.BlobKey, b []byte) kv.Blob {
	v, err := s.codec.Decode(b)
	if err != nil {
		s.damaged(key.String(), err)
		return kv.Blob{Damaged: true}
	}
	return kv.Blob{Value: v}
}

// damagedEvery is the least time between two log lines about damage, so that many damaged values do not flood the log.
const damagedEvery = 10 * time.Second

// damaged logs a value that can't be read and is treated as absent.
func (s *Store) damaged(key string, err error) {
	count, now := s.damage.count.Add(1), time.Now().UnixNano()
	last := s.damage.logged.Load()
	if now-last < int64(damagedEvery) || !s.damage.logged.CompareAndSwap(last, now) {
		return
	}
	s.log.Warn("a stored value is damaged, and taken for absent", "key", clip(key), "damaged_since_start", count, "error", err)
}

// keepSeconds is the EX of a value's SET; "0" is for ever.
func keepSeconds(l kv.Existence) string { return strconv.Itoa(int(l.Keep() / time.Second)) }

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

// decodeState reads the hash, given as field, value, field, value, … A field that can't be read is left out, and the
// state is Damaged.
func (s *Store) decodeState(key string, flat []string) kv.State {
	state := kv.State{
		Gens: map[string]uint64{}, Shapes: map[string]uint32{}, Built: map[string]uint64{}, BuiltAs: map[string]uint32{},
		Wanted: map[string]kv.Refs{}, Applied: map[string]kv.Refs{},
	}
	for i := 0; i+1 < len(flat); i += 2 {
		field, value := flat[i], flat[i+1]
		if len(field) < 3 || field[1] != ':' {
			continue // the counter
		}
		var err error
		switch name := field[2:]; field[0] {
		case 'g':
			err = decodeInto(state.Gens, name, value, decodeGen)
		case 's':
			err = decodeInto(state.Shapes, name, value, decodeShape)
		case 'b':
			err = decodeInto(state.Built, name, value, decodeGen)
		case 't':
			err = decodeInto(state.BuiltAs, name, value, decodeShape)
		case 'w':
			err = decodeInto(state.Wanted, name, value, decodeRefs)
		case 'a':
			err = decodeInto(state.Applied, name, value, decodeRefs)
		}
		if err != nil {
			state.Damaged = true
			s.damaged(key, fmt.Errorf("%w: field %s: %w", item.ErrDamaged, field, err))
		}
	}
	return state
}

func decodeInto[V any](m map[string]V, name, text string, decode func(string) (V, error)) error {
	v, err := decode(text)
	if err == nil {
		m[name] = v
	}
	return err
}

// maxGen is the highest number that Lua represents exactly.
const maxGen = 1<<53 - 1

func decodeGen(text string) (uint64, error) {
	gen, err := strconv.ParseUint(text, 10, 64)
	if err == nil && gen > maxGen {
		err = fmt.Errorf("%d was never issued", gen)
	}
	return gen, err
}

func decodeShape(s string) (uint32, error) {
	n, err := strconv.ParseUint(s, 10, 24)
	return uint32(n), err
}

func decodeRefs(s string) (refs kv.Refs, err error) {
	err = json.Unmarshal([]byte(s), &refs)
	return refs, err
}
