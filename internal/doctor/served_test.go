package doctor_test

import (
	"encoding/json"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vitrine/internal/bustest"
	"vitrine/internal/control"
	"vitrine/internal/doctor"
	"vitrine/internal/jsonl"
)

// TestServedFilesAreTried proves that a catalog is tried with the files that up serves, that another command is named where they can't be
// read, and that a mistake in their dimension is found.
func TestServedFilesAreTried(t *testing.T) {
	server, conn := bustest.Start(t)
	dir := t.TempDir()
	rows := filepath.Join(dir, "rows.jsonl")
	if err := os.WriteFile(rows, []byte(`{"sku":"1","title":"Lamp"}`+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	table, err := jsonl.Open(t.Context(), jsonl.Spec{Name: "articles", Path: rows, IDField: "sku"}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	files := httptest.NewServer(table.Handler())
	t.Cleanup(files.Close)
	const source = `version: 1
upstreams: { articles: { url: "serve:articles" } }
entities:
  sku:
    list: { from: articles, get: "/rows?cursor={cursor}", ids: '[.items[].sku]', next: .next }
    dimensions: { product: { from: articles, get: "/rows/{id}", pick: '{title}' } }
    blobs: { item: { of: [product] } }
pages: { item: { path: "/item/{sku}.html", blob: item, template: item.html } }
`
	file := filepath.Join(dir, "shop.yaml")
	if err := os.WriteFile(file, []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	bucket := conn.Bucket(control.CatalogBucket)
	put := func(key, value string) {
		t.Helper()
		if _, err := bucket.Put(t.Context(), key, []byte(value)); err != nil {
			t.Fatal(err)
		}
	}
	address, err := json.Marshal(map[string]string{"articles": files.URL})
	if err != nil {
		t.Fatal(err)
	}
	put(control.ServeKey, string(address))
	tries := func(catalog, want string) {
		t.Helper()
		var said strings.Builder
		doctor.Run(t.Context(), doctor.Config{Dir: dir, NATS: server.URL(), Catalog: catalog, Log: slog.New(slog.DiscardHandler), Report: func(f doctor.Finding) {
			if f.What == "try" {
				said.WriteString(f.Text + "\n")
			}
		}})
		if !strings.Contains(said.String(), want) {
			t.Errorf("with the catalog %q, %q is not in\n%s", catalog, want, said.String())
		}
	}
	put(control.CatalogKey, source)
	tries("", `sku.product: 1 records, such as {"title":"Lamp"}`)
	tries(file, "vitrine catalog check "+file+" --try --serve articles=FILE")
	put(control.CatalogKey, strings.Replace(source, "{title}", "{title: .titel}", 1))
	tries("", "did you mean title?")
	files.Close()
	tries("", "up must run, on this machine")
}
