package upstream_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/upstream"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// dimension declares sku.product with the given keys, requested from address.
func dimension(t *testing.T, address, keys string) *catalog.Dimension {
	t.Helper()
	src := fmt.Sprintf("version: 1\nupstreams: { shop: { url: %q, timeout: 5s, concurrency: 4 } }\n"+
		"entities: { sku: { dimensions: { product: { from: shop, %s } }, blobs: { item: { of: [product] } } } }\n"+
		"pages: { item: { path: \"/item/{sku}.html\", blob: item, template: item.html } }\n", address, keys)
	c, err := catalog.Parse([]byte(src), "shop.yaml", catalog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	d, err := c.Dimension("sku", "product")
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func serve(t *testing.T, h http.HandlerFunc) string {
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

func client(t *testing.T) *upstream.Client {
	c := upstream.New(upstream.Config{Idle: 2 * time.Second})
	t.Cleanup(c.Close)
	return c
}

func asks(ids ...string) (out []upstream.Ask) {
	for _, id := range ids {
		out = append(out, upstream.Ask{ID: id})
	}
	return out
}

const single, batch = `get: "/p/{id}"`, `batch: "/p?ids={ids}", id_field: sku`

func TestOneEntity(t *testing.T) {
	var bomb bytes.Buffer // compressed in advance, since the client would wait meanwhile
	z := gzip.NewWriter(&bomb)
	io.CopyN(z, zeros{}, 1<<20)
	z.Close()
	bomb = *bytes.NewBuffer(bytes.Repeat(bomb.Bytes(), 64)) // concatenated gzip members are one file
	for _, c := range []struct {
		name   string
		answer http.HandlerFunc
		status upstream.Status
		err    error
	}{
		{"found", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `{"a":1}`) }, upstream.OK, nil},
		{"404", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(404) }, upstream.Gone, nil},
		{"410", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(410) }, upstream.Gone, nil},
		{"400", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(400) }, 0, item.ErrRefused},
		{"429", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(429) }, 0, item.ErrUnavailable},
		{"503", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) }, 0, item.ErrUnavailable},
		{"304 that nobody asked for", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(304) }, 0, item.ErrRefused},
		{"redirect to another origin", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://127.0.0.2:1/x", http.StatusFound)
		}, 0, item.ErrRefused},
		{"cut short", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			io.WriteString(w, "{")
		}, 0, item.ErrUnavailable},
		{"reset", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, 0, item.ErrUnavailable},
		{"too large", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, strings.Repeat("x", 2<<20)) }, 0, item.ErrRefused},
		{"a bomb", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			w.Write(bomb.Bytes())
		}, 0, item.ErrRefused},
		{"silence in the body", func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, "{")
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}, 0, item.ErrUnavailable},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := dimension(t, serve(t, c.answer), single)
			got := client(t).Fetch(t.Context(), d, asks("1"))[0]
			if got.Status != c.status || !errors.Is(got.Err, c.err) {
				t.Errorf("status %d, error %v; want %d, %v", got.Status, got.Err, c.status, c.err)
			}
		})
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

func TestValidatorsAreSent(t *testing.T) {
	d := dimension(t, serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("If-None-Match") == `"v1"` {
			w.WriteHeader(304)
			return
		}
		w.Header().Set("ETag", `"v1"`)
		io.WriteString(w, "{}")
	}), single)
	c := client(t)
	first := c.Fetch(t.Context(), d, asks("1"))[0]
	again := c.Fetch(t.Context(), d, []upstream.Ask{{ID: "1", ETag: first.ETag}})[0]
	if first.ETag != `"v1"` || again.Status != upstream.NotModified {
		t.Errorf("first %+v, then %+v", first, again)
	}
}

// rows answers /p/{id} and /p?ids= out of a table; ids arrive percent-encoded.
func rows(t *testing.T, table map[string]string, asArray bool, calls *atomic.Int64) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		raw, isBatch := strings.CutPrefix(r.URL.RawQuery, "ids=")
		if !isBatch {
			id, err := url.PathUnescape(strings.TrimPrefix(r.URL.EscapedPath(), "/p/"))
			row, ok := table[id]
			if err != nil || !ok {
				http.NotFound(w, r)
				return
			}
			io.WriteString(w, row)
			return
		}
		var parts []string
		for _, p := range strings.Split(raw, ",") {
			id, err := url.QueryUnescape(p)
			if err != nil {
				t.Error(err)
			}
			if row, ok := table[id]; ok && !strings.Contains(row, "hidden") {
				if !asArray {
					row = fmt.Sprintf("%q:%s", id, row)
				}
				parts = append(parts, row)
			}
		}
		open, end := "{", "}"
		if asArray {
			open = "["
			end = "]"
		}
		io.WriteString(w, open+strings.Join(parts, ",")+end)
	}
}

