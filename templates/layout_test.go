package templates_test

import (
	"bytes"
	"cmp"
	"context"
	_ "embed"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	cdp "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"vitrine/internal/long"
	"vitrine/templates"
)

var layoutShots = flag.String("shots", "", "keep a picture of each page of the corpus in this `folder`")

var layoutOdd = flag.String("odd", "", "of the corpus, open the `products` only, separated by commas")

// faultsOfLayout lists what is wrong with the layout of an open page.
//
//go:embed testdata/layout.js
var faultsOfLayout string

const patience = time.Minute

// stand is a running shop whose products are the corpus.
type stand struct {
	*httptest.Server
	gen atomic.Value // string; of all pages
}

func newStand(t *testing.T, all []odd) *stand {
	t.Helper()
	set, err := load(t, nil)
	if err != nil {
		t.Fatal(err)
	}
	return standOf(t, set, all)
}

// standOf returns a shop with the templates of set.
func standOf(t *testing.T, set *templates.Set, all []odd) *stand {
	t.Helper()
	s := &stand{}
	s.gen.Store("1")
	mux := http.NewServeMux()
	for _, o := range all {
		mux.HandleFunc("/item/"+o.name, func(w http.ResponseWriter, r *http.Request) {
			o.page["Page"].(object)["Gen"] = s.gen.Load()
			writePage(t, w, set, cmp.Or(o.template, "item.html"), o.page)
		})
		mux.HandleFunc("/desc/"+o.name, func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprintf(w, `<main><article class="text">%s</article></main>`, o.desc)
		})
		o.page["Page"].(object)["ID"] = o.name
		mux.HandleFunc("/live/"+o.name, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Vitrine-Gen", s.gen.Load().(string))
			writeJSON(t, w, object{"parts": parts(o)})
		})
	}
	mux.HandleFunc("/blobs/sku/offer", func(w http.ResponseWriter, r *http.Request) {
		items := object{}
		for i, id := range strings.Split(r.FormValue("ids"), ",") {
			items[id] = object{"data": object{"stock": object{"state": map[bool]string{true: "out", false: "in"}[id == "8"]}, "price": object{"amount": "1.50", "currency": []string{"USD", "JPY", "EUR"}[i%3]}}}
		}
		writeJSON(t, w, object{"items": items})
	})
	mux.HandleFunc("/pic/", func(w http.ResponseWriter, r *http.Request) {
		width, height, _ := strings.Cut(strings.Split(r.URL.Path, "/")[2], "x")
		w.Header().Set("Content-Type", "image/svg+xml")
		fmt.Fprintf(w, `<svg xmlns="http://www.w3.org/2000/svg" width="%s" height="%s"><rect width="100%%" height="100%%" fill="#8ac"/></svg>`, width, height)
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		asset, ok := set.Asset(path.Base(r.URL.Path))
		if !ok {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", asset.Type)
		w.Write(asset.Body)
	})
	s.Server = httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

// parts returns what /live answers.
func parts(o odd) object {
	if o.live != nil {
		return o.live
	}
	data := object{}
	for _, name := range []string{"price", "stock", "promotions"} {
		if v, ok := o.page[name]; ok {
			data[name] = v
		}
	}
	return object{"offer": object{"state": "fresh", "data": data}, "delivery": object{"state": "hidden"}}
}

func writePage(t *testing.T, w http.ResponseWriter, set *templates.Set, name string, page any) {
	var buf bytes.Buffer
	if err := set.Render(&buf, name, page); err != nil {
		t.Error(err)
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Write(buf.Bytes())
}

func writeJSON(t *testing.T, w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(v); err != nil {
		t.Error(err)
	}
}

// chrome starts a headless Chromium and returns the context of its tab.
func chrome(t *testing.T) context.Context {
	t.Helper()
	found, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatal("no Chromium on this machine: make deps installs it")
	}
	opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(found), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.WSURLReadTimeout(patience), chromedp.UserDataDir(t.TempDir()))
	ctx, stop := chromedp.NewExecAllocator(t.Context(), opts...)
	t.Cleanup(stop)
	ctx, closeTab := chromedp.NewContext(ctx)
	t.Cleanup(closeTab)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatal(err)
	}
	return ctx
}

