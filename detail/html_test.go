package detail_test

import (
	"strings"
	"testing"

	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/internal/kv/kvtest"
)

// TestHTMLOfAnotherShapeIsCleanedOnTheWayOut proves that a field is cleaned when it is served, since it may have been
// stored before the catalog declared it as html.
func TestHTMLOfAnotherShapeIsCleanedOnTheWayOut(t *testing.T) {
	const evil = `{"description":{"html":"<p>Fine <b>tea</b></p><script>steal()<\/script><img src=x onerror=steal()>"}}`
	s := open(t)
	blob, err := s.catalog.Blob("sku", "desc")
	if err != nil {
		t.Fatal(err)
	}
	blob.Shape = 5
	for id, shape := range map[string]uint32{"mixed": 0, "older": 4, "today": 5} {
		key := kv.BlobKey{Entity: item.Entity{Kind: "sku", ID: id}, Blob: "desc"}
		s.redis.Set(func(m *kvtest.Memory) {
			m.Stored[key] = kv.Value{Header: kv.Header{Existence: kv.Alive, Stamp: 1, Shape: shape}, Body: []byte(evil)}
		})
		got := s.get(t, "/desc/"+id+".html")
		if got.status != 200 || !strings.Contains(got.body, "<b>tea</b>") {
			t.Fatalf("%s: status %d, want 200 with the cleaned HTML: %s", id, got.status, got.body)
		}
		if dirty := strings.Contains(got.body, "steal()"); dirty != (shape == blob.Shape) {
			t.Errorf("%s: what is not of the catalog's shape has to be cleaned, and only that: %s", id, got.body)
		}
	}
}
