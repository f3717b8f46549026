package boltkv_test

import (
	"fmt"
	"testing"

	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/internal/kv/boltkv"
)

// readAll reads by each method of the store, and returns the results without looking at them.
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

// TestReadValuesOutliveTheirFile looks at results only after the file that they were read from has been replaced and
// closed. A result that still pointed into the mapped file would cause a memory fault.
func TestReadValuesOutliveTheirFile(t *testing.T) {
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
