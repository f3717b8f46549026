package jsonl_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
	"go.uber.org/goleak"
	"golang.org/x/text/encoding/htmlindex"

	"vitrine/internal/item"
	"vitrine/internal/jsonl"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const three = `{"id":"a","price":5.10}
{"id":2,"big":1234567890123456789012}

{"id":"c d,e","n":[1,2]}
`

func TestParseSpec(t *testing.T) {
	dir := t.TempDir()
	colon := filepath.Join(dir, "a:b")
	write(t, colon, three)
	utf16, err := htmlindex.Get("utf-16le")
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, in string
		want     jsonl.Spec
		err      error
	}{
		{"takes id by default", "products=p.jsonl", jsonl.Spec{Name: "products", Path: "p.jsonl", IDField: "id"}, nil},
		{"takes the field after the colon", "p=dir/p.jsonl.zst:setID", jsonl.Spec{Name: "p", Path: "dir/p.jsonl.zst", IDField: "setID"}, nil},
		{"takes a dotted field", "p=p.jsonl:product.id", jsonl.Spec{Name: "p", Path: "p.jsonl", IDField: "product.id"}, nil},
		{"prefers a file that exists", "p=" + colon, jsonl.Spec{Name: "p", Path: colon, IDField: "id"}, nil},
		{"cuts behind a file with a colon", "p=" + colon + ":sku", jsonl.Spec{Name: "p", Path: colon, IDField: "sku"}, nil},
		{"leaves what is no field name", "p=a:b/c.jsonl", jsonl.Spec{Name: "p", Path: "a:b/c.jsonl", IDField: "id"}, nil},
		{"takes distinct values", "p=p.csv:a, b,distinct", jsonl.Spec{Name: "p", Path: "p.csv", IDField: "a, b", Distinct: true}, nil},
		{"takes distinct values before an encoding", "p=p.csv:a,distinct,utf-16le", jsonl.Spec{Name: "p", Path: "p.csv", IDField: "a", Distinct: true, Encoding: utf16}, nil},
		{"takes distinct values after an encoding", "p=p.csv:a,utf-16le, distinct", jsonl.Spec{Name: "p", Path: "p.csv", IDField: "a", Distinct: true, Encoding: utf16}, nil},
		{"takes an option once", "p=p.csv:distinct,distinct", jsonl.Spec{Name: "p", Path: "p.csv", IDField: "distinct", Distinct: true}, nil},
		{"keeps an equals sign in the path", "p=a=b.jsonl", jsonl.Spec{Name: "p", Path: "a=b.jsonl", IDField: "id"}, nil},
		{"refuses no name", "=p.jsonl", jsonl.Spec{}, jsonl.ErrSpec},
		{"refuses a path as a name", "../p=p.jsonl", jsonl.Spec{}, jsonl.ErrSpec},
		{"refuses no file", "p=", jsonl.Spec{}, jsonl.ErrSpec},
		{"refuses a field without a file", "p=:id", jsonl.Spec{}, jsonl.ErrSpec},
		{"refuses no equals sign", "p.jsonl", jsonl.Spec{}, jsonl.ErrSpec},
		{"refuses a zero byte", "p=a\x00b", jsonl.Spec{}, jsonl.ErrSpec},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := jsonl.ParseSpec(test.in)
			if !errors.Is(err, test.err) {
				t.Fatalf("error %v, want %v", err, test.err)
			}
			if got != test.want {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
}

func FuzzParseSpec(f *testing.F) {
	f.Add("products=p.jsonl:id")
	f.Add("=:=:")
	f.Fuzz(func(t *testing.T, s string) {
		spec, err := jsonl.ParseSpec(s)
		if err == nil && (spec.Name == "" || spec.Path == "" || spec.IDField == "") {
			t.Errorf("%q gives %+v", s, spec)
		}
	})
}

func TestOpenReads(t *testing.T) {
	array := `[ {"id":"a","price":5.10},` + "\n" + `{"id":2, "big":1234567890123456789012}, {"id":"c d,e","n":[1,2]} ]`
	tests := []struct{ name, file, content string }{
		{"lines", "p.jsonl", three},
		{"lines without a last newline", "p.jsonl", strings.TrimSuffix(three, "\n")},
		{"lines that end in CRLF", "p.jsonl", strings.ReplaceAll(three, "\n", "\r\n")},
		{"lines after a byte order mark", "p.jsonl", "\ufeff" + three},
		{"gzip", "p.jsonl.gz", gzipped(three)},
		{"gzip in two members", "p.jsonl.gz", gzipped(three[:24]) + gzipped(three[24:])},
		{"zstd", "p.jsonl.zst", zstded(three)},
		{"zstd that its name hides", "p.jsonl", zstded(three)},
		{"an array", "p.json", array},
		{"an array in zstd", "p.json.zst", zstded(array)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			table := open(t, jsonl.Spec{Name: "p", Path: file(t, test.file, test.content), IDField: "id"})
			if table.Len() != 3 {
				t.Errorf("%d rows, want 3", table.Len())
			}
			want := `{"items":[{"id":2,"big":1234567890123456789012},{"id":"a","price":5.10},{"id":"c d,e","n":[1,2]}],"next":null}`
			_, got := get(t, table, "/rows?cursor=")
			if diff := cmp.Diff(want, strings.ReplaceAll(got, `2, "`, `2,"`)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestOpenRefuses(t *testing.T) {
	tests := []struct{ name, file, content, want string }{
		{"a line that is no JSON", "p.jsonl", three + "{\"id\":3,}\n", "p.jsonl:5: "},
		{"a line that is cut", "p.jsonl", three[:40], "p.jsonl:2: "},
		{"two rows on a line", "p.jsonl", `{"id":1}{"id":2}`, "p.jsonl:1: "},
		{"a line that is no object", "p.jsonl", "{\"id\":1}\n7\n", "p.jsonl:2: answer refused: not a JSON object: \"7\""},
		{"a row without an id", "p.jsonl", `{"sku":1}`, `there is no field "id"`},
		{"a null id", "p.jsonl", `{"id":null}`, `the field "id" is neither a string nor a number: "null"`},
		{"an id with a control character", "p.jsonl", `{"id":"a\u0007"}`, "control character"},
		{"an id of dots", "p.jsonl", `{"id":".."}`, "path step"},
		{"an empty id", "p.jsonl", `{"id":""}`, "empty"},
		{"an id of 65 bytes", "p.jsonl", `{"id":"` + strings.Repeat("x", 65) + `"}`, "65 bytes"},
		{"bytes that are not UTF-8", "p.jsonl", "{\"id\":1,\"x\":\"\xff\"}", "not UTF-8"},
		{"a line beyond 16 MiB", "p.jsonl", `{"id":1}` + "\n" + `{"id":2,"x":"` + strings.Repeat("x", jsonl.MaxRow) + `"}`, "p.jsonl:2: "},
		{"deep nesting", "p.jsonl", `{"id":1,"x":` + strings.Repeat("[", 20000) + strings.Repeat("]", 20000) + `}`, "p.jsonl:1: "},
		{"gzip that is cut", "p.jsonl.gz", gzipped(three)[:60], "unexpected EOF"},
		{"gzip that is none", "p.jsonl.gz", three, "gzip: "},
		{"gzip that is empty", "p.jsonl.gz", "", "gzip: unexpected EOF"},
		{"zstd that is cut", "p.jsonl.zst", zstded(three)[:60], "unexpected EOF"},
		{"zstd that is none", "p.jsonl.zst", three, "p.jsonl.zst:1: "},
		{"zstd that is empty", "p.jsonl.zst", "", "zstd: unexpected EOF"},
		{"an array that is cut", "p.json", `[{"id":1},{"id":2`, "p.json:2: "},
		{"an array without its end", "p.json", `[{"id":1}`, "unexpected EOF"},
		{"something after an array", "p.json", `[{"id":1}] 7`, "something after the array"},
		{"an array in an array", "p.json", `[[{"id":1}]]`, "not a JSON object"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := jsonl.Open(t.Context(), jsonl.Spec{Name: "p", Path: file(t, test.file, test.content), IDField: "id"}, discard())
			if !errors.Is(err, item.ErrRefused) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want one with %q", err, test.want)
			}
		})
	}
	t.Run("a directory", func(t *testing.T) {
		_, err := jsonl.Open(t.Context(), jsonl.Spec{Name: "p", Path: t.TempDir(), IDField: "id"}, discard())
		if err == nil || !strings.Contains(err.Error(), "not a regular file") {
			t.Errorf("error %v", err)
		}
	})
	t.Run("a file that is not there", func(t *testing.T) {
		_, err := jsonl.Open(t.Context(), jsonl.Spec{Name: "p", Path: "nowhere.jsonl", IDField: "id"}, discard())
		if !errors.Is(err, os.ErrNotExist) {
			t.Errorf("error %v", err)
		}
	})
	t.Run("a context that has ended", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := jsonl.Open(ctx, jsonl.Spec{Name: "p", Path: file(t, "p.jsonl", three), IDField: "id"}, discard())
		if !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
	})
}

func TestDuplicate(t *testing.T) {
	var log bytes.Buffer
	path := file(t, "p.jsonl", `{"id":1,"v":"old"}`+"\n"+`{"id":"1","v":"new"}`)
	table, err := jsonl.Open(t.Context(), jsonl.Spec{Name: "p", Path: path, IDField: "id"}, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	if _, got := get(t, table, "/rows/1"); got != `{"id":"1","v":"new"}` {
		t.Errorf("the last row should win, got %s", got)
	}
	if !strings.Contains(log.String(), "level=WARN") || !strings.Contains(log.String(), "first=1 last=2") {
		t.Errorf("no warning that names the lines: %s", log.String())
	}
}

func TestIDs(t *testing.T) {
	tests := []struct{ name, field, row, id string }{
		{"a number of 20 digits", "id", `{"id":12345678901234567890}`, "12345678901234567890"},
		{"a number with a last zero", "id", `{"id":12049.10}`, "12049.10"},
		{"an escaped string", "sku", `{"sku":"\u00e4\/b"}`, "%C3%A4%2Fb"},
		{"a field inside an object", "product.id", `{"product":{"id":"x"}}`, "x"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			table := open(t, jsonl.Spec{Name: "p", Path: file(t, "p.jsonl", test.row), IDField: test.field})
			if answer, body := get(t, table, "/rows/"+test.id); answer.StatusCode != http.StatusOK || body != test.row {
				t.Errorf("status %d, want 200 with the row: %s", answer.StatusCode, body)
			}
		})
	}
}

func TestHandler(t *testing.T) {
	table := open(t, jsonl.Spec{Name: "p", Path: file(t, "p.jsonl", three), IDField: "id"})
	tests := []struct {
		name, target string
		status       int
		body         string // a prefix
	}{
		{"a row", "/rows/a", 200, `{"id":"a","price":5.10}`},
		{"a row with a number for its id", "/rows/2", 200, `{"id":2,"big":1234567890123456789012}`},
		{"an escaped id", "/rows/c%20d%2Ce", 200, `{"id":"c d,e"`},
		{"no such row", "/rows/zz", 404, `{"error":`},
		{"an empty id", "/rows/", 400, `{"error":`},
		{"an id that climbs", "/rows/%2E%2E", 400, `{"error":`},
		{"an id with a control character", "/rows/a%00", 400, `{"error":`},
		{"the rows there are", "/rows?ids=a,zz,2,a", 200, `[{"id":"a","price":5.10},{"id":2,"big":1234567890123456789012}]`},
		{"an id with a comma in it", "/rows?ids=c%20d%2Ce", 200, `[{"id":"c d,e","n":[1,2]}]`},
		{"no ids", "/rows?ids=", 200, `[]`},
		{"a bad escape", "/rows?ids=a,%zz", 400, `{"error":`},
		{"an empty id among ids", "/rows?ids=a,,2", 400, `{"error":`},
		{"1001 ids", "/rows?ids=" + strings.Repeat("a,", 1000) + "a", 400, `{"error":"there are more than 1000 ids"}`},
		{"1000 ids", "/rows?ids=" + strings.Repeat("a,", 999) + "a", 200, `[{"id":"a"`},
		{"the first page", "/rows?limit=2", 200, `{"items":[{"id":2,"big":1234567890123456789012},{"id":"a","price":5.10}],"next":"a"}`},
		{"the next page", "/rows?limit=2&cursor=a", 200, `{"items":[{"id":"c d,e","n":[1,2]}],"next":null}`},
		{"a page after an id that is gone", "/rows?cursor=b", 200, `{"items":[{"id":"c d,e","n":[1,2]}],"next":null}`},
		{"a page after the end", "/rows?cursor=zzz", 200, `{"items":[],"next":null}`},
		{"a limit of 0", "/rows?limit=0", 400, `{"error":`},
		{"a limit of 1001", "/rows?limit=1001", 400, `{"error":`},
		{"another path", "/", 404, `{"error":`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			answer, body := get(t, table, test.target)
			if answer.StatusCode != test.status || !strings.HasPrefix(body, test.body) {
				t.Errorf("%d %s, want %d %s", answer.StatusCode, body, test.status, test.body)
			}
			if !json.Valid([]byte(body)) || answer.Header.Get("Content-Type") != "application/json" {
				t.Errorf("no JSON: %s", body)
			}
		})
	}
}

func TestHandlerRefusesOtherMethods(t *testing.T) {
	table := open(t, jsonl.Spec{Name: "p", Path: file(t, "p.jsonl", three), IDField: "id"})
	w := httptest.NewRecorder()
	table.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/rows/a", nil))
	if w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != "GET, HEAD" {
		t.Errorf("%d, Allow %q", w.Code, w.Header().Get("Allow"))
	}
}

func TestETag(t *testing.T) {
	table := open(t, jsonl.Spec{Name: "p", Path: file(t, "p.jsonl", three), IDField: "id"})
	first, _ := get(t, table, "/rows/a")
	etag := first.Header.Get("ETag")
	tests := []struct {
		name, header string
		want         int
	}{
		{"the same", etag, 304},
		{"the same, weak", "W/" + etag, 304},
		{"one of several", `"x", ` + etag, 304},
		{"any", "*", 304},
		{"another", `"x"`, 200},
		{"none", "", 200},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, "/rows/a", nil)
			r.Header.Set("If-None-Match", test.header)
			w := httptest.NewRecorder()
			table.Handler().ServeHTTP(w, r)
			if w.Code != test.want || w.Header().Get("ETag") != etag {
				t.Errorf("%d %s, want %d %s", w.Code, w.Header().Get("ETag"), test.want, etag)
			}
		})
	}
	if other, _ := get(t, table, "/rows/2"); other.Header.Get("ETag") == etag {
		t.Error("two rows have one ETag")
	}
}

