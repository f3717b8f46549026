package kvtest

import (
	"bytes"
	"context"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"vitrine/internal/item"
	"vitrine/internal/kv"
)

// ExerciseRecords tests that a store keeps the contract of kv.Records, with a subtest for each part of it. open returns an empty store, and
// closes it at the end of the test that it is given.
func ExerciseRecords(t *testing.T, open func(t *testing.T) Records) {
	cases := []struct {
		name string
		test func(t *testing.T, s Records)
	}{
		{"a missing record is absent, with stamp 0", missingRecord},
		{"a record is read as it was put", readAsPut},
		{"ids of every form are kept apart", idsApart},
		{"a put over a stamp that moved is refused", overtaken},
		{"of concurrent writers over one stamp one wins", oneWins},
		{"unchanged content gets a new stamp and no new gen", sameContent},
		{"stamps and gens of an entity come from one rising counter", oneCounter},
		{"gens do not repeat after all data is lost", afterFlush},
		{"tombstones are records", tombstones},
		{"what nobody has leaves nothing behind", unknownForgotten},
		{"a state is kept as long as a record of its entity", stateKept},
		{"a step that comes after all was forgotten is forgotten, too", lateSteps},
		{"validators are kept with the record in force", validators},
		{"wanted refs are those of the record in force", wantedRefs},
		{"puts of one call are done in order", inOrder},
		{"a batch mixes entities, and results match by position", mixedBatch},
		{"large bodies are kept", largeBodies},
		{"an absent value is refused", refusesAbsent},
		{"a damaged record is reported, and mended by the next put", damagedRecord},
		{"a short or empty value is damage", shortRecord},
		{"a damaged state is reported, harms no neighbour, and is mended", damagedState},
		{"unchanged content gets a new gen where the old one is damaged", damagedSame},
		{"something else in a record's place is absence", replacedRecord},
		{"something else in a list's place is an empty list", replacedList},
		{"results do not share memory", noSharing},
		{"an ended context is an error", recordsContext},
		{"built rises only", builtRises},
		{"the state holds shapes", builtAs},
		{"raise gives new gens and no new record", raises},
		{"an entity never heard of has an empty state", emptyState},
		{"relate moves the index and marks the refs applied", relates},
		{"relate is refused where other refs were applied", relateChanged},
		{"of concurrent relates over the same refs one wins", relateOnce},
		{"a list of thousands is paged whole and without repeats", pagesList},
		{"ids of every form stand in lists", idsInLists},
		{"lists of other kinds, refs and targets are kept apart", listsApart},
		{"a scan finds every entity, also while others are added", scansEntities},
		{"what is removed is as if it had never been", removes},
		{"what was written since it was seen is not removed", removesAsSeen},
		{"an entity of which all is removed is forgotten", removesAll},
		{"a damaged record is removed", removesDamaged},
		{"lists that are left over are removed, and no other", removesLists},
		{"epochs and marks stand until the store is flushed", lineage},
		{"any sequence agrees with a model of maps", recordsMachine},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { c.test(t, open(t)) })
	}
}

func missingRecord(t *testing.T, s Records) {
	put(t, s, kv.Put{RecordKey: record("1", "price"), Value: value(kv.Alive, `1`)})
	for _, key := range []kv.RecordKey{record("1", "product"), record("2", "price")} {
		if diff := cmp.Diff(kv.Record{}, read(t, s, key)[0]); diff != "" {
			t.Errorf("%s is there:\n%s", key, diff)
		}
	}
	if got, err := s.Records(t.Context(), nil); err != nil || len(got) != 0 {
		t.Errorf("no keys give %v, error %v", got, err)
	}
}

func readAsPut(t *testing.T, s Records) {
	want := kv.Record{Value: value(kv.Alive, `{"title":"灯 <b>","price":5.10}`), Validators: kv.Validators{ETag: `W/"a"`, LastModified: "Sat, 21 Nov 2026 00:00:00 GMT"}}
	r := put(t, s, kv.Put{RecordKey: record("1", "product"), Value: want.Value, Validators: want.Validators, Refs: refs("brand", "8557")})
	want.Stamp = r.Stamp
	got := read(t, s, record("1", "product"))[0]
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("read differs from put (-want +got):\n%s", diff)
	}
	if r.Outcome != kv.Applied || r.Stamp == 0 {
		t.Errorf("outcome %d, stamp %d", r.Outcome, r.Stamp)
	}
	if diff := cmp.Diff(state(t, s, sku("1")), r.State, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("the put's state is not the one that is read (-read +put):\n%s", diff)
	}
}

