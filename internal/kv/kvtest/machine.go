package kvtest

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"vitrine/internal/item"
	"vitrine/internal/kv"
)

// model holds, in maps, what a records store should hold. Each run has entities and lists of its own.
type model struct {
	t       *testing.T
	s       Records
	run     int
	records map[kv.RecordKey]kv.Record
	states  map[item.Entity]kv.State
	last    map[item.Entity]uint64 // the highest stamp or gen that each entity was given
	lists   map[kv.Relation]map[string]bool
}

func recordsMachine(t *testing.T, s Records) {
	run := 0
	rapid.Check(t, func(r *rapid.T) {
		run++
		m := &model{
			t: t, s: s, run: run, records: map[kv.RecordKey]kv.Record{}, states: map[item.Entity]kv.State{},
			last: map[item.Entity]uint64{}, lists: map[kv.Relation]map[string]bool{},
		}
		r.Repeat(map[string]func(*rapid.T){
			"put": m.put, "raise": m.raise, "mark built": m.markBuilt, "relate": m.relate, "": m.check,
		})
	})
}

func (m *model) entity(r *rapid.T) item.Entity {
	return sku(fmt.Sprintf("%d.%s", m.run, rapid.SampledFrom([]string{"a", "b"}).Draw(r, "sku")))
}

func (m *model) dimension(r *rapid.T) string {
	return rapid.SampledFrom([]string{"product", "price"}).Draw(r, "dimension")
}

func (m *model) refs(r *rapid.T) kv.Refs {
	ids := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"x", "y", "z.1"}), 0, 3, rapid.ID).Draw(r, "refs")
	if len(ids) == 0 {
		return nil
	}
	return kv.Refs{"brand": {IDs: ids, List: true}}
}

// state returns the state of an entity, with maps that can be written to.
func (m *model) state(e item.Entity) kv.State {
	if _, ok := m.states[e]; !ok {
		m.states[e] = kv.State{
			Gens: map[string]uint64{}, Shapes: map[string]uint32{}, Built: map[string]uint64{}, BuiltAs: map[string]uint32{},
			Wanted: map[string]kv.Refs{}, Applied: map[string]kv.Refs{},
		}
	}
	return m.states[e]
}

// number records a stamp or gen that the store issued for an entity. The run fails unless it is higher than the last one.
func (m *model) number(r *rapid.T, e item.Entity, n uint64) {
	if n <= m.last[e] {
		r.Fatalf("%s was given %d after %d", e, n, m.last[e])
	}
	m.last[e] = n
}

func (m *model) put(r *rapid.T) {
	e := m.entity(r)
	p := kv.Put{RecordKey: kv.RecordKey{Entity: e, Dimension: m.dimension(r)}, Refs: m.refs(r)}
	was, there := m.records[p.RecordKey]
	p.Value = value(rapid.SampledFrom([]kv.Existence{kv.Alive, kv.Alive, kv.Gone, kv.Unknown}).Draw(r, "life"), ``)
	if p.Value.Existence == kv.Alive {
		p.Value.Body = fmt.Appendf(nil, `%d`, rapid.IntRange(0, 99).Draw(r, "body"))
	}
	p.Value.Shape = rapid.SampledFrom([]uint32{1, 0x10000, 0xffffff}).Draw(r, "shape")
	p.Validators.ETag = rapid.SampledFrom([]string{"", "v1", "v2"}).Draw(r, "etag")
	p.Same = there && rapid.Bool().Draw(r, "same")
	p.Expect = was.Stamp
	late := rapid.IntRange(0, 4).Draw(r, "late") == 0
	if late {
		p.Expect++
	}
	results, err := m.s.PutRecords(m.t.Context(), []kv.Put{p})
	if err != nil {
		r.Fatal(err)
	}
	got, want := results[0], kv.Applied
	switch {
	case late:
		want = kv.Changed
	case p.Same:
		want = kv.Same
	}
	if got.Outcome != want || late && got.Stamp != was.Stamp {
		r.Fatalf("put over %d: outcome %d, want %d; stamp %d, was %d", p.Expect, got.Outcome, want, got.Stamp, was.Stamp)
	}
	if !late {
		m.number(r, e, got.Stamp)
		m.stored(p, got)
	}
	m.same(r, e, got.State)
}

// stored applies to the maps a put that the store has stored.
func (m *model) stored(p kv.Put, got kv.PutResult) {
	record, state := kv.Record{Value: p.Value, Validators: p.Validators}, m.state(p.Entity)
	record.Stamp = got.Stamp
	m.records[p.RecordKey] = record
	if !p.Same {
		state.Gens[p.Dimension] = got.Stamp
	}
	state.Shapes[p.Dimension] = p.Value.Shape
	delete(state.Wanted, p.Dimension)
	if p.Refs != nil {
		state.Wanted[p.Dimension] = p.Refs
	}
}

