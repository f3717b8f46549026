package boltkv_test

import (
	"fmt"
	"testing"

	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/internal/kv/boltkv"
)

// readAll reads in each way that a store can be read, and gives what came as it came.
func readAll(t *testing.T, s *boltkv.Store, n int) (all []any) {
	t.Helper()
	var blobs []kv.BlobKey
	var records []kv.RecordKey
	var entities []item.Entity
	for i := range n {
		e := smallKey(i).Entity
		entities = append(entities, e)
		blobs = append(blobs, smallKey(i))
		records = append(records, kv.RecordKey{Entity: e, Dimension: "product"})
	}
	keep := func(got any, err error) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, got)
	}
	keep(s.Blobs(t.Context(), blobs))
	keep(s.Records(t.Context(), records))
	keep(s.States(t.Context(), entities))
	keep(s.Meta(t.Context(), "note"))
	keep(s.Parts(t.Context()))
	keep(s.Dictionaries(t.Context()))
	scanned, _, err := s.ScanEntities(t.Context(), "", n)
	keep(scanned, err)
	keys, _, err := s.ScanBlobs(t.Context(), "", n)
	keep(keys, err)
	return all
}

// TestWhatWasReadOutlivesItsFile looks at what was read only after the file that it was read from has been replaced and closed: to
// touch memory of that file would be a fault.
func TestWhatWasReadOutlivesItsFile(t *testing.T) {
	s, _ := grown(t, boltkv.Options{NoSync: true})
	if err := s.SetMeta(t.Context(), "note", []byte("kept")); err != nil {
		t.Fatal(err)
	}
	was := fmt.Sprint(readAll(t, s, kept))
	read := readAll(t, s, kept)
	for range 2 {
		if err := s.CompactNow(t.Context()); err != nil {
			t.Fatal(err)
		}
		until(t, "the file to be replaced", func() bool { return !left(t, s) })
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(read) != was {
		t.Error("what was read has changed with its file")
	}
}
