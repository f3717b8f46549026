package upstream_test

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vitrine/internal/item"
	"vitrine/internal/upstream"
)

// TestBadGzipIsClassed proves that an answer which will be as bad next time is refused, while one that broke in
// transit is requested again.
func TestBadGzipIsClassed(t *testing.T) {
	var whole strings.Builder
	z := gzip.NewWriter(&whole)
	fmt.Fprintf(z, `{"text":%q}`, strings.Repeat("some words ", 100))
	z.Close()
	spoilt := whole.String()[:20] + "\xff\xff\xff\xff\xff\xff" + whole.String()[26:]
	for name, c := range map[string]struct {
		body string
		err  error
	}{
		"whole":              {whole.String(), nil},
		"no gzip":            {"{}{}{}{}{}{}{}{}", item.ErrRefused},
		"spoilt":             {spoilt, item.ErrRefused},
		"cut short":          {whole.String()[:len(whole.String())/2], item.ErrUnavailable},
		"only half a header": {whole.String()[:4], item.ErrUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			d := dimension(t, serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Encoding", "gzip")
				io.WriteString(w, c.body)
			}), single)
			if a := client(t).Fetch(t.Context(), d, asks("1"))[0]; !errors.Is(a.Err, c.err) {
				t.Errorf("error %v, want %v", a.Err, c.err)
			}
		})
	}
}

// TestLongValidatorsAreDropped proves that a validator too long to be stored and sent with the next request is
// dropped.
func TestLongValidatorsAreDropped(t *testing.T) {
	for name, c := range map[string]struct{ etag, want string }{
		"plain":     {`"v1"`, `"v1"`},
		"weak":      {`W/"v1"`, `W/"v1"`},
		"very long": {`"` + strings.Repeat("x", 5000) + `"`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			address := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				conn, _, err := w.(http.Hijacker).Hijack()
				if err != nil {
					t.Error(err)
					return
				}
				defer conn.Close()
				fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nETag: %s\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}", c.etag)
			})
			a := client(t).Fetch(t.Context(), dimension(t, address, single), asks("1"))[0]
			if a.Err != nil || a.ETag != c.want {
				t.Errorf("ETag %.60q, error %v", a.ETag, a.Err)
			}
		})
	}
}

