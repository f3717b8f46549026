package boltkv

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"maps"
	"time"

	"go.etcd.io/bbolt"

	"vitrine/internal/item"
	"vitrine/internal/kv"
)

// books are an entity's State with what belongs beside it. They are stored as CRC32C, 4 bytes, and JSON: a
// digit that flipped in a Built would otherwise keep a blob from ever being folded again.
type books struct {
	Last       uint64                   `json:"n,omitempty"`  // the counter of stamps and gens
	Written    int64                    `json:"at,omitempty"` // when they were last, unix s
	Gens       map[string]uint64        `json:"g,omitempty"`
	Shapes     map[string]uint32        `json:"s,omitempty"`
	Built      map[string]uint64        `json:"b,omitempty"`
	BuiltAs    map[string]uint32        `json:"t,omitempty"`
	Wanted     map[string]kv.Refs       `json:"w,omitempty"`
	Applied    map[string]kv.Refs       `json:"a,omitempty"`
	Validators map[string]kv.Validators `json:"v,omitempty"`

	damaged bool // what was stored can't be read; these are new ones
}

const booksHead = 4

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// state is a copy that its receiver may keep. Refs are never changed in place and need none.
func (b *books) state() kv.State {
	return kv.State{
		Gens: maps.Clone(b.Gens), Shapes: maps.Clone(b.Shapes), Built: maps.Clone(b.Built), BuiltAs: maps.Clone(b.BuiltAs),
		Wanted: maps.Clone(b.Wanted), Applied: maps.Clone(b.Applied), Damaged: b.damaged,
	}
}

// next is the counter's next value: it rises, and does not repeat after the books were lost.
func (b *books) next(now time.Time) uint64 {
	b.Last = max(b.Last+1, uint64(now.UnixMicro()))
	return b.Last
}

// readBooks reads an entity's books. Damaged ones are taken for none: the next put of each dimension then
// raises its gen, even that of an unchanged record, and the entity is folded anew.
func readBooks(tx *bbolt.Tx, e item.Entity) *books {
	return parseBooks(tx.Bucket([]byte(genBucket)).Get([]byte(e.Token())))
}

func parseBooks(raw []byte) *books {
	if raw == nil {
		return &books{}
	}
	b := &books{}
	whole := len(raw) >= booksHead && binary.BigEndian.Uint32(raw) == crc32.Checksum(raw[booksHead:], castagnoli)
	if !whole || json.Unmarshal(raw[booksHead:], b) != nil {
		return &books{damaged: true}
	}
	return b
}

func (b *books) write(tx *bbolt.Tx, e item.Entity, now time.Time) error {
	b.damaged, b.Written = false, now.Unix()
	body, err := json.Marshal(b)
	if err != nil {
		return fmt.Errorf("write the books of %s: %w", e, err)
	}
	raw := binary.BigEndian.AppendUint32(make([]byte, 0, booksHead+len(body)), crc32.Checksum(body, castagnoli))
	return tx.Bucket([]byte(genBucket)).Put([]byte(e.Token()), append(raw, body...))
}

// set puts a value into a map that may be nil, or removes it where it is none.
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
