package recipes_test

import (
	"log/slog"
	"testing"

	"vitrine/internal/jsonl"
)

// TestCSV proves that the recipe makes a page of a line.
func TestCSV(t *testing.T) {
	table, err := jsonl.Open(t.Context(), jsonl.Spec{Name: "articles", Path: "testdata/articles.csv", IDField: "sku"}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	r := open(t, "csv.yaml", "serve:articles", nil, table.Handler())
	pages := r.try()
	r.has(pages["item"], "Desk lamp, white", "49.90", "59.90", "https://img.example/l1.jpg")
	r.has(pages["desc"], "Bends &#34;in all&#34; directions.")
}