func TestBatches(t *testing.T) {
	odd := []string{"1", "12049.1", "a/b", "new item", "茶壶", "x?y#z%2F", "hidden", "gone", "with,comma"}
	table := map[string]string{}
	for i, id := range odd {
		table[id] = fmt.Sprintf(`{"sku":%q,"n":%d.0}`, id, i)
	}
	delete(table, "gone")
	for _, asArray := range []bool{true, false} {
		var calls atomic.Int64
		d := dimension(t, serve(t, rows(t, table, asArray, &calls)), single+", "+batch)
		for i, got := range client(t).Fetch(t.Context(), d, asks(odd...)) {
			switch want := table[odd[i]]; {
			case odd[i] == "gone" && got.Status != upstream.Gone:
				t.Errorf("gone: %+v", got)
			case odd[i] != "gone" && string(got.Body) != want:
				t.Errorf("%s: body %s, error %v; want %s", odd[i], got.Body, got.Err, want)
			}
		}
		if got := calls.Load(); got != 4 { // the batch, and one request each for hidden, gone and with,comma
			t.Errorf("array %v: %d calls, want 4", asArray, got)
		}
	}
}

func TestABatchThatFailsFailsWhole(t *testing.T) {
	for body, class := range map[string]error{"": item.ErrRefused, "[{]": item.ErrRefused, `"x"`: item.ErrRefused} {
		var calls atomic.Int64
		d := dimension(t, serve(t, func(w http.ResponseWriter, _ *http.Request) { calls.Add(1); io.WriteString(w, body) }), single+", "+batch)
		for _, a := range client(t).Fetch(t.Context(), d, asks("1", "2")) {
			if !errors.Is(a.Err, class) {
				t.Errorf("the batch %q gives %+v, want an error of %v", body, a, class)
			}
		}
		if calls.Load() != 1 {
			t.Errorf("%q: %d calls: a storm of singles", body, calls.Load())
		}
	}
	d := dimension(t, serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(404) }), single+", "+batch)
	if a := client(t).Fetch(t.Context(), d, asks("1", "2"))[0]; a.Err == nil {
		t.Errorf("a 404 to a batch decided over an entity: %+v", a)
	}
}

func TestMissingWithoutGet(t *testing.T) {
	address := serve(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "[]") })
	if a := client(t).Fetch(t.Context(), dimension(t, address, batch), asks("1"))[0]; !errors.Is(a.Err, item.ErrRefused) {
		t.Errorf("absent: keep by default: %+v", a)
	}
	if a := client(t).Fetch(t.Context(), dimension(t, address, batch+", absent: gone"), asks("1"))[0]; a.Status != upstream.Gone {
		t.Errorf("absent: gone: %+v", a)
	}
}

func TestPostFillsJSON(t *testing.T) {
	got := make(chan string, 1)
	d := dimension(t, serve(t, func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		got <- string(b)
		io.WriteString(w, `[]`)
	}), `post: { path: /q, json: { ids: "{ids}" } }, absent: gone`)
	client(t).Fetch(t.Context(), d, asks(`a"b`, "2"))
	if diff := cmp.Diff(`{"ids":["a\"b","2"]}`, <-got); diff != "" {
		t.Error(diff)
	}
}

func TestConcurrencyIsBounded(t *testing.T) {
	var now, most atomic.Int64
	gate := make(chan struct{})
	d := dimension(t, serve(t, func(w http.ResponseWriter, _ *http.Request) {
		n := now.Add(1)
		for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
		}
		if n == 4 {
			close(gate) // as many requests as are allowed are here
		}
		<-gate
		now.Add(-1)
		io.WriteString(w, "{}")
	}), single)
	many := make([]string, 4)
	for i := range many {
		many[i] = fmt.Sprint(i)
	}
	for _, a := range client(t).Fetch(t.Context(), d, asks(many...)) {
		if a.Err != nil {
			t.Errorf("the answer fails: %v", a.Err)
		}
	}
	if most.Load() != 4 {
		t.Errorf("%d calls were in flight at once, want 4", most.Load())
	}
}

func TestForbiddenAddresses(t *testing.T) {
	for _, address := range []string{"http://169.254.169.254", "http://[fe80::1]", "http://100.100.100.200", "http://0.0.0.0:1"} {
		a := client(t).Fetch(t.Context(), dimension(t, address, single), asks("1"))[0]
		if !errors.Is(a.Err, item.ErrRefused) {
			t.Errorf("the address %s: error %v, want item.ErrRefused", address, a.Err)
		}
	}
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	d := dimension(t, serve(t, func(_ http.ResponseWriter, r *http.Request) { cancel(); <-r.Context().Done() }), single)
	if a := client(t).Fetch(ctx, d, asks("1"))[0]; !errors.Is(a.Err, context.Canceled) {
		t.Errorf("error is %v", a.Err)
	}
}
