package kvtest

import (
	"testing"

	"vitrine/internal/item"
	"vitrine/internal/kv"
)

// filled writes everything that a store can hold of an entity, and returns the result of the put of its record.
func filled(t *testing.T, s kv.Records, id string) kv.PutResult {
	t.Helper()
	b := refs("brand", "b")
	r := put(t, s, kv.Put{RecordKey: record(id, "product"), Value: value(kv.Alive, `1`), Refs: b, Validators: kv.Validators{ETag: "a"}})
	must(t, s.MarkBuilt(t.Context(), []kv.Built{{Entity: sku(id), Gens: map[string]uint64{"item": r.Stamp}}}))
	must(t, s.Relate(t.Context(), kv.Relate{Entity: sku(id), Dimension: "product", Add: []kv.Relation{brand("b")}, Now: b}))
	return r
}

// damagedState checks that damage to one entity's state is reported, harms no other entity, and is repaired by the usual next steps.
func damagedState(t *testing.T, s Records) {
	for name, wreck := range s.Wrecks {
		t.Run(name, func(t *testing.T) {
			bad, good := "bad "+name, "good "+name
			was := filled(t, s, bad)
			filled(t, s, good)
			wreck(t, sku(bad))
			states, err := s.States(t.Context(), []item.Entity{sku(bad), sku(good)})
			if err != nil || !states[0].Damaged || states[1].Damaged || states[1].Gens["product"] == 0 {
				t.Fatalf("states %+v, error %v", states, err)
			}
			held := read(t, s, record(bad, "product"), record(good, "product"))
			if string(held[0].Body) != `1` || string(held[1].Body) != `1` {
				t.Fatalf("records %+v", held)
			}
			results := puts(t, s,
				kv.Put{RecordKey: record(bad, "product"), Expect: held[0].Stamp, Value: value(kv.Alive, `1`), Refs: refs("brand", "b")},
				kv.Put{RecordKey: record(good, "product"), Expect: held[1].Stamp, Value: value(kv.Alive, `2`), Refs: refs("brand", "b")})
			gen := results[0].State.Gens["product"]
			if results[0].Outcome != kv.Applied || results[1].Outcome != kv.Applied || gen <= was.Stamp {
				t.Fatalf("puts %+v, the gen was %d", results, was.Stamp)
			}
			must(t, s.MarkBuilt(t.Context(), []kv.Built{{Entity: sku(bad), Gens: map[string]uint64{"item": gen}}, {Entity: sku(good), Gens: map[string]uint64{"item": gen}}}))
			must(t, s.Relate(t.Context(), kv.Relate{Entity: sku(bad), Dimension: "product", Add: []kv.Relation{brand("b")}, Was: states[0].Applied["product"], Now: refs("brand", "b")}))
			got := state(t, s, sku(bad))
			if got.Damaged || got.Gens["product"] != gen || got.Built["item"] != gen || !got.Applied["product"].Equal(got.Wanted["product"]) || len(got.Wanted) != 1 {
				t.Errorf("after all steps: %+v", got)
			}
			if r := put(t, s, kv.Put{RecordKey: record(bad, "product"), Expect: results[0].Stamp, Value: value(kv.Alive, `1`), Same: true}); r.Outcome != kv.Same {
				t.Errorf("the same content again: outcome %d", r.Outcome)
			}
		})
	}
}

// damagedSame checks that a put of unchanged content gives a new gen if the old gen cannot be read.
func damagedSame(t *testing.T, s Records) {
	for name, wreck := range s.Wrecks {
		was := filled(t, s, name)
		wreck(t, sku(name))
		if state(t, s, sku(name)).Gens["product"] == was.Stamp {
			continue // it damages another field
		}
		r := put(t, s, kv.Put{RecordKey: record(name, "product"), Expect: was.Stamp, Value: value(kv.Alive, `1`), Same: true})
		if r.Outcome != kv.Applied || r.State.Gens["product"] <= was.Stamp {
			t.Errorf("%s: outcome %d, gen %d after %d", name, r.Outcome, r.State.Gens["product"], was.Stamp)
		}
	}
}

// replacedRecord checks that foreign data under a record's key is read as absent, and that other records are still read.
func replacedRecord(t *testing.T, s Records) {
	bad, good := record("bad", "product"), record("good", "product")
	for _, key := range []kv.RecordKey{bad, good} {
		put(t, s, kv.Put{RecordKey: key, Value: value(kv.Alive, `1`)})
	}
	s.Replace(t, bad.String())
	held := read(t, s, bad, good)
	if held[0].Existence != kv.Absent || string(held[1].Body) != `1` {
		t.Fatalf("records %+v", held)
	}
	results := puts(t, s, kv.Put{RecordKey: bad, Expect: held[0].Stamp, Value: value(kv.Alive, `2`)}, kv.Put{RecordKey: good, Expect: held[1].Stamp, Value: value(kv.Alive, `2`)})
	if results[0].Outcome != kv.Applied || results[1].Outcome != kv.Applied {
		t.Errorf("puts %+v", results)
	}
	if held := read(t, s, bad, good); string(held[0].Body) != `2` || string(held[1].Body) != `2` {
		t.Errorf("records %+v", held)
	}
}

// replacedList checks that foreign data under a list's key is read as an empty list, and that members can be added to it.
func replacedList(t *testing.T, s Records) {
	if s.ReplaceList == nil {
		t.Skip("a list is no value of its own here")
	}
	must(t, s.Relate(t.Context(), kv.Relate{Entity: sku("1"), Dimension: "product", Add: []kv.Relation{brand("bad"), brand("good")}, Now: refs("brand", "bad", "good")}))
	s.ReplaceList(t, brand("bad"), sku("1"))
	if got := members(t, s, brand("bad")); len(got) != 0 {
		t.Errorf("the damaged list has %v", got)
	}
	must(t, s.Relate(t.Context(), kv.Relate{Entity: sku("1"), Dimension: "specs", Add: []kv.Relation{brand("bad"), brand("good")}, Now: refs("brand", "bad", "good")}))
	if got := members(t, s, brand("bad")); len(got) != 1 {
		t.Errorf("the list that was begun anew has %v", got)
	}
	s.ReplaceList(t, brand("bad"), sku("1"))
	must(t, s.Relate(t.Context(), kv.Relate{Entity: sku("1"), Dimension: "specs", Remove: []kv.Relation{brand("bad"), brand("good")}, Was: refs("brand", "bad", "good")}))
	if got := members(t, s, brand("good")); len(got) != 0 {
		t.Errorf("the list beside it has %v", got)
	}
}

// replacedBlob checks that foreign data under a blob's key is read as absent, and that other blobs are still read.
func replacedBlob(t *testing.T, s Blobs) {
	bad, good := blob("bad", "item"), blob("good", "item")
	putBlobs(t, s, kv.BlobPut{BlobKey: bad, Value: blobOf(5, `1`)}, kv.BlobPut{BlobKey: good, Value: blobOf(5, `1`)})
	s.Replace(t, bad.String())
	got := readBlobs(t, s, bad, good)
	if got[0].Existence != kv.Absent || string(got[1].Body) != `1` {
		t.Fatalf("blobs %+v", got)
	}
	stored := putBlobs(t, s, kv.BlobPut{BlobKey: bad, Value: blobOf(4, `2`)}, kv.BlobPut{BlobKey: good, Value: blobOf(6, `2`)})
	if !stored[0] || !stored[1] {
		t.Errorf("stored %v", stored)
	}
}
