package kvtest

import (
	"fmt"
	"testing"

	"vitrine/internal/kv"
)

func mixedBlobs(t *testing.T, s Blobs) {
	var all []kv.BlobPut
	var keys []kv.BlobKey
	for i, id := range numbered(700) {
		all = append(all, kv.BlobPut{BlobKey: blob(id, "item"), Value: blobOf(uint64(i%3+1), fmt.Sprintf(`%q`, id))})
		keys = append(keys, blob(id, "missing"), blob(id, "item"))
	}
	putBlobs(t, s, all...)
	for i := range all {
		all[i].Value = blobOf(2, `"over"`)
	}
	for i, stored := range putBlobs(t, s, all...) {
		if want := i%3 == 0; stored != want {
			t.Fatalf("position %d: stored %t over gen %d", i, stored, i%3+1)
		}
	}
	for i, b := range readBlobs(t, s, keys...) {
		want := fmt.Sprintf(`%q`, keys[i].Entity.ID)
		switch {
		case i%2 == 0:
			want = ""
		case i/2%3 == 0:
			want = `"over"`
		}
		if string(b.Body) != want {
			t.Fatalf("position %d, %s: body %q, want %q", i, keys[i], b.Body, want)
		}
	}
}

func largeBlobs(t *testing.T, s Blobs) {
	body := large(600 << 10)
	var all []kv.BlobPut
	var keys []kv.BlobKey
	for i := range 8 {
		keys = append(keys, blob(fmt.Sprint(i), "desc"))
		all = append(all, kv.BlobPut{BlobKey: keys[i], Value: blobOf(1, body)})
	}
	putBlobs(t, s, all...)
	for i, b := range readBlobs(t, s, keys...) {
		if b.Damaged || string(b.Body) != body {
			t.Errorf("body %d of %d bytes came back with %d, damaged %t", i, len(body), len(b.Body), b.Damaged)
		}
	}
}

func blobIDsApart(t *testing.T, s Blobs) {
	var keys []kv.BlobKey
	for i, id := range ids() {
		keys = append(keys, blob(id, "item"))
		putBlobs(t, s, kv.BlobPut{BlobKey: keys[i], Value: blobOf(1, fmt.Sprint(i))})
	}
	for i, b := range readBlobs(t, s, keys...) {
		if string(b.Body) != fmt.Sprint(i) {
			t.Errorf("id %q has %q, want %d", keys[i].Entity.ID, b.Body, i)
		}
	}
}