func (m *model) raise(r *rapid.T) {
	e, dimension := m.entity(r), m.dimension(r)
	if err := m.s.Raise(m.t.Context(), e, []string{dimension}); err != nil {
		r.Fatal(err)
	}
	gen := m.readState(r, e).Gens[dimension]
	m.number(r, e, gen)
	m.state(e).Gens[dimension] = gen
}

func (m *model) markBuilt(r *rapid.T) {
	e, gen := m.entity(r), rapid.Uint64Range(0, 1<<53-1).Draw(r, "gen")
	as := rapid.SampledFrom([]uint32{0, 1, 0xffffff}).Draw(r, "shape")
	if err := m.s.MarkBuilt(m.t.Context(), []kv.Built{{Entity: e, Gens: map[string]uint64{"item": gen}, Shapes: map[string]uint32{"item": as}}}); err != nil {
		r.Fatal(err)
	}
	state := m.state(e)
	if gen < state.Built["item"] {
		return
	}
	delete(state.BuiltAs, "item")
	if as > 0 { // a store may keep a 0 or not
		state.BuiltAs["item"] = as
	}
	if gen > 0 {
		state.Built["item"] = gen
	}
}

func (m *model) relate(r *rapid.T) {
	e, dimension, now := m.entity(r), m.dimension(r), m.refs(r)
	was := m.state(e).Applied[dimension]
	of := func(id string) kv.Relation { return brand(fmt.Sprintf("%d.%s.%s", m.run, dimension, id)) }
	move := kv.Relate{Entity: e, Dimension: dimension, Was: was, Now: now}
	for _, id := range now["brand"].IDs {
		move.Add = append(move.Add, of(id))
	}
	for _, id := range was["brand"].IDs {
		if !slices.Contains(now["brand"].IDs, id) {
			move.Remove = append(move.Remove, of(id))
		}
	}
	if rapid.IntRange(0, 4).Draw(r, "late") == 0 {
		// The lists are not compared, since a refused relate may have changed them already.
		late := kv.Relate{Entity: e, Dimension: dimension, Was: refs("brand", "never"), Now: now}
		if err := m.s.Relate(m.t.Context(), late); !errors.Is(err, item.ErrChanged) {
			r.Fatalf("relate over refs that were never applied: %v", err)
		}
		return
	}
	if err := m.s.Relate(m.t.Context(), move); err != nil {
		r.Fatal(err)
	}
	m.related(move)
}

// related applies to the maps a relate that the store has done.
func (m *model) related(move kv.Relate) {
	for _, list := range move.Add {
		if m.lists[list] == nil {
			m.lists[list] = map[string]bool{}
		}
		m.lists[list][move.Entity.ID] = true
	}
	for _, list := range move.Remove {
		delete(m.lists[list], move.Entity.ID)
	}
	delete(m.state(move.Entity).Applied, move.Dimension)
	if move.Now != nil {
		m.state(move.Entity).Applied[move.Dimension] = move.Now
	}
}

// check reads everything from the store, and compares it with the maps.
func (m *model) check(r *rapid.T) {
	var keys []kv.RecordKey
	var want []kv.Record
	for key, record := range m.records {
		keys = append(keys, key)
		want = append(want, record)
	}
	got, err := m.s.Records(m.t.Context(), keys)
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" || err != nil {
		r.Fatalf("records, error %v (-want +got):\n%s", err, diff)
	}
	for e := range m.states {
		m.same(r, e, m.readState(r, e))
	}
	for list, members := range m.lists {
		ids, next, err := m.s.Related(m.t.Context(), list, "", 10)
		if err != nil {
			r.Fatal(err)
		}
		listed := map[string]bool{}
		for _, id := range ids {
			listed[id] = true
		}
		if diff := cmp.Diff(members, listed, cmpopts.EquateEmpty()); diff != "" || next != "" {
			r.Fatalf("list %+v, next %q (-want +got):\n%s", list, next, diff)
		}
	}
}

func (m *model) readState(r *rapid.T, e item.Entity) kv.State {
	states, err := m.s.States(m.t.Context(), []item.Entity{e})
	if err != nil {
		r.Fatal(err)
	}
	return states[0]
}

func (m *model) same(r *rapid.T, e item.Entity, got kv.State) {
	zero := cmpopts.IgnoreMapEntries(func(_ string, n uint64) bool { return n == 0 })
	unshaped := cmpopts.IgnoreMapEntries(func(_ string, n uint32) bool { return n == 0 })
	if diff := cmp.Diff(m.state(e), got, cmpopts.EquateEmpty(), zero, unshaped); diff != "" {
		r.Fatalf("state of %s (-want +got):\n%s", e, diff)
	}
}
