package kvtest

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"vitrine/internal/kv"
)

func sameContent(t *testing.T, s Records) {
	key := record("1", "product")
	first := put(t, s, kv.Put{RecordKey: key, Value: value(kv.Alive, `1`), Validators: kv.Validators{ETag: "a"}})
	second := put(t, s, kv.Put{RecordKey: key, Expect: first.Stamp, Value: value(kv.Alive, `1`), Same: true, Validators: kv.Validators{ETag: "b"}})
	if second.Outcome != kv.Same || second.Stamp <= first.Stamp {
		t.Errorf("outcome %d, stamp %d after %d", second.Outcome, second.Stamp, first.Stamp)
	}
	if diff := cmp.Diff(first.State, second.State, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("the state moved (-before +after):\n%s", diff)
	}
	if got := read(t, s, key)[0]; got.Stamp != second.Stamp || got.ETag != "b" {
		t.Errorf("stamp %d, ETag %q, want %d, b", got.Stamp, got.ETag, second.Stamp)
	}
	if late := puts(t, s, kv.Put{RecordKey: key, Expect: first.Stamp, Value: value(kv.Alive, `1`), Same: true})[0]; late.Outcome != kv.Changed {
		t.Errorf("the same over a stamp that moved: outcome %d", late.Outcome)
	}
}

func oneCounter(t *testing.T, s Records) {
	last, stamps := uint64(0), map[string]uint64{}
	for i := range 40 {
		dimension := []string{"product", "price", "stock"}[i%3]
		same := i%4 == 3 && stamps[dimension] != 0
		r := put(t, s, kv.Put{RecordKey: record("1", dimension), Expect: stamps[dimension], Value: value(kv.Alive, fmt.Sprint(i)), Same: same})
		if r.Stamp <= last {
			t.Fatalf("stamp %d after %d", r.Stamp, last)
		}
		if gen := r.State.Gens[dimension]; !same && (gen <= last || gen > r.Stamp) {
			t.Fatalf("gen %d, stamp %d, after %d", gen, r.Stamp, last)
		}
		last = r.Stamp
		stamps[dimension] = r.Stamp
		if i%5 == 4 {
			must(t, s.Raise(t.Context(), sku("1"), []string{dimension}))
			gen := state(t, s, sku("1")).Gens[dimension]
			if gen <= last {
				t.Fatalf("raised to %d after %d", gen, last)
			}
			last = gen
		}
	}
}

func afterFlush(t *testing.T, s Records) {
	key := record("1", "product")
	before := put(t, s, kv.Put{RecordKey: key, Value: value(kv.Alive, `1`)})
	flushed := s.Flush(t)
	if got := read(t, flushed, key)[0]; got.Stamp != 0 {
		t.Fatalf("stamp %d survived", got.Stamp)
	}
	after := put(t, flushed, kv.Put{RecordKey: key, Value: value(kv.Alive, `1`)})
	if after.Stamp <= before.Stamp || after.State.Gens["product"] <= before.State.Gens["product"] {
		t.Errorf("stamp %d after %d, gen %d after %d", after.Stamp, before.Stamp, after.State.Gens["product"], before.State.Gens["product"])
	}
}

func tombstones(t *testing.T, s Records) {
	for id, life := range map[string]kv.Existence{"gone": kv.Gone, "unknown": kv.Unknown} {
		key := record(id, "product")
		alive := put(t, s, kv.Put{RecordKey: key, Value: value(kv.Alive, `1`), Refs: refs("brand", "b")})
		want := kv.Record{Value: value(life, ``)}
		r := put(t, s, kv.Put{RecordKey: key, Expect: alive.Stamp, Value: want.Value})
		want.Stamp = r.Stamp
		if diff := cmp.Diff(want, read(t, s, key)[0], cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", id, diff)
		}
		if r.State.Gens["product"] <= alive.State.Gens["product"] || len(r.State.Wanted["product"]) != 0 {
			t.Errorf("%s: the gen did not rise, or refs are wanted still: %+v", id, r.State)
		}
		back := put(t, s, kv.Put{RecordKey: key, Expect: r.Stamp, Value: value(kv.Alive, `2`)})
		if got := read(t, s, key)[0]; got.Existence != kv.Alive || got.Stamp != back.Stamp {
			t.Errorf("%s does not come back: life %d", id, got.Existence)
		}
	}
}

