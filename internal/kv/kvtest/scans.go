package kvtest

import (
	"fmt"
	"testing"

	"vitrine/internal/item"
	"vitrine/internal/kv"
)

// scan follows the cursors of next to the end, and returns the keys that it saw. It calls between after each page.
func scan[K comparable](t *testing.T, next func(cursor string, limit int) ([]K, string, error), between func(page int)) map[K]bool {
	t.Helper()
	seen, cursor := map[K]bool{}, ""
	for page := range 100_000 {
		keys, after, err := next(cursor, 50)
		must(t, err)
		for _, k := range keys {
			seen[k] = true
		}
		if after == "" {
			return seen
		}
		cursor = after
		between(page)
	}
	t.Fatal("the scan does not end")
	return nil
}

func scansEntities(t *testing.T, s Records) {
	var all []kv.Put
	for _, id := range append(numbered(700), ids()...) {
		all = append(all, kv.Put{RecordKey: record(id, "product"), Value: value(kv.Alive, `1`)})
	}
	puts(t, s, all...)
	next := func(cursor string, limit int) ([]item.Entity, string, error) {
		return s.ScanEntities(t.Context(), cursor, limit)
	}
	seen := scan(t, next, func(page int) {
		if page < 20 {
			put(t, s, kv.Put{RecordKey: record(fmt.Sprintf("added-%d", page), "product"), Value: value(kv.Alive, `1`)})
		}
	})
	for _, p := range all {
		if !seen[p.Entity] {
			t.Errorf("%s was not found", p.Entity)
		}
		delete(seen, p.Entity)
	}
	for e := range seen {
		if len(e.ID) < 6 || e.ID[:6] != "added-" {
			t.Errorf("%s was found, and never put", e)
		}
	}
}
