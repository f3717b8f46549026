package examples_test

import (
	"strings"
	"testing"
)

func TestAmazon22k(t *testing.T) {
	shop := open(t, "amazon22k.yaml")
	priced := 0
	for _, row := range sample(readRows(t, "walmart-amazon.amazon22k.csv.zst"), 20) {
		id := text(row["id"])
		item, offer := shop.blob(t, "sku", "item", row), shop.blob(t, "sku", "offer", row)
		equal(t, id, "title", at(item, "product", "title"), words(row["title"]))
		equal(t, id, "brand", at(item, "brand", "title"), words(row["brand"]))
		equal(t, id, "amount", at(offer, "price", "amount"), row["price"])
		equal(t, id, "mpn", at(item, "product", "mpn"), words(row["modelno"]))
		if at(offer, "price", "amount") != nil {
			priced++
			equal(t, id, "currency", at(offer, "price", "currency"), "USD")
		}
		want := 0
		for _, field := range []string{"brand", "modelno", "dimensions"} {
			if row[field] != "" {
				want++
			}
		}
		rows, _ := at(item, "specs").([]any)[0].(object)["rows"].([]any)
		equal(t, id, "rows of specs", len(rows), want)
		if brief := text(at(item, "product", "brief")); !strings.Contains(brief, strings.ReplaceAll(text(row["dimensions"]), " x ", " × ")) {
			t.Errorf("%s: the brief is %q", id, brief)
		}
	}
	if priced == 0 {
		t.Error("no article has a price")
	}
}

// words is a text with single spaces.
func words(v any) string { return strings.Join(strings.Fields(text(v)), " ") }
