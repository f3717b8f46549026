package kvtest

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"vitrine/internal/kv"
)

// blobsMachine applies random sequences of puts to a store and to a map, and compares the two.
func blobsMachine(t *testing.T, s Blobs) {
	run := 0
	rapid.Check(t, func(r *rapid.T) {
		run++
		held := map[kv.BlobKey]kv.Blob{}
		r.Repeat(map[string]func(*rapid.T){
			"put": func(r *rapid.T) { putDrawn(t, r, s, run, held) },
			"": func(r *rapid.T) {
				var keys []kv.BlobKey
				var want []kv.Blob
				for key, b := range held {
					keys = append(keys, key)
					want = append(want, b)
				}
				got, err := s.Blobs(t.Context(), keys)
				if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" || err != nil {
					r.Fatalf("blobs, error %v (-want +got):\n%s", err, diff)
				}
			},
		})
	})
}

// putDrawn puts up to 4 random blobs in one call, into the store and into the map.
func putDrawn(t *testing.T, r *rapid.T, s Blobs, run int, held map[kv.BlobKey]kv.Blob) {
	var all []kv.BlobPut
	var want []bool
	for range rapid.IntRange(1, 4).Draw(r, "puts") {
		key := blob(fmt.Sprintf("%d.%s", run, rapid.SampledFrom([]string{"a", "b"}).Draw(r, "sku")), "item")
		v := value(rapid.SampledFrom([]kv.Existence{kv.Alive, kv.Gone, kv.Unknown}).Draw(r, "life"), `{}`)
		if v.Existence != kv.Alive {
			v.Body = nil
		}
		v.Stamp = rapid.Uint64Range(1, 300).Draw(r, "gen")
		there, ok := held[key]
		stored := !ok || there.Stamp < v.Stamp
		if stored {
			held[key] = kv.Blob{Value: v}
		}
		all = append(all, kv.BlobPut{BlobKey: key, Value: v})
		want = append(want, stored)
	}
	got, err := s.PutBlobs(t.Context(), all)
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		r.Fatalf("stored, error %v (-want +got):\n%s", err, diff)
	}
}
