package cli_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const servedCatalog = `
version: 1
upstreams: { articles: { url: "serve:articles" } }
entities:
  sku:
    list: { from: articles, get: "/rows?cursor={cursor}", ids: '[.items[].sku]', next: .next }
    dimensions: { product: { from: articles, get: "/rows/{id}", batch: "/rows?ids={ids}", id_field: sku } }
    blobs: { item: { of: [product] } }
pages: { item: { path: "/item/{sku}.html", blob: item, template: item.html } }
`

// TestACatalogIsTriedWithItsFiles proves that a catalog of served files is tried before anything runs, and that a mistake shows.
func TestACatalogIsTriedWithItsFiles(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "articles.csv")
	if err := os.WriteFile(file, []byte("sku;title;size, mm\nä/1;Lamp;2\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	cat := catalogFor(t, "%s", strings.Replace(servedCatalog, "id_field: sku }", "id_field: sku, pick: '{title, size: .\"size, mm\"}' }", 1))
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"--serve", "articles=" + file + ":sku"}, 0, `{"size":"2","title":"Lamp"}`},
		{[]string{"--serve", "articles=" + file + ":title"}, 1, "FAIL"},
		{[]string{"--serve", "articles=" + file + ":nr"}, 1, `no column "nr"`},
		{nil, 1, "--serve articles=FILE"},
	} {
		code, out, stderr := vitrine(t, append([]string{"catalog", "check", cat, "--try"}, c.args...)...)
		if code != c.code || !strings.Contains(out+stderr, c.says) {
			t.Errorf("%q: code %d, want %d; it should say %s:\n%s%s", c.args, code, c.code, c.says, out, stderr)
		}
	}
}

// TestAServedFileEditedWhileNobodyRan proves that rows which were changed, added or deleted between two runs show on
// pages without a refresh.
func TestAServedFileEditedWhileNobodyRan(t *testing.T) {
	t.Parallel()
	stores(t, func(t *testing.T, args ...string) {
		dir := t.TempDir()
		file := filepath.Join(dir, "articles.jsonl")
		edit := func(from, to int, title string) {
			t.Helper()
			var b strings.Builder
			for i := from; i < to; i++ {
				fmt.Fprintf(&b, "{\"sku\":\"%d\",\"title\":\"%s %d\"}\n", i, title, i)
			}
			if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		page := func(v *running, id int, status int, says string) {
			t.Helper()
			eventually(t, func() string {
				code, _, body := fetch(t, fmt.Sprintf("%s/item/%d.json", v.Pages, id))
				if code != status || !strings.Contains(string(body), says) {
					return fmt.Sprintf("%d: status %d, want %d with %q: %s", id, code, status, says, body)
				}
				return ""
			})
		}
		args = append(args, "--catalog", catalogFor(t, servedCatalog), "--serve", "articles="+file+":sku")
		edit(0, 60, "Before")
		v := up(t, filepath.Join(dir, "data"), args...)
		v.refreshAll()
		for id := range 60 {
			page(v, id, http.StatusOK, fmt.Sprintf("Before %d", id))
		}
		if code := v.stop(); code != 0 {
			t.Fatal("code", code)
		}
		edit(10, 70, "After")
		v = up(t, filepath.Join(dir, "data"), args...)
		for id := range 10 {
			page(v, id, http.StatusGone, "")
		}
		for id := 10; id < 70; id++ {
			page(v, id, http.StatusOK, fmt.Sprintf("After %d", id))
		}
	})
}
