package kvtest

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"vitrine/internal/kv"
)

// ExerciseBlobs tests that a store keeps the contract of kv.Blobs, with a subtest for each part of it. open returns an empty store, and
// closes it at the end of the test that it is given.
func ExerciseBlobs(t *testing.T, open func(t *testing.T) Blobs) {
	cases := []struct {
		name string
		test func(t *testing.T, s Blobs)
	}{
		{"a missing blob is absent", missingBlob},
		{"a blob is read as it was put", blobReadAsPut},
		{"a blob is written only over an absent or lower one", onlyOverLower},
		{"gens compare as numbers", gensAsNumbers},
		{"of concurrent writers the highest gen stays", highestStays},
		{"a tombstone is a blob", blobTombstones},
		{"a damaged blob is reported, and mended by a put of any gen", damagedBlob},
		{"something else in a blob's place is absence", replacedBlob},
		{"a batch mixes entities, and results match by position", mixedBlobs},
		{"large bodies are kept", largeBlobs},
		{"ids of every form are kept apart", blobIDsApart},
		{"an absent value is refused", refusesAbsentBlob},
		{"an ended context is an error", blobsContext},
		{"what is removed is as if it had never been, unless it was written since", removesBlobs},
		{"a scan finds every blob, also while others are added", scansBlobs},
		{"any sequence agrees with a model of maps", blobsMachine},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { c.test(t, open(t)) })
	}
}

func blobOf(gen uint64, body string) kv.Value {
	v := value(kv.Alive, body)
	v.Stamp = gen
	return v
}

func putBlobs(t *testing.T, s kv.BlobPutter, all ...kv.BlobPut) []bool {
	t.Helper()
	stored, err := s.PutBlobs(t.Context(), all)
	if err != nil || len(stored) != len(all) {
		t.Fatalf("put of %d blobs: %d results, error %v", len(all), len(stored), err)
	}
	return stored
}

func readBlobs(t *testing.T, s kv.BlobGetter, keys ...kv.BlobKey) []kv.Blob {
	t.Helper()
	blobs, err := s.Blobs(t.Context(), keys)
	if err != nil || len(blobs) != len(keys) {
		t.Fatalf("read of %d blobs: %d, error %v", len(keys), len(blobs), err)
	}
	return blobs
}

func missingBlob(t *testing.T, s Blobs) {
	putBlobs(t, s, kv.BlobPut{BlobKey: blob("1", "item"), Value: blobOf(1, `1`)})
	for i, got := range readBlobs(t, s, blob("1", "offer"), blob("2", "item")) {
		if diff := cmp.Diff(kv.Blob{}, got); diff != "" {
			t.Errorf("blob %d is there:\n%s", i, diff)
		}
	}
	if stored := putBlobs(t, s); len(stored) != 0 {
		t.Errorf("no puts give %v", stored)
	}
}

func blobReadAsPut(t *testing.T, s Blobs) {
	want := kv.Blob{Value: blobOf(1_790_000_000_000_000, `{"product":{"title":"灯"}}`)}
	want.Refs = kv.Refs{"brand": {IDs: []string{"8557"}}, "path": {IDs: []string{"3", "2.1", "品"}, List: true}}
	if stored := putBlobs(t, s, kv.BlobPut{BlobKey: blob("1", "item"), Value: want.Value}); !stored[0] {
		t.Error("it was not stored")
	}
	if diff := cmp.Diff(want, readBlobs(t, s, blob("1", "item"))[0]); diff != "" {
		t.Errorf("read differs from put (-want +got):\n%s", diff)
	}
}

func onlyOverLower(t *testing.T, s Blobs) {
	key := blob("1", "item")
	for _, step := range []struct {
		gen    uint64
		stored bool
	}{{5, true}, {5, false}, {4, false}, {0, false}, {6, true}, {5, false}, {100, true}} {
		stored := putBlobs(t, s, kv.BlobPut{BlobKey: key, Value: blobOf(step.gen, fmt.Sprint(step.gen))})
		if stored[0] != step.stored {
			t.Errorf("gen %d: stored %t, want %t", step.gen, stored[0], step.stored)
		}
	}
	stored := putBlobs(t, s, // applied in this order
		kv.BlobPut{BlobKey: key, Value: blobOf(102, `102`)}, kv.BlobPut{BlobKey: key, Value: blobOf(101, `101`)}, kv.BlobPut{BlobKey: key, Value: blobOf(103, `103`)})
	if diff := cmp.Diff([]bool{true, false, true}, stored); diff != "" {
		t.Errorf("three in one call (-want +got):\n%s", diff)
	}
	if got := readBlobs(t, s, key)[0]; got.Stamp != 103 || string(got.Body) != `103` {
		t.Errorf("gen %d, body %s", got.Stamp, got.Body)
	}
}

// gensAsNumbers uses gens that would compare wrongly as text, as signed bytes, or as floats.
func gensAsNumbers(t *testing.T, s Blobs) {
	for i, pair := range [][2]uint64{{9, 10}, {0x7f, 0x80}, {0xff, 0x100}, {0x0d0a, 0x0d0b}, {1<<53 - 1, 1 << 53}, {1 << 53, 1<<53 + 1}, {1<<63 - 1, 1 << 63}} {
		key := blob(fmt.Sprint(i), "item")
		low, high := kv.BlobPut{BlobKey: key, Value: blobOf(pair[0], `0`)}, kv.BlobPut{BlobKey: key, Value: blobOf(pair[1], `1`)}
		if diff := cmp.Diff([]bool{true, true, false}, putBlobs(t, s, low, high, low)); diff != "" {
			t.Errorf("%d, %d, %d (-want +got):\n%s", pair[0], pair[1], pair[0], diff)
		}
	}
}

