package recipes_test

import (
	"log/slog"
	"net/http/httptest"
	"testing"

	"vitrine/internal/jsonl"
)

// TestCSV proves that the recipe makes a page of a line, and one of each category, of which the file has no more than the names.
func TestCSV(t *testing.T) {
	servers := map[string]string{}
	for _, arg := range []string{"articles=testdata/articles.csv:sku", "categories=testdata/articles.csv:category,distinct"} {
		spec, err := jsonl.ParseSpec(arg)
		if err != nil {
			t.Fatal(err)
		}
		table, err := jsonl.Open(t.Context(), spec, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		server := httptest.NewServer(table.Handler())
		t.Cleanup(server.Close)
		servers["serve:"+spec.Name] = server.URL
	}
	r := openAt(t, "csv.yaml", servers, nil)
	pages := r.try()
	r.has(pages["item"], "Desk lamp, white", "49.90", "59.90", "https://img.example/l1.jpg", `href="/category/Lamps%20%26%20lights.html"`)
	r.has(pages["desc"], "Bends &#34;in all&#34; directions.")
	r.has(pages["category"], "<h1>Lamps &amp; lights</h1>")
}
