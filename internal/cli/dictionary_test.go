package cli_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/chromedp"
)

// wire is a proxy that notes what each path was answered with, as it passes.
type wire struct {
	mu   sync.Mutex // guards seen
	seen map[string]sent
}

// sent is a response as it was sent.
type sent struct {
	status int
	coding string
	bytes  int64
}

func (w *wire) note(r *http.Response) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen[r.Request.URL.Path] = sent{r.StatusCode, r.Header.Get("Content-Encoding"), r.ContentLength}
	return nil
}

func (w *wire) of(path string) sent {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.seen[path]
}

// fetched reports whether a path that begins so was answered with 200.
func (w *wire) fetched(prefix string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for path, s := range w.seen {
		if strings.HasPrefix(path, prefix) && s.status == http.StatusOK {
			return true
		}
	}
	return false
}

// TestBrowserUsesTheDictionary: by the bytes on the wire, the second page of a visit takes at most 0.3 of what gzip makes of it.
func TestBrowserUsesTheDictionary(t *testing.T) {
	t.Parallel()
	v := up(t, t.TempDir())
	pagesServed(t, v)
	to, err := url.Parse(v.Pages)
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{seen: map[string]sent{}}
	proxy := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to) }, ModifyResponse: w.note})
	t.Cleanup(proxy.Close)

	shop := browser(t)
	visit := func(path string) {
		do(t, shop, chromedp.Navigate(proxy.URL+path), chromedp.WaitVisible(chromedp.CSS("article.item h1")))
	}
	visit("/item/100001.html")
	eventually(t, func() string {
		if !w.fetched("/dictionaries/") {
			return "the browser has not fetched the dictionary"
		}
		return ""
	})
	// The browser keeps the dictionary some moments after it has come.
	var path string
	next := 100101
	eventually(t, func() string {
		path = fmt.Sprintf("/item/%d.html", next)
		next += 100
		visit(path)
		if got := w.of(path); got.coding != "dcz" {
			return fmt.Sprintf("%s came in %q", path, got.coding)
		}
		return ""
	})
	title := textOf(t, shop, "h1")
	got := w.of(path)
	zipped := zippedBytes(t, v.Pages+path)
	t.Logf("%s, %s: %d bytes, by gzip %d", path, title, got.bytes, zipped)
	if title == "" || got.bytes*10 > zipped*3 {
		t.Errorf("%s with the title %q: %d bytes, by gzip %d", path, title, got.bytes, zipped)
	}
}

// zippedBytes is how many bytes a page has by gzip.
func zippedBytes(t *testing.T, page string) int64 {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, page, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept-Encoding", "gzip")
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK || res.Header.Get("Content-Encoding") != "gzip" {
		t.Fatalf("%s: %d %v", page, res.StatusCode, res.Header)
	}
	return res.ContentLength
}