func eval[T any](t *testing.T, ctx context.Context, expression string) T {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// open opens a page in a window of the given width, and waits until its live parts and the pictures in view are
// loaded.
func open(t *testing.T, ctx context.Context, url string, width int64, scheme string) {
	t.Helper()
	size := emulation.SetDeviceMetricsOverrideParams{Width: width, Height: 844, DeviceScaleFactor: 1, Mobile: width < 600}
	if _, err := chromedp.Call(ctx, emulation.SetDeviceMetricsOverride, size); err != nil {
		t.Fatal(err)
	}
	media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}}
	if _, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, media); err != nil {
		t.Fatal(err)
	}
	if err := chromedp.Do(ctx, chromedp.Navigate(url)); err != nil {
		t.Fatal(err)
	}
	const whole = `[...document.querySelectorAll('[data-part]')].every((p) => p.dataset.state) && [...document.images].every((i) => i.complete || i.loading == 'lazy')`
	waitFor(t, ctx, whole)
}

// waitFor waits until an expression is true in the page.
func waitFor(t *testing.T, ctx context.Context, expression string) {
	t.Helper()
	for end := time.Now().Add(patience); !eval[bool](t, ctx, expression); {
		if time.Now().After(end) {
			t.Fatalf("never came true: %s", expression)
		}
	}
}

// TestLayoutOfOddProducts opens each page of the corpus and, in the full form, of odd lists. No page may scroll sideways, and nothing may overlap, be cut
// off, or be an empty box.
func TestLayoutOfOddProducts(t *testing.T) {
	all := corpus()
	if len(all) < 60 {
		t.Errorf("the corpus has %d products", len(all))
	}
	all = long.Pick(all[:8], chosen(append(all, oddLists()...)))
	s := newStand(t, all)
	ctx := chrome(t)
	for _, o := range all {
		for _, width := range long.Pick([]int64{320, 1280}, []int64{320, 390, 800, 1280}) {
			for _, scheme := range long.Pick([]string{"light"}, []string{"light", "dark"}) {
				open(t, ctx, s.URL+"/item/"+o.name, width, scheme)
				eval[bool](t, ctx, "scrollTo(0, document.body.scrollHeight), true")
				waitFor(t, ctx, `!document.querySelector("[data-load] > p > a") && [...document.querySelectorAll("[data-card]")].every((card) => card.textContent)`)
				eval[bool](t, ctx, "scrollTo(0, 0), true")
				for _, fault := range eval[[]string](t, ctx, faultsOfLayout) {
					t.Errorf("%s, %d pixels, %s: %s", o.name, width, scheme, fault)
				}
				keepShot(t, ctx, fmt.Sprintf("%s-%d-%s", o.name, width, scheme))
			}
		}
	}
}

// chosen returns the pages that -odd names, or all.
func chosen(all []odd) []odd {
	if *layoutOdd == "" {
		return all
	}
	names := strings.Split(*layoutOdd, ",")
	return slices.DeleteFunc(all, func(o odd) bool { return !slices.Contains(names, o.name) })
}

// keepShot stores a screenshot of the whole page.
func keepShot(t *testing.T, ctx context.Context, name string) {
	t.Helper()
	if *layoutShots == "" {
		return
	}
	beyond := true
	shot, err := chromedp.Call(ctx, cdp.CaptureScreenshot, cdp.CaptureScreenshotParams{CaptureBeyondViewport: &beyond})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(*layoutShots, name+".png"), shot.Data, 0o644); err != nil {
		t.Fatal(err)
	}
}
