package kvtest

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"vitrine/internal/item"
	"vitrine/internal/kv"
)

// remove applies removals, and fails the test unless n records of each entity are removed.
func remove(t *testing.T, s kv.Remover, n int, removals ...kv.Removal) {
	t.Helper()
	removed, err := s.Remove(t.Context(), removals)
	if err != nil || len(removed) != len(removals) {
		t.Fatalf("remove: %v, error %v", removed, err)
	}
	for i, got := range removed {
		if got != n {
			t.Errorf("%d removed of %+v, want %d", got, removals[i], n)
		}
	}
}

// removes checks that nothing is left of what was removed, that its neighbours stay, and that a removal can be repeated.
func removes(t *testing.T, s Records) {
	var removals []kv.Removal
	for _, id := range append(numbered(20), ids()...) {
		kept := filled(t, s, id)
		old := put(t, s, kv.Put{RecordKey: record(id, "old"), Value: value(kv.Alive, `1`), Refs: refs("maker", "m"), Validators: kv.Validators{ETag: "o"}})
		built := map[string]uint64{"old_item": old.Stamp, "item": old.Stamp}
		must(t, s.MarkBuilt(t.Context(), []kv.Built{{Entity: sku(id), Gens: built, Shapes: map[string]uint32{"old_item": 5}}}))
		removals = append(removals, kv.Removal{Entity: sku(id), Records: map[string]uint64{"old": old.Stamp}, Built: map[string]uint64{"old_item": old.Stamp}})
		if kept.Stamp == old.Stamp {
			t.Fatal("two records with one stamp")
		}
	}
	remove(t, s, 1, removals...)
	remove(t, s, 0, removals...) // the records are gone, so their stamps differ from those in the removals
	for _, r := range removals {
		got, key := state(t, s, r.Entity), kv.RecordKey{Entity: r.Entity, Dimension: "old"}
		if diff := cmp.Diff(kv.Record{}, read(t, s, key)[0]); diff != "" {
			t.Errorf("%s is there: %s", key, diff)
		}
		if len(got.Gens) != 1 || len(got.Shapes) != 1 || len(got.Built) != 1 || got.BuiltAs["old_item"] != 0 || len(got.Wanted) != 1 || len(got.Applied) != 1 || got.Damaged {
			t.Errorf("the state of %s: %+v", r.Entity, got)
		}
		if kept := read(t, s, kv.RecordKey{Entity: r.Entity, Dimension: "product"})[0]; string(kept.Body) != `1` || kept.Validators.ETag != "a" {
			t.Errorf("the record beside it: %+v", kept)
		}
	}
	again := put(t, s, kv.Put{RecordKey: record("000000", "old"), Value: value(kv.Alive, `1`), Same: true})
	if again.Outcome != kv.Applied || again.Stamp <= removals[0].Records["old"] {
		t.Errorf("put again: %+v", again)
	}
}

// removesAsSeen checks that what was written after the removal was prepared stays.
func removesAsSeen(t *testing.T, s Records) {
	first := put(t, s, kv.Put{RecordKey: record("1", "old"), Value: value(kv.Alive, `1`)})
	must(t, s.MarkBuilt(t.Context(), []kv.Built{{Entity: sku("1"), Gens: map[string]uint64{"old_item": first.Stamp}}}))
	same := put(t, s, kv.Put{RecordKey: record("1", "old"), Expect: first.Stamp, Value: value(kv.Alive, `1`), Same: true})
	must(t, s.MarkBuilt(t.Context(), []kv.Built{{Entity: sku("1"), Gens: map[string]uint64{"old_item": same.Stamp}}}))
	before := state(t, s, sku("1"))
	remove(t, s, 0,
		kv.Removal{Entity: sku("1"), Records: map[string]uint64{"old": first.Stamp}, Built: map[string]uint64{"old_item": first.Stamp}},
		kv.Removal{Entity: sku("1"), Records: map[string]uint64{"old": 0}},
		kv.Removal{Entity: sku("never heard of"), Records: map[string]uint64{"old": 0}, Built: map[string]uint64{"old_item": 1}})
	if diff := cmp.Diff(before, state(t, s, sku("1"))); diff != "" || string(read(t, s, record("1", "old"))[0].Body) != `1` {
		t.Errorf("the state moved: %s", diff)
	}
	if entitiesOf(t, s)[sku("never heard of")] {
		t.Error("an entity came to be by a removal")
	}
}

// removesAll checks that an entity is forgotten when everything of it is removed, and also one of which only the state was left.
func removesAll(t *testing.T, s Records) {
	all := put(t, s, kv.Put{RecordKey: record("1", "old"), Value: value(kv.Alive, `1`)})
	put(t, s, kv.Put{RecordKey: record("kept", "product"), Value: value(kv.Alive, `1`)})
	must(t, s.Raise(t.Context(), sku("2"), []string{"old"})) // a gen without a record
	remove(t, s, 1, kv.Removal{Entity: sku("1"), Records: map[string]uint64{"old": all.Stamp}})
	remove(t, s, 0, kv.Removal{Entity: sku("2"), Records: map[string]uint64{"old": 0}})
	if got := state(t, s, sku("2")); len(got.Gens) != 0 {
		t.Errorf("a gen without a record is left: %+v", got)
	}
	s.Pass(t, kv.KeepUnknown+margin)
	if found := entitiesOf(t, s); len(found) != 1 || !found[sku("kept")] {
		t.Errorf("left are %v", found)
	}
}

