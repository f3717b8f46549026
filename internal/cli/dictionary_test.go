package cli_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/klauspost/compress/zstd"
	"github.com/tidwall/gjson"

	"vitrine/internal/long"
)

// wire is a proxy that records how each path was answered.
type wire struct {
	mu   sync.Mutex // guards seen
	seen map[string]sent
}

// sent is a response as it went over the wire.
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

// fetched reports whether a path with this prefix was answered with 200.
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

// secondPage opens a second page of the demo as the same visitor. On the wire it may take half of its size by gzip at
// most. It takes much less (see TestDictionaryBytes) unless the dictionary was made while the shop was filled.
func secondPage(t *testing.T, v *running, shop context.Context) {
	to, err := url.Parse(v.Pages)
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{seen: map[string]sent{}}
	proxy := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to) }, ModifyResponse: w.note})
	t.Cleanup(proxy.Close)
	visit := func(path string) {
		do(t, shop, chromedp.Navigate(proxy.URL+path), chromedp.WaitVisible(chromedp.CSS("article.item h1")))
	}
	first := demoPage(0)
	offered(t, v.Pages+first)
	visit(first)
	eventually(t, func() string {
		if !w.fetched("/dictionaries/") {
			return "the browser has not fetched the dictionary"
		}
		return ""
	})
	// The browser stores a dictionary only some moments after it has arrived.
	var path string
	next := 0
	eventually(t, func() string {
		next++
		path = demoPage(next)
		if headOf(t, v.Pages+path, "gzip", "").StatusCode != http.StatusOK {
			return path + " is no page"
		}
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
	if title == "" || got.bytes*2 > zipped {
		t.Errorf("%s with the title %q: %d bytes, by gzip %d", path, title, got.bytes, zipped)
	}
}

// demoPage is the path of the ith demo product. The order takes one product of each article before the second of any.
func demoPage(i int) string { return "/item/" + demoID(i) + ".html" }

func demoID(i int) string { return fmt.Sprint(100001 + 100*(i%150) + i/150) }

// TestDictionaryBytes compares the sizes of two shops' pages by gzip and by the dictionary that the first page
// offers. Only the products that it requests are put into the store.
func TestDictionaryBytes(t *testing.T) {
	t.Parallel()
	pages := long.Pick(20, 200)
	t.Run("demo", func(t *testing.T) {
		v := up(t, t.TempDir())
		v.flip(0, "intake.refresh", "off") // the lane in which the demo fills itself
		var ids, paths []string
		for i := range pages {
			ids, paths = append(ids, demoID(i)), append(paths, demoPage(i))
		}
		v.refreshHigh(ids)
		compareBytes(t, v.Pages, paths, 0.4)
	})
	t.Run("lego", func(t *testing.T) {
		const file = "../../../shared/data/lego-to2015.jsonl.zst"
		if _, err := os.Stat(file); err != nil {
			t.Skip("the shop's rows are not beside the checkout: ", err)
		}
		some := filepath.Join(t.TempDir(), "sets.jsonl")
		ids := legoSets(t, file, some, pages)
		v := up(t, t.TempDir(), "--catalog", "../../docs/examples/lego.yaml", "--serve", "sets="+some+":setID")
		v.refreshAll()
		var paths []string
		for _, id := range ids {
			paths = append(paths, "/item/"+id+".html")
		}
		compareBytes(t, v.Pages, paths, 0.4)
	})
}

// legoSets copies n rows, spread evenly over a file of sets, to another file and returns their ids.
func legoSets(t *testing.T, from, to string, n int) (ids []string) {
	t.Helper()
	decoder, err := zstd.NewReader(bytes.NewReader(readFile(t, from)))
	if err != nil {
		t.Fatal(err)
	}
	defer decoder.Close()
	var some bytes.Buffer
	rows := bufio.NewScanner(decoder)
	for i := 0; rows.Scan() && len(ids) < n; i++ {
		if i%60 == 0 {
			ids = append(ids, gjson.GetBytes(rows.Bytes(), "setID").String())
			some.Write(append(rows.Bytes(), '\n'))
		}
	}
	if err := os.WriteFile(to, some.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	return ids
}

// compareBytes fails for each page of a shop that takes more than bound of its size by gzip.
func compareBytes(t *testing.T, shop string, paths []string, bound float64) {
	t.Helper()
	has := offered(t, shop+paths[0])
	var ratios []float64
	for _, path := range paths[1:] {
		var ratio float64
		// What is in the store may not be served yet.
		eventually(t, func() (wrong string) {
			ratio, wrong = ratioOf(t, shop+path, has)
			return wrong
		})
		if ratio > 0 {
			ratios = append(ratios, ratio)
		}
	}
	if len(ratios)*10 < len(paths)*8 {
		t.Fatalf("only %d of %d paths are pages", len(ratios), len(paths))
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

// offered waits until a page names a dictionary, and returns the Available-Dictionary field of a visitor who has it.
func offered(t *testing.T, page string) string {
	t.Helper()
	var link string
	eventually(t, func() string {
		res := headOf(t, page, "gzip", "")
		link, _, _ = strings.Cut(strings.TrimPrefix(res.Header.Get("Link"), "<"), ">")
		if link == "" {
			return fmt.Sprintf("%s: %d and no dictionary", page, res.StatusCode)
		}
		return ""
	})
	hash, err := hex.DecodeString(path.Base(link))
	if err != nil {
		t.Fatal(link, err)
	}
	return ":" + base64.StdEncoding.EncodeToString(hash) + ":"
}

// ratioOf is the size of a page by dictionary divided by its size by gzip, or 0 where a rule redirects it. wrong says
// why the page cannot be compared yet: it is not found, it changed between the two requests, or it is an older one,
// for which no dictionary is used.
func ratioOf(t *testing.T, page, has string) (ratio float64, wrong string) {
	t.Helper()
	zipped, with, again := headOf(t, page, "gzip", ""), headOf(t, page, "gzip, dcz", has), headOf(t, page, "gzip", "")
	switch {
	case zipped.StatusCode != with.StatusCode || zipped.StatusCode != again.StatusCode || zipped.ContentLength != again.ContentLength:
		return 0, fmt.Sprintf("%s changes: %d, %d, %d", page, zipped.StatusCode, with.StatusCode, again.StatusCode)
	case zipped.StatusCode == http.StatusFound || zipped.StatusCode == http.StatusGone:
		return 0, ""
	case zipped.StatusCode != http.StatusOK || with.Header.Get("Content-Encoding") != "dcz":
		return 0, fmt.Sprintf("%s: %d, %d %v", page, zipped.StatusCode, with.StatusCode, with.Header)
	}
	return float64(with.ContentLength) / float64(zipped.ContentLength), ""
}

// headOf requests a page and returns the response without its body.
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
