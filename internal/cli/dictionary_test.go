package cli_test

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/klauspost/compress/zstd"
	"github.com/tidwall/gjson"

	"vitrine/internal/long"
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
	eventually(t, func() string {
		visit("/item/100001.html") // it offers nothing while some of it comes from upstreams
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
	zipped := headOf(t, v.Pages+path, "gzip", "").ContentLength
	t.Logf("%s, %s: %d bytes, by gzip %d", path, title, got.bytes, zipped)
	if title == "" || got.bytes*10 > zipped*3 {
		t.Errorf("%s with the title %q: %d bytes, by gzip %d", path, title, got.bytes, zipped)
	}
}

// TestDictionaryBytes compares pages of whole shops by gzip and by the dictionary that the first one offers.
func TestDictionaryBytes(t *testing.T) {
	t.Parallel()
	pages := long.Pick(20, 200)
	t.Run("demo", func(t *testing.T) {
		v := up(t, t.TempDir())
		var paths []string
		for i := range pages {
			paths = append(paths, fmt.Sprintf("/item/%d.html", 100001+100*(i%150)+i/150))
		}
		compareBytes(t, v.Pages, paths, 0.4)
	})
	t.Run("lego", func(t *testing.T) {
		const file = "../../../shared/data/lego-to2015.jsonl.zst"
		if _, err := os.Stat(file); err != nil {
			t.Skip("the shop's rows are not beside the checkout: ", err)
		}
		v := up(t, t.TempDir(), "--catalog", "../../docs/examples/lego.yaml", "--serve", "sets="+file+":setID")
		var paths []string
		for _, id := range legoSets(t, file, pages) {
			paths = append(paths, "/item/"+id+".html")
		}
		compareBytes(t, v.Pages, paths, 0.4)
	})
}

// legoSets are the ids of n sets, spread over the file.
func legoSets(t *testing.T, file string, n int) (ids []string) {
	t.Helper()
	decoder, err := zstd.NewReader(bytes.NewReader(readFile(t, file)))
	if err != nil {
		t.Fatal(err)
	}
	defer decoder.Close()
	rows := bufio.NewScanner(decoder)
	for i := 0; rows.Scan() && len(ids) < n; i++ {
		if i%60 == 0 {
			ids = append(ids, gjson.GetBytes(rows.Bytes(), "setID").String())
		}
	}
	return ids
}

// compareBytes wants no page of a shop to take more than its bound of what gzip makes of it.
func compareBytes(t *testing.T, shop string, paths []string, bound float64) {
	t.Helper()
	var link string
	eventually(t, func() string {
		res := headOf(t, shop+paths[0], "gzip", "")
		link, _, _ = strings.Cut(strings.TrimPrefix(res.Header.Get("Link"), "<"), ">")
		if link == "" {
			return fmt.Sprintf("%s: %d and no dictionary", paths[0], res.StatusCode)
		}
		return ""
	})
	hash, err := hex.DecodeString(path.Base(link))
	if err != nil {
		t.Fatal(link, err)
	}
	has := ":" + base64.StdEncoding.EncodeToString(hash) + ":"
	var ratios []float64
	for _, path := range paths[1:] {
		var zipped *http.Response
		eventually(t, func() string { // the shop is being filled
			zipped = headOf(t, shop+path, "gzip", "")
			if zipped.StatusCode == http.StatusNotFound {
				return path + " is not found"
			}
			return ""
		})
		with := headOf(t, shop+path, "gzip, dcz", has)
		if zipped.StatusCode == http.StatusFound || zipped.StatusCode == http.StatusGone {
			continue // a rule says so
		}
		if zipped.StatusCode != http.StatusOK || with.Header.Get("Content-Encoding") != "dcz" {
			t.Fatalf("%s: %d, %d %v", path, zipped.StatusCode, with.StatusCode, with.Header)
		}
		ratios = append(ratios, float64(with.ContentLength)/float64(zipped.ContentLength))
	}
	sum := 0.0
	for _, r := range ratios {
		sum += r
	}
	mean, worst := sum/float64(len(ratios)), slices.Max(ratios)
	t.Logf("%d pages: of gzip's bytes %.3f in the mean, %.3f at worst", len(ratios), mean, worst)
	if mean > 0.3 || worst > bound {
		t.Errorf("of gzip's bytes %.3f in the mean, %.3f at worst; at most 0.3 and %.1f are wanted", mean, worst, bound)
	}
}

// headOf asks for a page, and gives the answer without its body.
func headOf(t *testing.T, page, accepts, has string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodHead, page, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept-Encoding", accepts)
	if has != "" {
		r.Header.Set("Available-Dictionary", has)
	}
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	return res
}
