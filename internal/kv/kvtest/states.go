package kvtest

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"vitrine/internal/item"
	"vitrine/internal/kv"
)

func builtRises(t *testing.T, s Records) {
	const high = 1<<53 - 1 // the greatest gen that every store can compare
	steps := []struct{ give, want map[string]uint64 }{
		{map[string]uint64{"item": 9}, map[string]uint64{"item": 9}},
		{map[string]uint64{"item": 10, "offer": 5}, map[string]uint64{"item": 10, "offer": 5}}, // not as text
		{map[string]uint64{"item": 9, "offer": 6}, map[string]uint64{"item": 10, "offer": 6}},
		{nil, map[string]uint64{"item": 10, "offer": 6}},
		{map[string]uint64{"item": high}, map[string]uint64{"item": high, "offer": 6}},
		{map[string]uint64{"item": high - 1}, map[string]uint64{"item": high, "offer": 6}},
	}
	for _, step := range steps {
		must(t, s.MarkBuilt(t.Context(), []kv.Built{{Entity: sku("1"), Gens: step.give}, {Entity: sku("2"), Gens: step.give}}))
		for _, id := range []string{"1", "2"} {
			if diff := cmp.Diff(step.want, state(t, s, sku(id)).Built); diff != "" {
				t.Errorf("sku %s after %v (-want +got):\n%s", id, step.give, diff)
			}
		}
	}
	must(t, s.MarkBuilt(t.Context(), nil))
}

// builtAs checks that the shape of a built blob is stored with its gen, and that the state holds the shape of each record.
func builtAs(t *testing.T, s Records) {
	steps := []struct {
		gen         uint64
		shape, want uint32
	}{
		{9, 0xabcdef, 0xabcdef},
		{10, 1, 1},
		{9, 2, 1}, // a lower gen changes nothing
		{10, 3, 3},
		{11, 0, 0},
	}
	for _, step := range steps {
		must(t, s.MarkBuilt(t.Context(), []kv.Built{{Entity: sku("1"), Gens: map[string]uint64{"item": step.gen}, Shapes: map[string]uint32{"item": step.shape}}}))
		if got := state(t, s, sku("1")).BuiltAs["item"]; got != step.want {
			t.Errorf("built as %x after %+v", got, step)
		}
	}
	key, shaped := record("1", "product"), value(kv.Alive, `1`)
	shaped.Shape = 0xfedcba
	first := put(t, s, kv.Put{RecordKey: key, Value: shaped})
	if got := state(t, s, sku("1")).Shapes["product"]; got != 0xfedcba {
		t.Errorf("the record has shape %x in the state", got)
	}
	shaped.Shape = 2
	if late := puts(t, s, kv.Put{RecordKey: key, Expect: first.Stamp + 1, Value: shaped})[0]; late.State.Shapes["product"] != 0xfedcba {
		t.Errorf("a put that was refused moved the shape to %x", late.State.Shapes["product"])
	}
	if second := put(t, s, kv.Put{RecordKey: key, Expect: first.Stamp, Value: shaped, Same: true}); second.State.Shapes["product"] != 2 {
		t.Errorf("the shape stays %x", second.State.Shapes["product"])
	}
}

func raises(t *testing.T, s Records) {
	key := record("1", "product")
	r := put(t, s, kv.Put{RecordKey: key, Value: value(kv.Alive, `1`), Refs: refs("brand", "b")})
	other := put(t, s, kv.Put{RecordKey: record("1", "stock"), Value: value(kv.Alive, `1`)})
	before := read(t, s, key)[0]
	must(t, s.Raise(t.Context(), sku("1"), []string{"product", "price"}))
	got := state(t, s, sku("1"))
	if got.Gens["product"] <= other.Stamp || got.Gens["price"] <= other.Stamp || got.Gens["stock"] != other.State.Gens["stock"] {
		t.Errorf("gens %v after %v", got.Gens, other.State.Gens)
	}
	if !got.Wanted["product"].Equal(r.State.Wanted["product"]) {
		t.Errorf("wanted refs moved: %v", got.Wanted)
	}
	if diff := cmp.Diff(before, read(t, s, key)[0]); diff != "" {
		t.Errorf("the record moved:\n%s", diff)
	}
	put(t, s, kv.Put{RecordKey: key, Expect: before.Stamp, Value: value(kv.Alive, `2`)}) // its stamp still stands
}

func emptyState(t *testing.T, s Records) {
	put(t, s, kv.Put{RecordKey: record("1", "product"), Value: value(kv.Alive, `1`)})
	states, err := s.States(t.Context(), []item.Entity{sku("2"), sku("1"), {Kind: "brand", ID: "1"}, sku("1")})
	must(t, err)
	if len(states) != 4 || len(states[1].Gens) != 1 || len(states[3].Gens) != 1 {
		t.Fatalf("states by position: %+v", states)
	}
	for _, i := range []int{0, 2} {
		if diff := cmp.Diff(kv.State{}, states[i], cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("position %d:\n%s", i, diff)
		}
	}
}