func highestStays(t *testing.T, s Blobs) {
	var group sync.WaitGroup
	var stored [33]atomic.Int32
	for range 4 {
		group.Go(func() {
			for gen := uint64(1); gen <= 32; gen++ {
				won, err := s.PutBlobs(t.Context(), []kv.BlobPut{{BlobKey: blob("1", "item"), Value: blobOf(gen, fmt.Sprint(gen))}})
				if err != nil {
					t.Error(err)
					return
				}
				if won[0] {
					stored[gen].Add(1)
				}
			}
		})
	}
	group.Wait()
	for gen := range stored {
		if n := stored[gen].Load(); n > 1 || gen == 32 && n != 1 {
			t.Errorf("gen %d was stored %d times", gen, n)
		}
	}
	if got := readBlobs(t, s, blob("1", "item"))[0]; got.Stamp != 32 || string(got.Body) != `32` {
		t.Errorf("gen %d, body %s", got.Stamp, got.Body)
	}
}

func blobTombstones(t *testing.T, s Blobs) {
	for id, life := range map[string]kv.Existence{"gone": kv.Gone, "unknown": kv.Unknown} {
		key, v := blob(id, "item"), value(life, ``)
		v.Stamp = 2
		putBlobs(t, s, kv.BlobPut{BlobKey: key, Value: blobOf(1, `1`)}, kv.BlobPut{BlobKey: key, Value: v})
		if diff := cmp.Diff(kv.Blob{Value: v}, readBlobs(t, s, key)[0], cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", id, diff)
		}
		back := []kv.BlobPut{{BlobKey: key, Value: blobOf(2, `2`)}, {BlobKey: key, Value: blobOf(3, `3`)}}
		if diff := cmp.Diff([]bool{false, true}, putBlobs(t, s, back...)); diff != "" {
			t.Errorf("puts over %s (-want +got):\n%s", id, diff)
		}
	}
}

func damagedBlob(t *testing.T, s Blobs) {
	key := blob("a/b:{x}", "item")
	for name, mutate := range map[string]func([]byte) []byte{
		"the body flipped":        func(b []byte) []byte { b[len(b)-1] ^= 1; return b },
		"the gen flipped higher":  func(b []byte) []byte { b[2] ^= 0x40; return b },
		"the form flipped":        func(b []byte) []byte { b[0] ^= 1; return b },
		"the end cut off":         func(b []byte) []byte { return b[:len(b)-1] },
		"only a header left":      func(b []byte) []byte { return b[:kv.HeaderSize] },
		"less than a header left": func(b []byte) []byte { return b[:kv.HeaderSize-1] },
		"something else there":    func(b []byte) []byte { return []byte(`{"not":"ours","but":"longer than a header of 40 bytes"}`) },
	} {
		high := readBlobs(t, s, key)[0].Stamp + 10
		putBlobs(t, s, kv.BlobPut{BlobKey: key, Value: blobOf(high, `"whole"`)})
		s.Corrupt(t, key.String(), mutate)
		if diff := cmp.Diff([]kv.Blob{{Damaged: true}, {}}, readBlobs(t, s, key, blob("1", "item"))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if stored := putBlobs(t, s, kv.BlobPut{BlobKey: key, Value: blobOf(high, `"mended"`)}); !stored[0] {
			t.Errorf("%s: the damage was not overwritten", name)
		}
		if got := readBlobs(t, s, key)[0]; string(got.Body) != `"mended"` {
			t.Errorf("%s: body %s after the put", name, got.Body)
		}
	}
}

func refusesAbsentBlob(t *testing.T, s Blobs) {
	for _, life := range []kv.Existence{kv.Absent, 4, 255} {
		if _, err := s.PutBlobs(t.Context(), []kv.BlobPut{{BlobKey: blob("1", "item"), Value: value(life, ``)}}); err == nil {
			t.Errorf("life %d was stored", life)
		}
	}
}

func blobsContext(t *testing.T, s Blobs) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Blobs(ctx, []kv.BlobKey{blob("1", "item")}); err == nil {
		t.Error("Blobs gives no error")
	}
	if _, err := s.PutBlobs(ctx, []kv.BlobPut{{BlobKey: blob("1", "item"), Value: blobOf(1, `1`)}}); err == nil {
		t.Error("PutBlobs gives no error")
	}
	if _, _, err := s.ScanBlobs(ctx, "", 10); err == nil {
		t.Error("ScanBlobs gives no error")
	}
	if got := readBlobs(t, s, blob("1", "item"))[0]; got.Existence != kv.Absent {
		t.Error("a put under an ended context was stored")
	}
}

func scansBlobs(t *testing.T, s Blobs) {
	var all []kv.BlobPut
	for _, id := range append(numbered(400), ids()...) {
		for _, name := range []string{"item", "offer"} {
			all = append(all, kv.BlobPut{BlobKey: blob(id, name), Value: blobOf(1, `1`)})
		}
	}
	putBlobs(t, s, all...)
	next := func(cursor string, limit int) ([]kv.BlobKey, string, error) {
		return s.ScanBlobs(t.Context(), cursor, limit)
	}
	seen := scan(t, next, func(page int) {
		if page < 20 {
			putBlobs(t, s, kv.BlobPut{BlobKey: blob(fmt.Sprintf("added-%d", page), "item"), Value: blobOf(1, `1`)})
		}
	})
	for _, p := range all {
		if !seen[p.BlobKey] {
			t.Errorf("%s was not found", p.BlobKey)
		}
		delete(seen, p.BlobKey)
	}
	for k := range seen {
		if len(k.Entity.ID) < 6 || k.Entity.ID[:6] != "added-" {
			t.Errorf("%s was found, and never put", k)
		}
	}
}