func idsApart(t *testing.T, s Records) {
	var keys []kv.RecordKey
	for _, id := range ids() {
		keys = append(keys, record(id, "product"))
		put(t, s, kv.Put{RecordKey: record(id, "product"), Value: value(kv.Alive, `{"of":"`+item.EncodeID(id)+`"}`)})
	}
	for i, r := range read(t, s, keys...) {
		if want := `{"of":"` + item.EncodeID(ids()[i]) + `"}`; string(r.Body) != want {
			t.Errorf("id %q has %q, want %q", ids()[i], r.Body, want)
		}
	}
	for _, id := range ids() {
		if got := state(t, s, sku(id)).Gens["product"]; got == 0 {
			t.Errorf("id %q has no gen", id)
		}
	}
}

func overtaken(t *testing.T, s Records) {
	key := record("1", "price")
	first := put(t, s, kv.Put{RecordKey: key, Value: value(kv.Alive, `1`)})
	second := put(t, s, kv.Put{RecordKey: key, Expect: first.Stamp, Value: value(kv.Alive, `2`), Refs: refs("brand", "b")})
	for _, expect := range []uint64{0, first.Stamp, second.Stamp - 1, second.Stamp + 1} {
		late := puts(t, s, kv.Put{RecordKey: key, Expect: expect, Value: value(kv.Alive, `3`), Validators: kv.Validators{ETag: "late"}})[0]
		if diff := cmp.Diff(kv.PutResult{Outcome: kv.Changed, Stamp: second.Stamp, State: second.State}, late, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("put over %d (-want +got):\n%s", expect, diff)
		}
	}
	if got := read(t, s, key)[0]; string(got.Body) != `2` || got.Stamp != second.Stamp || got.ETag != "" {
		t.Errorf("a refused put left %s, stamp %d, ETag %q", got.Body, got.Stamp, got.ETag)
	}
	if r := puts(t, s, kv.Put{RecordKey: record("2", "price"), Expect: 7, Value: value(kv.Alive, `1`)})[0]; r.Outcome != kv.Changed || r.Stamp != 0 {
		t.Errorf("put over a stamp of a record that is not there: outcome %d, stamp %d", r.Outcome, r.Stamp)
	}
}

func oneWins(t *testing.T, s Records) {
	key, stamp := record("1", "price"), uint64(0)
	for range 10 {
		const writers = 8
		var group sync.WaitGroup
		results, errs := make([][]kv.PutResult, writers), make([]error, writers)
		for i := range writers {
			group.Go(func() {
				results[i], errs[i] = s.PutRecords(t.Context(), []kv.Put{{RecordKey: key, Expect: stamp, Value: value(kv.Alive, `1`)}})
			})
		}
		group.Wait()
		won, next := 0, uint64(0)
		for i := range writers {
			must(t, errs[i])
			if results[i][0].Outcome == kv.Applied {
				won++
				next = results[i][0].Stamp
			}
		}
		for i := range writers {
			if got := results[i][0].Stamp; got != next {
				t.Errorf("writer %d got the stamp %d, the winner %d", i, got, next)
			}
		}
		if won != 1 || next <= stamp {
			t.Fatalf("%d of %d writers over stamp %d won, with %d", won, writers, stamp, next)
		}
		stamp = next
	}
}

func refusesAbsent(t *testing.T, s Records) {
	for _, life := range []kv.Existence{kv.Absent, 4, 255} {
		if _, err := s.PutRecords(t.Context(), []kv.Put{{RecordKey: record("1", "price"), Value: value(life, ``)}}); err == nil {
			t.Errorf("life %d was stored", life)
		}
	}
	if got := read(t, s, record("1", "price"))[0]; got.Stamp != 0 || got.Damaged {
		t.Errorf("something was stored: %+v", got)
	}
}

