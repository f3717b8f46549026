package cli_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"html"
	"iter"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/tidwall/gjson"

	"vitrine/internal/long"
)

// TestRealCatalogues takes three real catalogues from their files through NATS to pages, and compares every page with
// its row. The short form takes some families of articles only.
func TestRealCatalogues(t *testing.T) {
	t.Parallel()
	const data, examples = "../../../shared/data", "../../docs/examples"
	if _, err := os.Stat(data); err != nil {
		t.Skipf("no real catalogues here (%v): they are not part of the project", err)
	}
	file := func(name string) string { return filepath.Join(data, name+".jsonl.zst") }
	folder := t.TempDir()
	part := func(name, id string, n uint32) string {
		return someRows(t, file(name), filepath.Join(folder, name+".jsonl"), id, n)
	}
	products, sets, articles := part("yanxuan-zh.products", "id", 60), part("lego-to2015", "setID", 400), part("luma-html", "sku", 60)
	categories, brands := index(readRows(t, file("yanxuan-zh.categories")), "id"), index(readRows(t, file("yanxuan-zh.brands")), "id")
	for _, c := range []struct {
		name, rows, id, title, price string
		serve                        []string
		check                        func(row, page map[string]any) string
	}{
		{name: "yanxuan", rows: products, id: "id", title: "name", price: "retail_price", serve: []string{
			"products=" + products, "categories=" + file("yanxuan-zh.categories"), "brands=" + file("yanxuan-zh.brands"),
		}, check: func(row, page map[string]any) string {
			return joined(row, page, categories, brands)
		}},
		{name: "lego", rows: sets, id: "setID", title: "name", price: "US_retailPrice", serve: []string{"sets=" + sets + ":setID"},
			check: func(row, page map[string]any) string {
				for _, step := range page["path"].([]any) {
					if at(step, "title") == row["theme"] {
						return ""
					}
				}
				return "the theme is not on the path"
			}},
		{name: "luma", rows: articles, id: "sku", title: "name", price: "", serve: []string{"rows=" + articles + ":sku"},
			check: func(row, page map[string]any) string {
				if family, _, _ := strings.Cut(text(row["sku"]), "-"); row["kind"] == "simple" && row["visibility"] == "Not Visible Individually" {
					return differs("family", at(page, "family", "product"), family)
				}
				return ""
			}},
	} {
		t.Run(c.name, func(t *testing.T) {
			args := []string{"--catalog", filepath.Join(examples, c.name+".yaml")}
			for _, s := range c.serve {
				args = append(args, "--serve", s)
			}
			v := up(t, t.TempDir(), args...)
			v.refreshAll()
			for _, row := range readRows(t, c.rows) {
				if row["configurable_variations"] != nil {
					continue // a family, which is an entity that its SKUs join
				}
				id := text(row[c.id])
				status, _, body := fetch(t, v.Pages+"/item/"+url.PathEscape(id)+".json")
				if status == http.StatusGone && row["on_sale"] == false {
					continue
				}
				page := map[string]any{}
				if err := decode(body, &page); err != nil || status != http.StatusOK {
					t.Fatalf("%s: status %d, %v", id, status, err)
				}
				wrong := differs("title", strings.TrimSpace(text(at(page, "product", "title"))), strings.TrimSpace(html.UnescapeString(text(row[c.title]))))
				if c.price != "" {
					wrong += differs("price", at(page, "price", "amount"), row[c.price])
				}
				wrong += c.check(row, page)
				if wrong != "" {
					t.Fatalf("%s: %s", id, wrong)
				}
			}
		})
	}
}

// joined compares the category path and the brand of a page with the rows of their upstreams.
func joined(row, page map[string]any, categories, brands map[string]map[string]any) (wrong string) {
	leaf := categories[text(row["category_id"])]
	if leaf != nil {
		path, _ := page["path"].([]any)
		wrong += differs("last step of the path", at(page, "path", len(path)-1, "title"), leaf["name"])
		if root := categories[text(leaf["pid"])]; root != nil {
			wrong += differs("first step of the path", at(page, "path", 0, "title"), root["name"])
		}
	}
	if brand := brands[text(row["brand_id"])]; brand != nil {
		wrong += differs("brand", at(page, "brand", "title"), brand["name"])
	}
	return wrong
}

func differs(what string, got, want any) string {
	if text(got) == text(want) {
		return ""
	}
	return fmt.Sprintf("%s is %q, want %q. ", what, text(got), text(want))
}

// at follows keys and positions into v. It returns nil where there is nothing.
func at(v any, steps ...any) any {
	for _, s := range steps {
		switch s := s.(type) {
		case string:
			m, _ := v.(map[string]any)
			v = m[s]
		case int:
			l, _ := v.([]any)
			if s < 0 || s >= len(l) {
				return nil
			}
			v = l[s]
		}
	}
	return v
}

func text(v any) string {
	if v == nil {
		return ""
	}
	return fmt.Sprint(v)
}

func index(rows []map[string]any, id string) map[string]map[string]any {
	out := map[string]map[string]any{}
	for _, r := range rows {
		out[text(r[id])] = r
	}
	return out
}

func readRows(t *testing.T, path string) (rows []map[string]any) {
	t.Helper()
	for line := range readLines(t, path) {
		row := map[string]any{}
		if err := decode(line, &row); err != nil {
			t.Fatal(err)
		}
		rows = append(rows, row)
	}
	return rows
}

// readLines yields the lines of a file, uncompressed. A line is valid until the next one.
func readLines(t *testing.T, path string) iter.Seq[[]byte] {
	t.Helper()
	return func(yield func([]byte) bool) {
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		lines := bufio.NewScanner(f)
		if strings.HasSuffix(path, ".zst") {
			z, err := zstd.NewReader(f)
			if err != nil {
				t.Fatal(err)
			}
			defer z.Close()
			lines = bufio.NewScanner(z)
		}
		lines.Buffer(nil, 16<<20)
		for lines.Scan() {
			if !yield(lines.Bytes()) {
				return
			}
		}
		if err := lines.Err(); err != nil {
			t.Fatal(err)
		}
	}
}

// someRows writes one in n families of a file's rows to another file and returns its path. A family's rows have ids
// that agree up to the first dash. The full form takes all rows and returns from.
func someRows(t *testing.T, from, to, id string, n uint32) string {
	t.Helper()
	if long.Full() {
		return from
	}
	var some bytes.Buffer
	for line := range readLines(t, from) {
		family, _, _ := strings.Cut(gjson.GetBytes(line, id).String(), "-")
		if crc32.ChecksumIEEE([]byte(family))%n == 0 {
			some.Write(line)
			some.WriteByte('\n')
		}
	}
	if err := os.WriteFile(to, some.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	return to
}

// decode unmarshals JSON and keeps numbers as they are written.
func decode(b []byte, into any) error {
	d := json.NewDecoder(strings.NewReader(string(b)))
	d.UseNumber()
	return d.Decode(into)
}