func validators(t *testing.T, s Records) {
	stamp := uint64(0)
	for _, v := range []kv.Validators{{ETag: `"1"`}, {LastModified: "x"}, {}, {ETag: `"2"`, LastModified: "\"\\\n品"}} {
		stamp = put(t, s, kv.Put{RecordKey: record("1", "product"), Expect: stamp, Value: value(kv.Alive, `1`), Validators: v}).Stamp
		if diff := cmp.Diff(v, read(t, s, record("1", "product"))[0].Validators); diff != "" {
			t.Errorf("validators (-put +read):\n%s", diff)
		}
	}
}

func wantedRefs(t *testing.T, s Records) {
	stamp := uint64(0)
	for _, want := range []kv.Refs{refs("brand", "a.b"), {"brand": {IDs: []string{"品"}}, "siblings": {IDs: []string{"1"}, List: true}}, nil, refs("path", "3", "2", "1"), {}} {
		r := put(t, s, kv.Put{RecordKey: record("1", "product"), Expect: stamp, Value: value(kv.Alive, `1`), Refs: want})
		stamp = r.Stamp
		for _, got := range []kv.State{r.State, state(t, s, sku("1"))} {
			if !got.Wanted["product"].Equal(want) {
				t.Errorf("wanted %v, want %v", got.Wanted["product"], want)
			}
			if _, ok := got.Wanted["product"]; ok && len(want) == 0 {
				t.Errorf("no refs left an entry")
			}
		}
	}
}

func inOrder(t *testing.T, s Records) {
	key := record("1", "product")
	r := puts(t, s,
		kv.Put{RecordKey: key, Value: value(kv.Alive, `1`)},
		kv.Put{RecordKey: record("1", "price"), Value: value(kv.Alive, `2`)},
		kv.Put{RecordKey: key, Value: value(kv.Alive, `3`)}, // expects no record, but the first put has just written one
	)
	if r[0].Outcome != kv.Applied || r[1].Outcome != kv.Applied || r[2].Outcome != kv.Changed || r[2].Stamp != r[0].Stamp {
		t.Errorf("outcomes %d, %d, %d", r[0].Outcome, r[1].Outcome, r[2].Outcome)
	}
	if r[1].Stamp <= r[0].Stamp || r[1].State.Gens["product"] != r[0].State.Gens["product"] {
		t.Errorf("the second put does not build on the first: %+v, %+v", r[0], r[1])
	}
	if _, ok := r[0].State.Gens["price"]; ok {
		t.Errorf("the first result shows what the second put did: %v", r[0].State.Gens)
	}
}

func mixedBatch(t *testing.T, s Records) {
	var all []kv.Put
	var keys []kv.RecordKey
	for i, id := range numbered(400) {
		for _, dimension := range []string{"product", "price"} {
			all = append(all, kv.Put{RecordKey: record(id, dimension), Value: value(kv.Alive, fmt.Sprintf(`%q`, id+dimension))})
			keys = append(keys, record(id, dimension))
		}
		if i%3 == 0 {
			keys = append(keys, record(id, "missing"), record(id, "product")) // the record is read twice in one call
		}
	}
	for i, r := range puts(t, s, all...) {
		if r.Outcome != kv.Applied || r.State.Gens[all[i].Dimension] == 0 {
			t.Fatalf("put %d, %s: outcome %d, state %v", i, all[i].RecordKey, r.Outcome, r.State)
		}
	}
	for i, r := range read(t, s, keys...) {
		want := fmt.Sprintf(`%q`, keys[i].Entity.ID+keys[i].Dimension)
		if keys[i].Dimension == "missing" {
			want = ""
		}
		if string(r.Body) != want {
			t.Fatalf("position %d, %s: body %q", i, keys[i], r.Body)
		}
	}
}

func largeBodies(t *testing.T, s Records) {
	body := large(600 << 10)
	var all []kv.Put
	var keys []kv.RecordKey
	for i := range 8 {
		keys = append(keys, record(fmt.Sprint(i), "description"))
		all = append(all, kv.Put{RecordKey: keys[i], Value: value(kv.Alive, body)})
	}
	puts(t, s, all...)
	for i, r := range read(t, s, keys...) {
		if r.Damaged || string(r.Body) != body {
			t.Errorf("body %d of %d bytes came back with %d, damaged %t", i, len(body), len(r.Body), r.Damaged)
		}
	}
}
