package kvtest

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vitrine/internal/item"
	"vitrine/internal/kv"
)

func parts(t *testing.T, s kv.Lineage) []kv.Shard {
	t.Helper()
	all, err := s.Parts(t.Context())
	must(t, err)
	if len(all) == 0 {
		t.Fatal("a store has no parts")
	}
	return all
}

// lineage checks that epochs and marks stay until the store is emptied, and that every shard then shows the loss.
func lineage(t *testing.T, s Records) {
	first := parts(t, s)
	for _, p := range first {
		if p.Epoch == "" || p.Run == "" || p.Mark != nil {
			t.Errorf("a new store has the part %+v", p)
		}
	}
	put(t, s, kv.Put{RecordKey: record("1", "product"), Value: value(kv.Alive, `1`)})
	must(t, s.Mark(t.Context(), first, []byte("here")))
	marked := parts(t, s)
	for i := range first {
		if marked[i].Clock.Before(first[i].Clock) {
			t.Errorf("the clock of %+v went back: %s", first[i], marked[i].Clock)
		}
		first[i].Mark = []byte("here")
		first[i].Clock = marked[i].Clock
	}
	if diff := cmp.Diff(first, marked); diff != "" {
		t.Errorf("after a mark: %s", diff)
	}

	emptied := s.Flush(t)
	for i, p := range parts(t, emptied) {
		if p.Name != first[i].Name || p.Epoch == first[i].Epoch || p.Mark != nil {
			t.Errorf("after the flush of %+v: %+v", first[i], p)
		}
	}
	if err := emptied.Mark(t.Context(), marked, []byte("of another life")); !errors.Is(err, item.ErrChanged) {
		t.Errorf("a mark for a life that has ended: %v", err)
	}
	for _, p := range parts(t, emptied) {
		if p.Mark != nil {
			t.Errorf("a mark for a life that has ended was left: %+v", p)
		}
	}
}
