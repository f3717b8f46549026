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

// secondPage is the second page of a visit to the demo: by the bytes on the wire, it takes at most 0.3 of what gzip makes of it.
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
	// The browser keeps the dictionary some moments after it has come.
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
	if title == "" || got.bytes*10 > zipped*3 {
		t.Errorf("%s with the title %q: %d bytes, by gzip %d", path, title, got.bytes, zipped)
	}
}

// demoPage is the path of one of the demo's products, one of each article before another of any.
func demoPage(i int) string { return "/item/" + demoID(i) + ".html" }

func demoID(i int) string { return fmt.Sprint(100001 + 100*(i%150) + i/150) }

// TestDictionaryBytes compares pages of two shops by gzip and by the dictionary that the first one offers. Only the products that it
// asks for are put into the store.
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

// legoSets copies the rows of n sets, spread over a file, to another, and gives their ids.
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

// compareBytes wants no page of a shop to take more than its bound of what gzip makes of it.
func compareBytes(t *testing.T, shop string, paths []string, bound float64) {
	t.Helper()
	has := offered(t, shop+paths[0])
	var ratios []float64
	for _, path := range paths[1:] {
		var ratio float64
		eventually(t, func() (wrong string) { // what is in the store already is not yet what is served
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

// offered waits until a page names a dictionary, and gives the field of a visitor who has it.
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

// ratioOf is how much a page takes by a dictionary of what it takes by gzip, 0 where a rule leads elsewhere. It tells what is wrong
// with a page that is not whole yet: it is not found, has changed between the two questions, or is an older one, which no dictionary
// is used for.
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
