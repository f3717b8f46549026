package sqlsource_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"vitrine/internal/item"
	"vitrine/internal/long"
	"vitrine/internal/upstream"
)

// TestALargeTable reads a table of 200,000 rows as a refresh of everything does: its list page by page, and the entities of each page in batches.
// Every record must be right, and none may stay in memory.
func TestALargeTable(t *testing.T) {
	long.Only(t)
	const rows = 200_000
	for _, d := range dialects() {
		t.Run(d.name, func(t *testing.T) {
			s := d.server(t)
			s.Do("CREATE TABLE p (sku varchar(64) PRIMARY KEY, title varchar(64))", map[string]string{
				"postgres": fmt.Sprintf("INSERT INTO p SELECT lpad(i::text, 9, '0'), 'title ' || i FROM generate_series(1, %d) i", rows),
				"mariadb":  fmt.Sprintf("INSERT INTO p SELECT lpad(seq, 9, '0'), concat('title ', seq) FROM seq_1_to_%d", rows),
			}[d.name])
			cat := shop(t, s, "get: 'SELECT sku FROM p WHERE sku > $cursor ORDER BY sku LIMIT 1000'",
				fmt.Sprintf("batch: 'SELECT sku, title FROM p WHERE sku %s', batch_max: 500, pick: .title, absent: gone", d.in))
			dimension, err := cat.Dimension("sku", "product")
			if err != nil {
				t.Fatal(err)
			}
			c := client(t, cat)
			before := heap()
			read, cursor := 0, ""
			for {
				ids, next, err := c.List(t.Context(), cat.Kinds["sku"].List, cursor)
				if err != nil {
					t.Fatal(err)
				}
				asks := make([]upstream.Ask, len(ids))
				for i, id := range ids {
					asks[i].ID = id
				}
				for _, a := range c.Fetch(t.Context(), dimension, asks) {
					read++
					if got, want := told(dimension, a), fmt.Sprintf(`"title %d"`, read); got != want {
						t.Fatalf("row %d is %s, want %s", read, got, want)
					}
				}
				if next == "" {
					break
				}
				cursor = next
			}
			if grown := heap() - before; read != rows || grown > 4<<20 {
				t.Errorf("%d rows were read, and the heap has grown by %d bytes", read, grown)
			}
		})
	}
}

// heap is how many bytes are in use.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestAnswersOf50MB proves that an answer of 50 MB is refused with its limit, is not kept in memory, and leaves the upstream as it
// was: one value, many small rows of one entity, a page of a list, and a batch of many entities.
func TestAnswersOf50MB(t *testing.T) {
	long.Only(t)
	for _, d := range dialects() {
		t.Run(d.name, func(t *testing.T) {
			s := d.server(t)
			text := map[string]string{"postgres": "text", "mariadb": "longtext"}[d.name]
			s.Do("CREATE TABLE p (sku varchar(64), body "+text+")", "INSERT INTO p VALUES ('huge', repeat('x', 50000000)), ('small', 'y')", map[string]string{
				"postgres": "INSERT INTO p SELECT 'many', repeat('z', 1000) FROM generate_series(1, 50000) i",
				"mariadb":  "INSERT INTO p SELECT 'many', repeat('z', 1000) FROM seq_1_to_50000",
			}[d.name])
			rows := shop(t, s, "get: 'SELECT sku, body FROM p'", fmt.Sprintf("rows: many, get: 'SELECT sku, body FROM p WHERE sku = $1', batch: 'SELECT sku, body FROM p WHERE sku %s'", d.in))
			c := client(t, rows)
			before := heap()
			for _, id := range []string{"huge", "many"} {
				wantWords(t, fetch(t.Context(), t, c, rows, id)[0], item.ErrRefused.Error(), "more than 1048576 bytes")
			}
			_, _, err := c.List(t.Context(), rows.Kinds["sku"].List, "")
			if err == nil || !strings.Contains(err.Error(), "more than 16777216 bytes") {
				t.Errorf("a page of a list: %v", err)
			}
			together := fetch(t.Context(), t, c, rows, "huge", "many", "small")
			wantWords(t, together[0], item.ErrRefused.Error(), "more than 1048576 bytes")
			wantWords(t, together[1], item.ErrRefused.Error(), "more than 1048576 bytes")
			if want := `[{"sku":"small","body":"y"}]`; together[2] != want {
				t.Errorf("beside them: %.200s, want %s", together[2], want)
			}
			if grown := heap() - before; grown > 8<<20 {
				t.Errorf("the heap has grown by %d bytes", grown)
			}
		})
	}
}
