package chaos_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"testing"

	"vitrine/internal/canary"
	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/internal/shape"
)

// entities lists everything that the shop has or once had.
func (s *shop) entities() (all []item.Entity) {
	for _, id := range s.ids() {
		all = append(all, item.Entity{Kind: "sku", ID: id})
	}
	for _, id := range s.brandIDs() {
		all = append(all, item.Entity{Kind: "brand", ID: id})
	}
	return all
}

// stores hold records and blobs.
type stores interface {
	kv.RecordReader
	kv.BlobGetter
}

// differences names each record that differs from the shop's answer, and each blob that differs from a fold of its
// records.
func (s *shop) differences(ctx context.Context, cat *catalog.Catalog, store stores) (wrong []string) {
	for _, e := range s.entities() {
		kind := cat.Kinds[e.Kind]
		records := map[string]kv.Record{}
		for _, d := range kind.Dimensions {
			got, err := store.Records(ctx, []kv.RecordKey{{Entity: e, Dimension: d.Name}})
			if err != nil {
				return []string{fmt.Sprintf("records of %s: %v", e, err)}
			}
			records[d.Name] = got[0]
			if w := s.recordDiffers(d, e.ID, got[0]); w != "" {
				wrong = append(wrong, fmt.Sprintf("record %s of %s: %s", d.Name, e, w))
			}
		}
		for _, b := range kind.Blobs {
			if w := blobDiffers(ctx, store, b, e, records); w != "" {
				wrong = append(wrong, fmt.Sprintf("blob %s of %s: %s", b.Name, e, w))
			}
		}
	}
	return wrong
}

// nameInShop maps each dimension to the shop's name for it.
var nameInShop = map[string]string{"product": "products", "price": "prices", "stock": "stocks", "brand": "brands"}

func (s *shop) recordDiffers(d *catalog.Dimension, id string, got kv.Record) string {
	a := s.answer(nameInShop[d.Name], id, false)
	if a == nil {
		if got.Existence == kv.Alive {
			return "is alive, and deleted in the shop: " + string(got.Body)
		}
		return ""
	}
	body, err := json.Marshal(a)
	if err != nil {
		return err.Error()
	}
	want, _, err := shape.MakeRecord(d, body)
	switch {
	case err != nil:
		return err.Error()
	case got.Existence != kv.Alive:
		return fmt.Sprintf("has life %d, and the shop says %s", got.Existence, body)
	case !bytes.Equal(got.Body, want.Body):
		return fmt.Sprintf("says %s, and the shop %s", got.Body, want.Body)
	}
	return ""
}

func blobDiffers(ctx context.Context, store stores, b *catalog.Blob, e item.Entity, records map[string]kv.Record) string {
	want, err := shape.Fold(b, e, records)
	if err != nil {
		return err.Error()
	}
	got, err := store.Blobs(ctx, []kv.BlobKey{{Entity: e, Blob: b.Name}})
	switch {
	case err != nil:
		return err.Error()
	case want.Existence != kv.Alive && got[0].Existence != kv.Alive:
		return ""
	case got[0].Existence != want.Existence || !bytes.Equal(got[0].Body, want.Body):
		return fmt.Sprintf("says %s (life %d), and its records fold to %s (life %d)", got[0].Body, got[0].Existence, want.Body, want.Existence)
	}
	return ""
}

// pageDiffers says how a SKU's page differs from what the shop answers.
func (s *shop) pageDiffers(t *testing.T, base, id string, stocks bool) string {
	var page struct {
		Product struct{ Title string }
		Price   struct{ Amount int }
		Stock   struct{ Quantity int }
		Brand   struct{ Title string }
	}
	status, said, err := getJSON(t.Context(), base+"/item/"+url.PathEscape(id)+".json", &page)
	p, _ := s.get(id)
	b, _ := s.brand(p.Brand)
	switch {
	case err != nil:
		return err.Error()
	case p.Gone && (status == http.StatusGone || status == http.StatusNotFound):
		return ""
	case p.Gone || status != http.StatusOK:
		return fmt.Sprintf("status %d (%s), and in the shop it is deleted: %t", status, said, p.Gone)
	case page.Product.Title != p.Title || page.Price.Amount != p.Price || stocks && page.Stock.Quantity != p.Stock || page.Brand.Title != b.Title:
		return fmt.Sprintf("says %+v (%s), and the shop %q %d %d %q", page, said, p.Title, p.Price, p.Stock, b.Title)
	}
	return ""
}

// relationDiffers names the SKUs that a brand's relation lacks, and those that it has though they are not of that brand.
func (s *shop) relationDiffers(t *testing.T, base, brand string) string {
	listed := map[string]bool{}
	for cursor := ""; ; {
		var page struct {
			IDs  []string
			Next *string
		}
		status, _, err := getJSON(t.Context(), base+"/relations/brand/"+brand+"/brand?cursor="+url.QueryEscape(cursor), &page)
		if err != nil || status != http.StatusOK {
			return fmt.Sprintf("status %d, %v", status, err)
		}
		for _, id := range page.IDs {
			listed[id] = true
		}
		if page.Next == nil {
			break
		}
		cursor = *page.Next
	}
	var missing, strange []string
	for _, id := range s.ids() {
		p, _ := s.get(id)
		switch belongs := !p.Gone && p.Brand == brand; {
		case belongs && !listed[id]:
			missing = append(missing, id)
		case !belongs && listed[id]:
			strange = append(strange, id)
		}
	}
	if len(missing)+len(strange) == 0 {
		return ""
	}
	return fmt.Sprintf("lacks %q, and has %q", missing, strange)
}

// getJSON reads an answer and the source that its header names.
func getJSON(ctx context.Context, url string, into any) (status int, said string, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, "", err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if shown := canary.In(fmt.Sprint(answer.Header, string(body))); err == nil && shown != "" {
		return 0, "", fmt.Errorf("%s shows %s", url, shown)
	}
	if err == nil && answer.StatusCode == http.StatusOK {
		err = json.Unmarshal(body, into)
	}
	said = "from " + answer.Header.Get("X-Vitrine-Source") + ", gen " + answer.Header.Get("X-Vitrine-Gen")
	if stale := answer.Header.Get("X-Vitrine-Stale"); stale != "" {
		said += ", stale " + stale
	}
	return answer.StatusCode, said, err
}
