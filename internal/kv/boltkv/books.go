package boltkv

import (
	"encoding/json"
	"fmt"
	"maps"
	"time"

	"go.etcd.io/bbolt"

	"vitrine/internal/item"
	"vitrine/internal/kv"
)

// books are an entity's State as stored, with what belongs beside it.
type books struct {
	Last       uint64                   `json:"n,omitempty"` // the counter of stamps and gens
	Gens       map[string]uint64        `json:"g,omitempty"`
	Built      map[string]uint64        `json:"b,omitempty"`
	Wanted     map[string]kv.Refs       `json:"w,omitempty"`
	Applied    map[string]kv.Refs       `json:"a,omitempty"`
	Validators map[string]kv.Validators `json:"v,omitempty"`
}

func (b *books) state() kv.State {
	return kv.State{Gens: maps.Clone(b.Gens), Built: maps.Clone(b.Built), Wanted: maps.Clone(b.Wanted), Applied: maps.Clone(b.Applied)}
}

// next is the counter's next value: it rises, and does not repeat after the books were lost.
func (b *books) next() uint64 {
	b.Last = max(b.Last+1, uint64(time.Now().UnixMicro()))
	return b.Last
}

// readBooks reads an entity's books. Damaged ones are taken for none: the next put of each dimension
// then is a new one, and the entity is folded anew.
func readBooks(tx *bbolt.Tx, e item.Entity) *books {
	b := &books{}
	if raw := tx.Bucket([]byte(genBucket)).Get([]byte(e.Token())); raw != nil {
		if json.Unmarshal(raw, b) != nil {
			b = &books{}
		}
	}
	return b
}

func (b *books) write(tx *bbolt.Tx, e item.Entity) error {
	raw, err := json.Marshal(b)
	if err != nil {
		return fmt.Errorf("write the books of %s: %w", e, err)
	}
	return tx.Bucket([]byte(genBucket)).Put([]byte(e.Token()), raw)
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
