package kvtest

import (
	"testing"
	"time"

	"vitrine/internal/item"
	"vitrine/internal/kv"
)

const margin = 10 * time.Minute // by which a store may forget too late

func entitiesOf(t *testing.T, s kv.Records) map[item.Entity]bool {
	t.Helper()
	next := func(cursor string, limit int) ([]item.Entity, string, error) {
		return s.ScanEntities(t.Context(), cursor, limit)
	}
	return scan(t, next, func(int) {})
}

// bury writes what workers and syncers write for an id that its upstreams do not know.
func bury(t *testing.T, s kv.Records, id string) (last uint64) {
	t.Helper()
	for _, dimension := range []string{"product", "price"} {
		last = put(t, s, kv.Put{RecordKey: record(id, dimension), Value: value(kv.Unknown, ``)}).Stamp
	}
	must(t, s.MarkBuilt(t.Context(), []kv.Built{{Entity: sku(id), Gens: map[string]uint64{"item": last, "offer": last}}}))
	return last
}

func unknownForgotten(t *testing.T, s Records) {
	last := map[string]uint64{}
	for _, id := range append(numbered(20), ids()...) {
		last[id] = bury(t, s, id)
	}
	s.Pass(t, kv.KeepUnknown/2)
	for id, stamp := range last {
		if got := state(t, s, sku(id)); got.Gens["price"] != stamp {
			t.Fatalf("%q is forgotten too early: %+v", id, got)
		}
	}
	s.Pass(t, kv.KeepUnknown/2+margin)
	if n, found := s.Keys(t), entitiesOf(t, s); n != 0 || len(found) != 0 {
		t.Errorf("%d keys, %d entities are left", n, len(found))
	}
	for id, stamp := range last {
		if again := bury(t, s, id); again <= stamp {
			t.Fatalf("%q has %d after %d", id, again, stamp)
		}
	}
}

func stateKept(t *testing.T, s Records) {
	lives := map[string][]kv.Existence{ // existence of product and price, in the order of their puts
		"alive beside unknown": {kv.Alive, kv.Unknown},
		"unknown beside alive": {kv.Unknown, kv.Alive},
		"both alive":           {kv.Alive, kv.Alive},
		"gone beside unknown":  {kv.Gone, kv.Unknown},
		"unknown beside gone":  {kv.Unknown, kv.Gone},
		"back":                 {kv.Unknown, kv.Unknown},
	}
	stamps := map[string]uint64{}
	for name, of := range lives {
		for i, dimension := range []string{"product", "price"} {
			stamps[name] = put(t, s, kv.Put{RecordKey: record(name, dimension), Value: value(of[i], ``)}).Stamp
		}
	}
	put(t, s, kv.Put{RecordKey: record("back", "price"), Expect: stamps["back"], Value: value(kv.Alive, `1`)})
	for _, step := range []struct {
		pass time.Duration
		left map[string]bool
	}{
		{kv.KeepUnknown + margin, map[string]bool{"alive beside unknown": true, "unknown beside alive": true, "both alive": true, "gone beside unknown": true, "unknown beside gone": true, "back": true}},
		{kv.KeepGone, map[string]bool{"alive beside unknown": true, "unknown beside alive": true, "both alive": true, "back": true}},
		{kv.KeepGone, map[string]bool{"alive beside unknown": true, "unknown beside alive": true, "both alive": true, "back": true}},
	} {
		s.Pass(t, step.pass)
		found := entitiesOf(t, s)
		for name := range lives {
			if got := state(t, s, sku(name)); found[sku(name)] != step.left[name] || len(got.Gens) > 0 != step.left[name] {
				t.Errorf("%s: found %t, state %+v", name, found[sku(name)], got)
			}
		}
	}
}

func lateSteps(t *testing.T, s Records) {
	gens := map[string]uint64{"item": 7}
	must(t, s.MarkBuilt(t.Context(), []kv.Built{{Entity: sku("built"), Gens: gens}}))
	must(t, s.Raise(t.Context(), sku("raised"), []string{"product"}))
	must(t, s.Relate(t.Context(), kv.Relate{Entity: sku("related"), Dimension: "product", Now: refs("brand", "b")}))
	alive := put(t, s, kv.Put{RecordKey: record("alive", "product"), Value: value(kv.Alive, `1`)})
	must(t, s.MarkBuilt(t.Context(), []kv.Built{{Entity: sku("alive"), Gens: gens}}))
	must(t, s.Raise(t.Context(), sku("alive"), []string{"product"}))
	s.Pass(t, kv.KeepUnknown+margin)
	if found := entitiesOf(t, s); len(found) != 1 || !found[sku("alive")] {
		t.Errorf("left are %v", found)
	}
	if got := state(t, s, sku("alive")); got.Gens["product"] <= alive.Stamp || got.Built["item"] != 7 {
		t.Errorf("the state of what is alive: %+v", got)
	}
}
