package jsonl_test

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vitrine/internal/item"
	"vitrine/internal/jsonl"
)

// distinct opens a file as --serve p=FILE:FIELD,distinct does.
func distinct(t *testing.T, path, field string, log *slog.Logger) (*jsonl.Table, error) {
	t.Helper()
	spec, err := jsonl.ParseSpec("p=" + path + ":" + field + ",distinct")
	if err != nil {
		t.Fatal(err)
	}
	return jsonl.Open(t.Context(), spec, log)
}

// TestDistinct proves that the row of a value is the first that has it, that rows without a value have none, and that nothing warns of
// values that many rows share.
func TestDistinct(t *testing.T) {
	for name, c := range map[string]struct{ file, field, content, rows string }{
		"a column": {
			"p.csv", "group", "sku;group\n1;Lamps, big\n2;\n3;Beds\n4;Lamps, big\n",
			`{"sku":"3","group":"Beds"},{"sku":"1","group":"Lamps, big"}`,
		},
		"a field of lines": {
			"p.jsonl", "of.group", `{"id":1,"of":{"group":7}}` + "\n" + `{"id":2,"of":{"group":"7"}}` + "\n" +
				`{"id":3,"of":{"group":null}}` + "\n" + `{"id":4,"of":{}}` + "\n" + `{"id":5,"of":{"group":""}}` + "\n" + `{"id":6}`,
			`{"id":1,"of":{"group":7}}`,
		},
		"a field of an array":     {"p.json", "g", `[{"id":1,"g":"b"},{"id":2,"g":"a"},{"id":3,"g":"b"}]`, `{"id":2,"g":"a"},{"id":1,"g":"b"}`},
		"a header without rows":   {"p.csv", "group", "sku,group\n", ""},
		"a file without anything": {"p.jsonl", "group", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			table, err := distinct(t, file(t, c.file, c.content), c.field, slog.New(slog.NewTextHandler(&log, nil)))
			if err != nil {
				t.Fatal(err)
			}
			_, body := get(t, table, "/rows")
			if diff := cmp.Diff(`{"items":[`+c.rows+`],"next":null}`, body); diff != "" {
				t.Error(diff)
			}
			if log.Len() > 0 {
				t.Error(log.String())
			}
		})
	}
}

// TestDistinctFaults proves that a file is refused as a whole if a value can't be an id, if a row is bad that would not be served,
// and if no row has a value, which would delete all that there is.
func TestDistinctFaults(t *testing.T) {
	for _, c := range []struct{ file, content, want string }{
		{"p.csv", "sku,group\n1,a\n2," + strings.Repeat("x", 65) + "\n", "p.csv:3: answer refused: the field \"group\""},
		{"p.csv", "sku,group\n1,a\n2\n", "p.csv:3: answer refused: the row has 1 columns"},
		{"p.csv", "sku,name\n1,a\n", `p.csv:1: answer refused: there is no column "group"`},
		{"p.csv", "sku,group\n1,\n2,\n", `p.csv:3: answer refused: no row has a value of "group"`},
		{"p.jsonl", `{"grupo":"a"}`, `p.jsonl:1: answer refused: no row has a value of "group"`},
		{"p.jsonl", `{"group":"a"}` + "\n" + `{"group":["a"]}`, "p.jsonl:2: answer refused: the field \"group\" is neither a string nor a number"},
		{"p.jsonl", `{"group":"a"}` + "\n" + `{"group":"a",}`, "p.jsonl:2: answer refused: not JSON"},
	} {
		_, err := distinct(t, file(t, c.file, c.content), "group", discard())
		if !errors.Is(err, item.ErrRefused) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.60q: got %v, want %s", c.content, err, c.want)
		}
	}
}

// TestDistinctRowsAreAnnounced proves that a value is announced when it comes, when its first row differs and when its last row is gone,
// also across a restart, and not for other rows that have it.
func TestDistinctRowsAreAnnounced(t *testing.T) {
	path, memory := file(t, "p.csv", "sku,group\n1,a\n2,a\n3,b\n4,c\n"), filepath.Join(t.TempDir(), "p.notified")
	told := make(chan []string, 16)
	start := func() (*jsonl.Table, func()) {
		table, err := distinct(t, path, "group", discard())
		if err != nil {
			t.Fatal(err)
		}
		table.Remember(memory)
		return table, process(t, table, func(ids []string) error { told <- ids; return nil })
	}
	_, stop := start()
	waitFor(t, memory)
	// Row 2 goes to c, which has row 4, and row 9 is new in a: neither is the first.
	write(t, path, "sku,group\n1,a\n9,a\n4,c\n2,c\n5,d\n")
	if diff := cmp.Diff([]string{"b", "d"}, next(t, told)); diff != "" {
		t.Error(diff)
	}
	stop()
	write(t, path, "sku,group\n9,a\n4,c\n5,d\n")
	table, stop := start()
	defer stop()
	if diff := cmp.Diff([]string{"a"}, next(t, told)); diff != "" {
		t.Error(diff)
	}
	for id, want := range map[string]int{"a": http.StatusOK, "b": http.StatusNotFound} {
		if answer, _ := get(t, table, "/rows/"+id); answer.StatusCode != want {
			t.Errorf("%s: status %d, want %d", id, answer.StatusCode, want)
		}
	}
	write(t, path, "sku,group\n9,\n4,\n5,\n") // refused: nothing is announced
	write(t, path+".next", "sku,group\n4,c\n5,d\n")
	if err := os.Rename(path+".next", path); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a"}, next(t, told)); diff != "" {
		t.Error(diff)
	}
}