// TestWalk follows cursors over a real connection, as a refresh of a kind does.
func TestWalk(t *testing.T) {
	var content strings.Builder
	for i := range 1203 {
		fmt.Fprintf(&content, "{\"id\":%d}\n", i)
	}
	table := open(t, jsonl.Spec{Name: "p", Path: file(t, "p.jsonl", content.String()), IDField: "id"})
	server := httptest.NewServer(table.Handler())
	defer server.Close()
	defer http.DefaultClient.CloseIdleConnections()
	seen, cursor, pages := map[string]int{}, "", 0
	for more := true; more; pages++ {
		res, err := http.Get(server.URL + "/rows?cursor=" + cursor)
		if err != nil {
			t.Fatal(err)
		}
		var page struct {
			Items []struct{ ID json.Number }
			Next  *string
		}
		if err := json.NewDecoder(res.Body).Decode(&page); err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		for _, row := range page.Items {
			seen[row.ID.String()]++
		}
		more = page.Next != nil
		if more {
			cursor = *page.Next
		}
	}
	if pages != 3 || len(seen) != 1203 {
		t.Errorf("%d rows on %d pages, want 1203 on 3", len(seen), pages)
	}
}

func FuzzOpen(f *testing.F) {
	f.Add([]byte(three))
	f.Add([]byte(gzipped(three)))
	f.Add([]byte(zstded(three)))
	f.Add([]byte(`[{"id":1}]`))
	f.Fuzz(func(t *testing.T, content []byte) {
		table, err := jsonl.Open(t.Context(), jsonl.Spec{Name: "p", Path: file(t, "p.jsonl", string(content)), IDField: "id"}, discard())
		if err != nil {
			return
		}
		if _, body := get(t, table, "/rows"); !json.Valid([]byte(body)) {
			t.Errorf("not JSON: %q", body)
		}
	})
}