// removesDamaged checks that damaged values are removed, too.
func removesDamaged(t *testing.T, s Records) {
	put(t, s, kv.Put{RecordKey: record("1", "old"), Value: value(kv.Alive, `1`)})
	put(t, s, kv.Put{RecordKey: record("1", "kept"), Value: value(kv.Alive, `1`)})
	s.Corrupt(t, record("1", "old").String(), func(b []byte) []byte { b[len(b)-1] ^= 1; return b })
	seen := read(t, s, record("1", "old"))[0]
	remove(t, s, 1, kv.Removal{Entity: sku("1"), Records: map[string]uint64{"old": seen.Stamp}})
	if got := state(t, s, sku("1")); got.Gens["old"] != 0 || got.Gens["kept"] == 0 {
		t.Errorf("state %+v", got)
	}
}

// removesLists checks that the lists to remove are removed, short ones and long ones, and no others.
func removesLists(t *testing.T, s Records) {
	long := kv.Relation{Target: item.Entity{Kind: "brand", ID: "long"}, Kind: "sku", Ref: "old"}
	lists := []kv.Relation{long}
	for _, id := range ids() {
		for _, ref := range []string{"brand", "old"} {
			lists = append(lists, kv.Relation{Target: item.Entity{Kind: "brand", ID: id}, Kind: "sku", Ref: ref})
		}
	}
	must(t, s.Relate(t.Context(), kv.Relate{Entity: sku("a|b"), Dimension: "product", Add: lists, Now: refs("brand", "x")}))
	for _, id := range numbered(600) {
		must(t, s.Relate(t.Context(), kv.Relate{Entity: sku(id), Dimension: "product", Add: []kv.Relation{long}, Now: refs("old", "long")}))
	}
	leftOver := func(l kv.Relation) bool { return l.Ref == "old" && l.Kind == "sku" && l.Target.Kind == "brand" }
	for again := range 2 {
		removed, cursor := 0, ""
		for {
			n, next, err := s.RemoveLists(t.Context(), cursor, 50, leftOver)
			must(t, err)
			removed += n
			cursor = next
			if next == "" {
				break
			}
		}
		if first := again == 0; first != (removed >= len(ids())+1) {
			t.Errorf("walk %d removed %d", again, removed)
		}
	}
	for _, l := range lists {
		if got := members(t, s, l); (len(got) > 0) != (l.Ref == "brand") {
			t.Errorf("list %+v has %d members", l, len(got))
		}
	}
}

// removesBlobs checks that blobs are removed, damaged ones too, and that what was written after the removal was prepared stays.
func removesBlobs(t *testing.T, s Blobs) {
	var seen []kv.BlobSeen
	for _, id := range ids() {
		putBlobs(t, s, kv.BlobPut{BlobKey: blob(id, "old"), Value: blobOf(5, `1`)}, kv.BlobPut{BlobKey: blob(id, "item"), Value: blobOf(5, `1`)})
		seen = append(seen, kv.BlobSeen{BlobKey: blob(id, "old"), Gen: 5})
	}
	putBlobs(t, s, kv.BlobPut{BlobKey: blob("new", "old"), Value: blobOf(6, `1`)}, kv.BlobPut{BlobKey: blob("bad", "old"), Value: blobOf(5, `1`)})
	s.Replace(t, blob("bad", "old").String())
	seen = append(seen, kv.BlobSeen{BlobKey: blob("new", "old"), Gen: 5}, kv.BlobSeen{BlobKey: blob("none", "old"), Gen: 5}, kv.BlobSeen{BlobKey: blob("bad", "old")})
	for again := range 2 {
		removed, err := s.RemoveBlobs(t.Context(), seen)
		if err != nil || len(removed) != len(seen) {
			t.Fatalf("%v, error %v", removed, err)
		}
		for i, b := range seen {
			if want := again == 0 && b.Entity.ID != "new" && b.Entity.ID != "none"; removed[i] != want {
				t.Errorf("time %d, %s: removed %t", again, b.BlobKey, removed[i])
			}
		}
	}
	for _, b := range seen {
		got := readBlobs(t, s, b.BlobKey, kv.BlobKey{Entity: b.Entity, Blob: "item"})
		if new := b.Entity.ID == "new"; (got[0].Existence == kv.Alive) != new {
			t.Errorf("%s: %+v", b.BlobKey, got[0])
		}
		if of := b.Entity.ID; of != "new" && of != "none" && of != "bad" && string(got[1].Body) != `1` {
			t.Errorf("item of %s: %+v", of, got[1])
		}
	}
}
