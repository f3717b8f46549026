package boltkv

import (
	"encoding/binary"
	"encoding/json"
	"hash/crc32"
	"time"

	"go.etcd.io/bbolt"

	"vitrine/internal/item"
	"vitrine/internal/kv"
)

// storedState is an entity's State with what is stored beside it. It is stored as CRC32C (4 bytes) and what encode writes. Without
// the checksum, a flipped digit in a Built could keep a blob from ever being folded again. The JSON of earlier versions is read.
type storedState struct {
	Last       uint64                   `json:"n,omitempty"`  // the counter of stamps and gens
	Written    int64                    `json:"at,omitempty"` // when the state was last written, unix s
	Gens       map[string]uint64        `json:"g,omitempty"`
	Shapes     map[string]uint32        `json:"s,omitempty"`
	Built      map[string]uint64        `json:"b,omitempty"`
	BuiltAs    map[string]uint32        `json:"t,omitempty"`
	Wanted     map[string]kv.Refs       `json:"w,omitempty"`
	Applied    map[string]kv.Refs       `json:"a,omitempty"`
	Validators map[string]kv.Validators `json:"v,omitempty"`

	damaged bool // the stored state can't be read; this is a new one
}

const stateHead = 4

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// state is the state for a caller, who may keep it; b must not be used after that.
func (b *storedState) state() kv.State {
	return kv.State{
		Gens: b.Gens, Shapes: b.Shapes, Built: b.Built, BuiltAs: b.BuiltAs, Wanted: b.Wanted, Applied: b.Applied, Damaged: b.damaged,
	}
}

// next is the counter's next value. It increases, and does not repeat values after the state was lost.
func (b *storedState) next(now time.Time) uint64 {
	b.Last = max(b.Last+1, uint64(now.UnixMicro()))
	return b.Last
}

// readState reads an entity's state. A damaged one counts as none: the next put of each dimension then gives a new gen,
// even to an unchanged record, and the entity is folded again.
func readState(tx *bbolt.Tx, e item.Entity) *storedState {
	return parseState(tx.Bucket([]byte(genBucket)).Get([]byte(e.Token())))
}

func parseState(raw []byte) *storedState {
	if raw == nil {
		return &storedState{}
	}
	b := &storedState{}
	if !isWhole(raw) || !b.read(raw[stateHead:]) {
		return &storedState{damaged: true}
	}
	return b
}

// isWhole reports whether a stored state has its checksum.
func isWhole(raw []byte) bool {
	return len(raw) > stateHead && binary.BigEndian.Uint32(raw) == crc32.Checksum(raw[stateHead:], castagnoli)
}

// parseValidators gives parseState's validators, by dimension, without the rest.
func parseValidators(raw []byte) map[string]kv.Validators {
	if !isWhole(raw) {
		return nil
	}
	if v, ok := decodeValidators(raw[stateHead:]); ok {
		return v
	}
	return parseState(raw).Validators // of an earlier version
}

// read reads the body of a state, of this version or an earlier one.
func (b *storedState) read(body []byte) bool {
	if body[0] == '{' {
		return json.Unmarshal(body, b) == nil
	}
	return b.decode(body)
}

func (b *storedState) write(tx *writing, e item.Entity, now time.Time) error {
	b.damaged, b.Written = false, now.Unix()
	raw := b.encode(make([]byte, stateHead, 128))
	binary.BigEndian.PutUint32(raw, crc32.Checksum(raw[stateHead:], castagnoli))
	return tx.put(genBucket, []byte(e.Token()), raw)
}

// set stores a value in a map that may be nil, or removes it if none is set.
func set[V any](m *map[string]V, name string, value V, none bool) {
	if none {
		delete(*m, name)
		return
	}
	if *m == nil {
		*m = map[string]V{}
	}
	(*m)[name] = value
}
