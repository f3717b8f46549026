package cli_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/internal/kv/rediskv"
	"vitrine/internal/shape"
)

// stored is a store of records and blobs.
type stored interface {
	kv.RecordReader
	kv.BlobGetter
}

// openRedis opens a Redis as a newly started process does.
func openRedis(t *testing.T, url string) *rediskv.Store {
	t.Helper()
	store, err := rediskv.Open(t.Context(), rediskv.Config{URL: url, Log: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	return store
}

// storeDiffers names each record of a SKU that differs from the shop's answer, and each blob that differs from a fold
// of its records.
func storeDiffers(t *testing.T, s *shop, store stored, file string) (wrong []string) {
	t.Helper()
	src, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	cat, err := catalog.Parse(src, file, catalog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for ids := range slices.Chunk(s.IDs(), 100) {
		wrong = append(wrong, entitiesDiffer(t, s, store, cat.Kinds["sku"], ids)...)
	}
	return wrong
}

// entitiesDiffer reads what the store holds of entities with two calls, and compares it.
func entitiesDiffer(t *testing.T, s *shop, store stored, kind *catalog.Kind, ids []string) (wrong []string) {
	t.Helper()
	var recordKeys []kv.RecordKey
	var blobKeys []kv.BlobKey
	for _, id := range ids {
		e := item.Entity{Kind: kind.Name, ID: id}
		for _, d := range kind.Dimensions {
			recordKeys = append(recordKeys, kv.RecordKey{Entity: e, Dimension: d.Name})
		}
		for _, b := range kind.Blobs {
			blobKeys = append(blobKeys, kv.BlobKey{Entity: e, Blob: b.Name})
		}
	}
	records, err := store.Records(t.Context(), recordKeys)
	if err != nil {
		return []string{err.Error()}
	}
	blobs, err := store.Blobs(t.Context(), blobKeys)
	if err != nil {
		return []string{err.Error()}
	}
	for i, id := range ids {
		held := records[i*len(kind.Dimensions) : (i+1)*len(kind.Dimensions)]
		if w := entityDiffers(t, s, kind, id, held, blobs[i*len(kind.Blobs):(i+1)*len(kind.Blobs)]); w != "" {
			wrong = append(wrong, w)
		}
	}
	return wrong
}

// entityDiffers takes the records of a kind's dimensions and its blobs, each in their order.
func entityDiffers(t *testing.T, s *shop, kind *catalog.Kind, id string, held []kv.Record, blobs []kv.Blob) string {
	t.Helper()
	records := map[string]kv.Record{}
	for i, d := range kind.Dimensions {
		records[d.Name] = held[i]
		if w := recordDiffers(t, s, d, id, held[i]); w != "" {
			return w
		}
	}
	e := item.Entity{Kind: kind.Name, ID: id}
	for i, b := range kind.Blobs {
		want, err := shape.Fold(b, e, records)
		if err != nil {
			t.Fatal(err)
		}
		got := blobs[i]
		if got.Existence != want.Existence || !bytes.Equal(got.Body, want.Body) || !got.Refs.Equal(want.Refs) {
			return fmt.Sprintf("blob %s of %s is no rebuild of its records:\n%s", b.Name, e, cmp.Diff(string(want.Body), string(got.Body)))
		}
	}
	return ""
}

func recordDiffers(t *testing.T, s *shop, d *catalog.Dimension, id string, got kv.Record) string {
	t.Helper()
	p, _ := s.Get(id)
	if p.Gone {
		if got.Existence == kv.Alive {
			return fmt.Sprintf("%s of %s is alive in the store, and deleted in the shop", d.Name, id)
		}
		return ""
	}
	what := map[string]string{"product": "products", "price": "prices"}[d.Name]
	want, _, err := shape.MakeRecord(d, []byte(mustJSON(t, row(what, id, p))))
	if err != nil {
		t.Fatal(err)
	}
	if got.Existence != kv.Alive || !bytes.Equal(got.Body, want.Body) {
		return fmt.Sprintf("record %s of %s: %s, want %s", d.Name, id, got.Body, want.Body)
	}
	return ""
}

// holds waits until a store agrees with the shop for every entity.
func (s *shop) holds(t *testing.T, store stored, file string) {
	t.Helper()
	eventually(t, func() string {
		if wrong := storeDiffers(t, s, store, file); len(wrong) > 0 {
			return fmt.Sprintf("%d entities are wrong in the store, the first: %s", len(wrong), wrong[0])
		}
		return ""
	})
}

// related waits until the index of each brand lists its SKUs.
func (r *running) related(s *shop) {
	r.t.Helper()
	eventually(r.t, func() string {
		lists := map[string]map[string]bool{}
		for _, id := range s.IDs() {
			p, _ := s.Get(id)
			if p.Gone || p.Brand == "" {
				continue
			}
			if lists[p.Brand] == nil {
				lists[p.Brand] = r.skusOf(p.Brand)
			}
			if !lists[p.Brand][id] {
				return fmt.Sprintf("%s is not in the list of brand %s", id, p.Brand)
			}
		}
		return ""
	})
}

func (r *running) skusOf(brand string) map[string]bool {
	r.t.Helper()
	ids := map[string]bool{}
	for cursor := ""; ; {
		var page struct {
			IDs  []string
			Next string
		}
		status, _, body := fetch(r.t, r.Pages+"/relations/brand/"+brand+"/brand?cursor="+url.QueryEscape(cursor))
		if status != http.StatusOK || json.Unmarshal(body, &page) != nil {
			return nil
		}
		for _, id := range page.IDs {
			ids[id] = true
		}
		cursor = page.Next
		if cursor == "" {
			return ids
		}
	}
}

// fresh waits until each existing page is served without a stale mark and with its brand.
func (r *running) fresh(s *shop) {
	r.t.Helper()
	for _, id := range s.IDs() {
		eventually(r.t, func() string {
			if wrong := r.differs(s, id); wrong != "" {
				return wrong
			}
			if p := r.get(id); p.Header.Get("X-Vitrine-Stale") != "" {
				return fmt.Sprintf("the page of %s is marked stale: %v", id, p.Header)
			}
			return ""
		})
	}
}
