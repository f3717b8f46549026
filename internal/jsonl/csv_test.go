package jsonl_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vitrine/internal/item"
	"vitrine/internal/jsonl"
)

// TestCSV proves that a row of a CSV or TSV is served as an object of strings, with quotes, separators and line ends as
// RFC 4180 has them.
func TestCSV(t *testing.T) {
	for name, c := range map[string]struct{ file, content, row string }{
		"comma":          {"p.csv", "id,title,price\na,Lamp,4.50\nb,,007\n", `{"id":"b","title":"","price":"007"}`},
		"BOM and CRLF":   {"p.csv", "\ufeffid,title\r\na,x\r\nb,ß\r\n", `{"id":"b","title":"ß"}`},
		"quotes":         {"p.CSV", "id,title,note\nb,\"5\"\" pipe, long\",\"two\nlines\"\n", `{"id":"b","title":"5\" pipe, long","note":"two\nlines"}`},
		"semicolons":     {"p.csv", "id;title\nb;\"a;b\"\n", `{"id":"b","title":"a;b"}`},
		"a comma too":    {"p.csv", "id;\"size; in, mm, a, b\";size (w, h);price\nb;1;2x3;4,50\n", `{"id":"b","size; in, mm, a, b":"1","size (w, h)":"2x3","price":"4,50"}`},
		"tabs in a .csv": {"p.csv", "id\ttitle, note\nb\tx\n", `{"id":"b","title, note":"x"}`},
		"UTF-16":         {"p.csv", "\xff\xfei\x00d\x00;\x00x\x00\n\x00b\x00;\x00\xe9\x00", `{"id":"b","x":"é"}`},
		"tabs":           {"p.tsv", "title\tid\n5\" pipe, long\tb\n", `{"title":"5\" pipe, long","id":"b"}`},
		"blank lines":    {"p.csv", "id,title\n\nb,x\n\n", `{"id":"b","title":"x"}`},
		"no last line":   {"p.csv", "id,title\nb,x", `{"id":"b","title":"x"}`},
		"spaces in head": {"p.csv", "id, title \nb, x \n", `{"id":"b","title":" x "}`},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), c.file)
			write(t, path, c.content)
			table, err := jsonl.Open(t.Context(), jsonl.Spec{Name: "p", Path: path, IDField: "id"}, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			answer := httptest.NewRecorder()
			table.Handler().ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/rows/b", nil))
			if got := answer.Body.String(); got != c.row {
				t.Errorf("got %s, want %s", got, c.row)
			}
		})
	}
}

// TestCSVOfAnotherOffice proves that a table is read whose encoding is named, and whose column with the id has a name that is no word.
func TestCSVOfAnotherOffice(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "p.csv")
	write(t, path, "Art.-Nr. (alt: Nr, kurz);Stra\xdfe\n a/1;\x80 5\n")
	for spec, want := range map[string]string{
		"p=" + path + ":Art.-Nr. (alt: Nr, kurz),windows-1252": `{"Art.-Nr. (alt: Nr, kurz)":" a/1","Straße":"€ 5"}`,
		"p=" + path + ":Art.-Nr. (alt: Nr, kurz),windows-1255": "",
		"p=" + path + ":Art.-Nr. (alt: Nr, kurz)":              "",
	} {
		parsed, err := jsonl.ParseSpec(spec)
		if err != nil {
			t.Fatal(err)
		}
		table, err := jsonl.Open(t.Context(), parsed, slog.New(slog.DiscardHandler))
		if want == "" {
			if !errors.Is(err, item.ErrRefused) {
				t.Errorf("%s: %v", spec, err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		answer := httptest.NewRecorder()
		table.Handler().ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/rows/%20a%2F1", nil))
		if got := answer.Body.String(); got != want {
			t.Errorf("%s: got %s, want %s", spec, got, want)
		}
	}
}

// TestCSVFaults proves that a file which can't be read is refused with the line and the reason.
func TestCSVFaults(t *testing.T) {
	for content, want := range map[string]string{
		"id,title\na,x\nb,x,y\n":                   "p.csv:3: answer refused: the row has 3 columns, and the header 2",
		"id,title,note\na,\"two\nlines\",n\nb,x\n": "p.csv:4: answer refused: the row has 2 columns, and the header 3",
		"id,title\na,5\" pipe\n":                   "p.csv:2: answer refused: a quote within a field",
		"id,title\na,\"x\nb,y\n":                   "answer refused: a quoted field does not end",
		"id,title,id\na,x,b\n":                     `p.csv:1: answer refused: the header has "id" twice`,
		"id,,x\na,b,c\n":                           "p.csv:1: answer refused: the header's column 2 has no name",
		"sku,title\na,x\n":                         `p.csv:1: answer refused: there is no column "id", which --serve names for the id; there is: sku, title`,
		"id,title\na,caf\xe9\n":                    "p.csv:2: answer refused: column 2: not UTF-8: save the file as UTF-8, or name its encoding",
		"id,caf\xe9\na,x\n":                        "p.csv:1: answer refused: the header's column 2: not UTF-8",
		"id,title\n..,x\n":                         "p.csv:2: answer refused: the field \"id\"",
		"id,title\n,x\n":                           "p.csv:2: answer refused: the field \"id\"",
		"id,title\na,\"" + strings.Repeat("x", 16<<20) + "\"\n": "p.csv:2: answer refused: the row is longer",
	} {
		path := filepath.Join(t.TempDir(), "p.csv")
		write(t, path, content)
		_, err := jsonl.Open(t.Context(), jsonl.Spec{Name: "p", Path: path, IDField: "id"}, slog.New(slog.DiscardHandler))
		if !errors.Is(err, item.ErrRefused) || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60q: got %v, want %s", content, err, want)
		}
	}
}

// TestCSVIsReadAgain proves that a rewritten CSV is taken as a whole or, if a line of it is bad, not at all, and that
// what differs is told.
func TestCSVIsReadAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "p.csv")
	write(t, path, "id,title\na,old\nb,old\n")
	table, err := jsonl.Open(t.Context(), jsonl.Spec{Name: "p", Path: path, IDField: "id"}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	told := make(chan string, 10)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- table.Watch(ctx, func(ids []string) error { told <- strings.Join(ids, " "); return nil })
	}()
	write(t, path, "id,title\na,new\nb\n")
	write(t, path+".next", "id,title\na,old\nb,new\nc,new\n")
	if err := os.Rename(path+".next", path); err != nil {
		t.Fatal(err)
	}
	if got := <-told; got != "b c" {
		t.Errorf("told of %q", got)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
