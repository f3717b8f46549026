package boltkv_test

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/internal/kv/boltkv"
)

var (
	stateNames = rapid.StringMatching(`[a-z][a-z0-9_]{0,8}`)
	stateRef   = rapid.Custom(func(t *rapid.T) kv.Ref {
		ids := rapid.SliceOfN(rapid.String(), 1, 4).Draw(t, "ids")
		return kv.Ref{IDs: ids, List: len(ids) > 1 || rapid.Bool().Draw(t, "list")}
	})
	stateRefs = rapid.Custom(func(t *rapid.T) kv.Refs { return rapid.MapOfN(stateNames, stateRef, 1, 3).Draw(t, "refs") })
)

// someOf draws a map that is nil where it is empty, as the maps of a state are.
func someOf[V any](t *rapid.T, name string, value *rapid.Generator[V]) map[string]V {
	m := rapid.MapOfN(stateNames, value, 0, 4).Draw(t, name)
	if len(m) == 0 {
		return nil
	}
	return m
}

// TestStateCodec proves that decoding yields the state that was encoded.
func TestStateCodec(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := kv.State{
			Gens: someOf(t, "gens", rapid.Uint64()), Shapes: someOf(t, "shapes", rapid.Uint32()),
			Built: someOf(t, "built", rapid.Uint64()), BuiltAs: someOf(t, "built as", rapid.Uint32()),
			Wanted: someOf(t, "wanted", stateRefs), Applied: someOf(t, "applied", stateRefs),
		}
		validators := someOf(t, "validators", rapid.Custom(func(t *rapid.T) kv.Validators {
			return kv.Validators{ETag: rapid.String().Draw(t, "etag"), LastModified: rapid.String().Draw(t, "modified")}
		}))
		last, written := rapid.Uint64().Draw(t, "last"), rapid.Int64().Draw(t, "written")
		encoded := boltkv.EncodeState(want, validators, last, written)
		got, gotValidators, gotLast, gotWritten, ok := boltkv.DecodeState(encoded)
		if !ok || gotLast != last || gotWritten != written {
			t.Fatalf("read %v, last %d, written %d; wrote %d, %d", ok, gotLast, gotWritten, last, written)
		}
		if diff := cmp.Diff(want, got) + cmp.Diff(validators, gotValidators); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff(validators, boltkv.ValidatorsOf(encoded)); diff != "" {
			t.Error("read alone:", diff)
		}
		if _, ok := boltkv.Recode(encoded[:rapid.IntRange(0, len(encoded)-1).Draw(t, "cut")]); ok {
			t.Error("a state that was cut off is read")
		}
	})
}

// FuzzState proves that any bytes are either decoded or refused.
func FuzzState(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{1, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Add([]byte{1, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	f.Add(boltkv.EncodeState(kv.State{Wanted: map[string]kv.Refs{"a": {"b": {IDs: []string{"1", "2"}, List: true}}}}, nil, 1, 2))
	f.Fuzz(func(t *testing.T, body []byte) {
		again, ok := boltkv.Recode(body)
		if !ok {
			return
		}
		if twice, ok := boltkv.Recode(again); !ok || !bytes.Equal(again, twice) {
			t.Errorf("%x is read, written as %x, and then as %x", body, again, twice)
		}
	})
}

// TestAStateOfAnEarlierVersion proves that a file whose states are JSON can be read, and that its states continue
// from there.
func TestAStateOfAnEarlierVersion(t *testing.T) {
	s := fresh(t, boltkv.Options{})
	key := kv.RecordKey{Entity: item.Entity{Kind: "sku", ID: "1"}, Dimension: "product"}
	put := kv.Put{
		RecordKey: key, Value: kv.Value{Header: kv.Header{Existence: kv.Alive, Shape: 7}, Body: []byte(`{}`)},
		Validators: kv.Validators{ETag: `"a"`, LastModified: "yesterday"}, Refs: kv.Refs{"brand": {IDs: []string{"9"}}, "tags": {IDs: []string{"x", "y"}, List: true}},
	}
	if _, err := s.PutRecords(t.Context(), []kv.Put{put}); err != nil {
		t.Fatal(err)
	}
	built := kv.Built{Entity: key.Entity, Gens: map[string]uint64{"item": 5}, Shapes: map[string]uint32{"item": 7}}
	if err := s.MarkBuilt(t.Context(), []kv.Built{built}); err != nil {
		t.Fatal(err)
	}
	before, records := statesAndRecords(t, s, key)
	if err := s.Corrupt(t.Context(), kv.StateKey(key.Entity), boltkv.OldState); err != nil {
		t.Fatal(err)
	}
	after, recordsAfter := statesAndRecords(t, s, key)
	if diff := cmp.Diff(before, after) + cmp.Diff(records, recordsAfter); diff != "" || after[0].Damaged {
		t.Error(diff)
	}
	put.Expect = records[0].Stamp
	results, err := s.PutRecords(t.Context(), []kv.Put{put})
	if err != nil || results[0].Outcome != kv.Applied || results[0].State.Gens["product"] <= before[0].Gens["product"] {
		t.Errorf("the put gives %+v, error %v; want it applied with a higher gen", results, err)
	}
}

func statesAndRecords(t *testing.T, s subject, key kv.RecordKey) ([]kv.State, []kv.Record) {
	t.Helper()
	states, err := s.States(t.Context(), []item.Entity{key.Entity})
	if err != nil {
		t.Fatal(err)
	}
	records, err := s.Records(t.Context(), []kv.RecordKey{key})
	if err != nil {
		t.Fatal(err)
	}
	return states, records
}