func open(t *testing.T, spec jsonl.Spec) *jsonl.Table {
	t.Helper()
	table, err := jsonl.Open(t.Context(), spec, discard())
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func get(t *testing.T, table *jsonl.Table, target string) (*http.Response, string) {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, target, nil)
	w := httptest.NewRecorder()
	table.Handler().ServeHTTP(w, r)
	body, err := io.ReadAll(w.Result().Body)
	if err != nil {
		t.Fatal(err)
	}
	return w.Result(), string(body)
}

func file(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	write(t, path, content)
	return path
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

func gzipped(s string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	z.Write([]byte(s))
	z.Close()
	return b.String()
}

func zstded(s string) string {
	z, err := zstd.NewWriter(nil)
	if err != nil {
		return err.Error()
	}
	defer z.Close()
	return string(z.EncodeAll([]byte(s), nil))
}

// TestManyDuplicates proves that a file whose ids are the same all over, as by a wrong field, is told of in some lines, and not in one for each row.
func TestManyDuplicates(t *testing.T) {
	var log bytes.Buffer
	path := file(t, "p.jsonl", strings.Repeat(`{"id":"a"}`+"\n", 500))
	table, err := jsonl.Open(t.Context(), jsonl.Spec{Name: "p", Path: path, IDField: "id"}, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil || table.Len() != 1 {
		t.Fatal(table, err)
	}
	if lines := strings.Count(log.String(), "\n"); lines != 4 || !strings.Contains(log.String(), "rows=499 of=500 field=id") {
		t.Errorf("%d lines: %s", lines, item.Clip(log.String(), 2000))
	}
}

// TestRowsAreHeldOnce proves that a file takes the memory of its rows once: those of a million articles are a good part of a machine's.
func TestRowsAreHeldOnce(t *testing.T) {
	var content strings.Builder
	for i := range 4000 {
		fmt.Fprintf(&content, `{"id":"%d","text":"%s"}`+"\n", i, strings.Repeat("x", 4000))
	}
	path := file(t, "p.jsonl", content.String())
	inUse := func() float64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return float64(m.HeapAlloc)
	}
	size, before := float64(content.Len()), inUse()
	table := open(t, jsonl.Spec{Name: "p", Path: path, IDField: "id"})
	if held := inUse() - before; table.Len() != 4000 || held > 1.5*size {
		t.Errorf("a file of %.0f bytes takes %.0f of memory", size, held)
	}
	runtime.KeepAlive(table)
}