// TestIDsAreNeverPlaceholders proves that an id that looks like a placeholder is inserted as it is.
func TestIDsAreNeverPlaceholders(t *testing.T) {
	got := make(chan string, 1)
	address := serve(t, func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		got <- r.URL.EscapedPath() + " " + string(b)
		io.WriteString(w, `[]`)
	})
	for name, c := range map[string]struct {
		keys, want string
		ids        []string
	}{
		"in a list": {`post: { path: /q, json: { ids: "{ids}", text: 'say "{id}"' } }, absent: gone`, `/q {"ids":["a","{id}","{ids}"],"text":"say \"{id}\""}`, []string{"a", "{id}", "{ids}"}},
		"alone":     {`post: { path: /q, json: { q: ["{id}", 5.10] } }`, `/q {"q":["{ids}",5.10]}`, []string{"{ids}"}},
		"in a path": {`get: "/p/{id}/of/{id}"`, `/p/%7Bid%7D%2F/of/%7Bid%7D%2F `, []string{"{id}/"}},
	} {
		t.Run(name, func(t *testing.T) {
			client(t).Fetch(t.Context(), dimension(t, address, c.keys), asks(c.ids...))
			if diff := cmp.Diff(c.want, <-got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestABatchMayRepeatItsParameter proves that {ids*} gives each id a parameter of its own, in which a comma is no separator.
func TestABatchMayRepeatItsParameter(t *testing.T) {
	got := make(chan string, 1)
	d := dimension(t, serve(t, func(w http.ResponseWriter, r *http.Request) {
		got <- r.URL.RawQuery
		io.WriteString(w, `[{"sku":"a"},{"sku":"b&c,"}]`)
	}), `batch: "/p?limit=50&id[]={ids*}&x=1", id_field: sku`)
	answers := client(t).Fetch(t.Context(), d, asks("a", "b&c,"))
	if diff := cmp.Diff("limit=50&id[]=a&id[]=b%26c%2C&x=1", <-got); diff != "" {
		t.Error(diff)
	}
	if answers[0].Status != upstream.OK || answers[1].Status != upstream.OK {
		t.Errorf("the answers are %+v", answers)
	}
}

func TestOneElementTooLargeRefusesItsIDOnly(t *testing.T) {
	d := dimension(t, serve(t, func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `[{"sku":"1","x":%q},{"sku":"2"}]`, strings.Repeat("x", 1500))
	}), batch+", max_bytes: 1KiB")
	got := client(t).Fetch(t.Context(), d, asks("1", "2"))
	if !errors.Is(got[0].Err, item.ErrRefused) || got[1].Err != nil || string(got[1].Body) != `{"sku":"2"}` {
		t.Errorf("the answers are %+v, want only the first refused", got)
	}
}

func TestHeadersOfTheCatalogGoOut(t *testing.T) {
	got := make(chan http.Header, 1)
	d := dimension(t, serve(t, func(w http.ResponseWriter, r *http.Request) { got <- r.Header; io.WriteString(w, "{}") }), single)
	d.From.Headers = map[string]string{"Authorization": "Bearer x", "Accept": "application/vnd.shop+json", "Accept-Encoding": "br"}
	client(t).Fetch(t.Context(), d, asks("1"))
	h := <-got
	want := []string{"Bearer x", "application/vnd.shop+json", "gzip"}
	if diff := cmp.Diff(want, []string{h.Get("Authorization"), h.Get("Accept"), h.Get("Accept-Encoding")}); diff != "" {
		t.Error(diff)
	}
}

func TestRedirects(t *testing.T) {
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		err    error
	}{
		"within the origin": {func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/there" {
				http.Redirect(w, r, "/there", http.StatusFound)
				return
			}
			io.WriteString(w, "{}")
		}, nil},
		"without an end": {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.Path, http.StatusFound) }, item.ErrRefused},
		"to nowhere":     {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusFound) }, item.ErrRefused},
		"to another port": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://127.0.0.1:1/", http.StatusFound)
		}, item.ErrRefused},
		"to a file": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", "file:///etc/passwd")
			w.WriteHeader(http.StatusFound)
		}, item.ErrRefused},
	} {
		t.Run(name, func(t *testing.T) {
			if a := client(t).Fetch(t.Context(), dimension(t, serve(t, c.answer), single), asks("1"))[0]; !errors.Is(a.Err, c.err) {
				t.Errorf("error %v, want %v", a.Err, c.err)
			}
		})
	}
}

// TestConnectionsAreKept proves that connections are reused after a 404 too, since unknown ids are requested often.
func TestConnectionsAreKept(t *testing.T) {
	var opened atomic.Int64
	s := httptest.NewUnstartedServer(http.NotFoundHandler())
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}
	s.Start()
	t.Cleanup(s.Close)
	c, d := client(t), dimension(t, s.URL, single)
	for range 3 {
		if a := c.Fetch(t.Context(), d, asks("1"))[0]; a.Status != upstream.Gone {
			t.Fatalf("the answer is %+v, want Gone", a)
		}
	}
	if opened.Load() != 1 {
		t.Errorf("%d connections for three calls in a row", opened.Load())
	}
}

// TestSilenceIsNotCancellation proves that an upstream's silence is not reported as a cancellation, which would blame
// the caller.
func TestSilenceIsNotCancellation(t *testing.T) {
	d := dimension(t, serve(t, func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "{")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}), single)
	a := client(t).Fetch(t.Context(), d, asks("1"))[0]
	if !errors.Is(a.Err, item.ErrUnavailable) || errors.Is(a.Err, context.Canceled) {
		t.Errorf("error %v", a.Err)
	}
}
