package sqlsource_test

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"

	"vitrine/internal/catalog"
	"vitrine/internal/long"
	"vitrine/internal/trial"
	"vitrine/internal/upstream"
	"vitrine/templates"
)

// walk reads a list to its end.
func walk(t *testing.T, c *upstream.Client, l *catalog.List) (ids []string, pages int) {
	t.Helper()
	cursor := ""
	for {
		page, next, err := c.List(t.Context(), l, cursor)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, page...)
		pages++
		if next == "" {
			return ids, pages
		}
		cursor = next
	}
}

// TestLongList proves that a long list is read page by page, and that one page can't fill the memory.
func TestLongList(t *testing.T) {
	s := servers.Postgres(t)
	rows := long.Pick(20_000, 200_000)
	s.Do("CREATE TABLE p (sku text PRIMARY KEY)", fmt.Sprintf("INSERT INTO p SELECT 'SKU-' || lpad(i::text, 9, '0') FROM generate_series(1, %d) i", rows))
	cat := shop(t, s, "get: 'SELECT sku FROM p WHERE sku > $cursor ORDER BY sku LIMIT 1000'", "get: 'SELECT sku FROM p WHERE sku = $1'")
	c := client(t, cat)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	count, pages, cursor, last := 0, 0, "", ""
	for {
		ids, next, err := c.List(t.Context(), cat.Kinds["sku"].List, cursor)
		if err != nil {
			t.Fatal(err)
		}
		for _, id := range ids {
			if id <= last {
				t.Fatalf("%s after %s", id, last)
			}
			last = id
		}
		count += len(ids)
		pages++
		if next == "" {
			break
		}
		cursor = next
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if count != rows || pages != rows/1000+1 {
		t.Errorf("%d ids in %d pages", count, pages)
	}
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 4<<20 {
		t.Errorf("the heap has grown by %d bytes", grown)
	}
	whole := shop(t, s, "get: 'SELECT sku, repeat(sku, 100) AS filling FROM p'", "get: 'SELECT sku FROM p WHERE sku = $1'")
	_, _, err := c.List(t.Context(), whole.Kinds["sku"].List, "")
	if err == nil || !strings.Contains(err.Error(), "more than 16777216 bytes") {
		t.Errorf("a page without a limit: %v", err)
	}
}

// tell returns everything that catalog check --try reports about a catalog.
func tell(t *testing.T, src string) (found []string) {
	t.Helper()
	set, err := templates.LoadFolder(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	cat, err := catalog.Parse([]byte(src), "shop.yaml", catalog.Options{})
	if err != nil {
		return []string{err.Error()}
	}
	for _, m := range append(cat.MissingTemplates("shop.yaml", set.Pages(), set.Has), cat.Mistakes...) {
		found = append(found, m.Error())
	}
	trial.Run(t.Context(), trial.Config{Catalog: cat, File: "shop.yaml", Client: client(t, cat), Templates: set, Report: func(f trial.Finding) {
		if f.Failed || f.Warning {
			found = append(found, f.Text)
		}
	}})
	return found
}

// TestExample proves that the example in the docs works as it stands, and that mistakes in it are named, with their line.
func TestExample(t *testing.T) {
	tables, err := os.ReadFile("../../../docs/examples/postgres.sql")
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile("../../../docs/examples/postgres.yaml")
	if err != nil {
		t.Fatal(err)
	}
	s := servers.Postgres(t)
	s.Do(string(tables))
	url := "postgres://reader@127.0.0.1:5432/shop"
	if !strings.Contains(string(file), url) {
		t.Fatalf("the example has no %s", url)
	}
	sound := strings.ReplaceAll(string(file), url, s.URL)
	if found := tell(t, sound); len(found) > 0 {
		t.Errorf("of the example: %s", strings.Join(found, "\n"))
	}
	for _, m := range mistakes {
		t.Run(m.new, func(t *testing.T) {
			at := strings.Index(sound, m.old)
			if at < 0 {
				t.Fatalf("%q is not in the example", m.old)
			}
			all := strings.Join(tell(t, sound[:at]+m.new+sound[at+len(m.old):]), "\n")
			wantWords(t, all, m.says, "shop.yaml:", "hint: ")
			if strings.Contains(all, "canary") {
				t.Errorf("the password is told: %s", all)
			}
		})
	}
}

// mistakes are made in the example, each alone.
var mistakes = []struct{ old, new, says string }{
	// Found by reading the catalog.
	{"get: SELECT id, name FROM brands WHERE id = $1", "get: /brands/{id}", "begins with \"/brands"},
	{"WHERE id = $1", "WHERE id = 7", "lacks $1"},
	{"WHERE id = $1", "WHERE id = $2", "the parameter $2"},
	{"WHERE id = $1", "WHERE id = '$1'", "lacks $1"},
	{"get: SELECT id, name", "get: DELETE FROM brands; SELECT id, name", "begins with DELETE"},
	{"rows: many", "rows: all", "must be one or many"},
	{"sku > $cursor", "sku > $since", "can't have $since, which is for a poll"},
	{"updated_at > $since", "updated > $since", "column \"updated\" does not exist"},
	{"reader@127", "reader:canary@127", "can't have a password"},
	{"env:SHOP_DB_PASSWORD", "canary", "names no variable"},
	{"sslmode=disable", "sslmode=off", "sslmode="},
	{", timeout: 2s }", ", headers: { A: b } }", "headers is not for a database"},
	{"id_field: sku", "fails: .error", "fails is not for a database"},
	// Found by asking the server.
	{"SELECT id, name FROM brands WHERE id = $1", "SELECT id, nam FROM brands WHERE id = $1", `hint: Perhaps you meant to reference the column "brands.name"`},
	{"FROM brands WHERE id > $cursor", "FROM brand WHERE id > $cursor", `relation "brand" does not exist`},
	{"FROM brands WHERE id = ANY($1)", "FROM brands WHERE id IN ($1)", "write sku = ANY($1)"},
	{"FROM brands WHERE id = ANY($1)", "FROM brands WHERE id = ANY($1::text[])", "without a cast"},
	{"SELECT sku, active", "SELECT active", `no column "sku"`},
	{"version: updated_at", "version: updatedat", "did you mean updated_at?"},
	{"SELECT sku FROM products WHERE sku > $cursor ORDER BY sku LIMIT 1000", "SELECT name FROM products", "knows none"},
}