func damagedRecord(t *testing.T, s Records) {
	key := record("12049.1", "product")
	was := put(t, s, kv.Put{RecordKey: key, Value: value(kv.Alive, `{"title":"Lamp"}`), Validators: kv.Validators{ETag: "a"}})
	s.Corrupt(t, key.String(), func(b []byte) []byte { b[len(b)-3] ^= 4; return b })
	got := read(t, s, key)[0]
	if diff := cmp.Diff(kv.Record{Value: kv.Value{Header: kv.Header{Stamp: was.Stamp}}, Damaged: true}, got); diff != "" {
		t.Fatalf("the damaged record (-want +got):\n%s", diff)
	}
	now := put(t, s, kv.Put{RecordKey: key, Expect: got.Stamp, Value: value(kv.Alive, `{"title":"Lamp"}`)})
	if now.Outcome != kv.Applied || now.State.Gens["product"] <= was.State.Gens["product"] {
		t.Errorf("outcome %d, gen %d after %d", now.Outcome, now.State.Gens["product"], was.State.Gens["product"])
	}
	if got := read(t, s, key)[0]; got.Damaged || string(got.Body) != `{"title":"Lamp"}` {
		t.Errorf("after the put: damaged %t, body %s", got.Damaged, got.Body)
	}
}

func shortRecord(t *testing.T, s Records) {
	for id, cut := range map[string]int{"one": 1, "header": kv.HeaderSize - 1} {
		key := record(id, "product")
		put(t, s, kv.Put{RecordKey: key, Value: value(kv.Alive, `{}`)})
		s.Corrupt(t, key.String(), func(b []byte) []byte { return b[:cut] })
		got := read(t, s, key)[0]
		if diff := cmp.Diff(kv.Record{Damaged: true}, got); diff != "" {
			t.Errorf("%d bytes (-want +got):\n%s", cut, diff)
		}
		put(t, s, kv.Put{RecordKey: key, Expect: got.Stamp, Value: value(kv.Alive, `{}`)})
	}
}

func noSharing(t *testing.T, s Records) {
	key, body := record("1", "product"), []byte(`{"a":1}`)
	v := value(kv.Alive, ``)
	v.Body = body
	put(t, s, kv.Put{RecordKey: key, Value: v})
	clear(body)
	first := read(t, s, key)[0]
	if string(first.Body) != `{"a":1}` {
		t.Fatalf("the store kept the caller's bytes: %q", first.Body)
	}
	clear(first.Body)
	if again := read(t, s, key)[0]; !bytes.Equal(again.Body, []byte(`{"a":1}`)) {
		t.Errorf("the reader's bytes are the store's: %q", again.Body)
	}
}

func recordsContext(t *testing.T, s Records) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	of := kv.Relation{Target: item.Entity{Kind: "brand", ID: "b"}, Kind: "sku", Ref: "brand"}
	calls := map[string]func() error{
		"Records": func() error { _, err := s.Records(ctx, []kv.RecordKey{record("1", "price")}); return err },
		"States":  func() error { _, err := s.States(ctx, []item.Entity{sku("1")}); return err },
		"MarkBuilt": func() error {
			return s.MarkBuilt(ctx, []kv.Built{{Entity: sku("1"), Gens: map[string]uint64{"item": 1}}})
		},
		"Raise": func() error { return s.Raise(ctx, sku("1"), []string{"price"}) },
		"Relate": func() error {
			return s.Relate(ctx, kv.Relate{Entity: sku("1"), Dimension: "price", Add: []kv.Relation{of}})
		},
		"Related": func() error { _, _, err := s.Related(ctx, of, "", 1); return err },
		"Scan":    func() error { _, _, err := s.ScanEntities(ctx, "", 1); return err },
		"Parts":   func() error { _, err := s.Parts(ctx); return err },
		"PutRecords": func() error {
			_, err := s.PutRecords(ctx, []kv.Put{{RecordKey: record("1", "price"), Value: value(kv.Alive, `1`)}})
			return err
		},
	}
	for name, call := range calls {
		if err := call(); err == nil {
			t.Errorf("%s gives no error", name)
		}
	}
	if got := read(t, s, record("1", "price"))[0]; got.Existence != kv.Absent {
		t.Errorf("a put under an ended context was stored")
	}
}
