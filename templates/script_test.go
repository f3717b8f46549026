package templates_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	cdp "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"vitrine/internal/long"
)

// oddly returns the product of the corpus with this name.
func oddly(t *testing.T, name string) odd {
	t.Helper()
	for _, o := range corpus() {
		if o.name == name {
			return o
		}
	}
	t.Fatalf("the corpus has no %s", name)
	return odd{}
}

// TestTheScript opens pages of the corpus and checks what the script and the style sheet make of them.
func TestTheScript(t *testing.T) {
	long.Only(t)
	names := []string{"plain", "list-not-higher", "negative-price", "negative-stock", "60-pictures", "12-crumbs", "arabic", "200-specs"}
	var all []odd
	for _, name := range names {
		all = append(all, oddly(t, name))
	}
	s := newStand(t, all)
	ctx := chrome(t)
	t.Run("recommendations show their own currency", func(t *testing.T) {
		open(t, ctx, s.URL+"/item/plain", 1280, "light")
		eval[bool](t, ctx, "scrollTo(0, document.body.scrollHeight), true")
		waitFor(t, ctx, `[...document.querySelectorAll("[data-card]")].every((card) => card.textContent)`)
		if got := eval[string](t, ctx, `[...document.querySelectorAll("[data-card]")].map((card) => card.textContent).join()`); got != "$1.50,¥1.50" {
			t.Errorf("the cards show %q, want $1.50,¥1.50", got)
		}
	})
	t.Run("what is no reduction, or negative, is not shown", func(t *testing.T) {
		for name, want := range map[string]string{"list-not-higher": "€19.90||In stock|Pieces: 12", "negative-price": "||In stock|Pieces: 12", "negative-stock": "€19.90||In stock|"} {
			open(t, ctx, s.URL+"/item/"+name, 1280, "light")
			if got := eval[string](t, ctx, `["strong", "s", ".stock span", ".quantity"].map((part) => document.querySelector(".offer " + part).textContent).join("|")`); got != want {
				t.Errorf("%s: %q, want %q", name, got, want)
			}
		}
	})
	t.Run("sixty pictures cost six fetches", func(t *testing.T) {
		for _, width := range []int64{390, 1280} {
			open(t, ctx, s.URL+"/item/60-pictures", width, "light")
			if n := eval[int](t, ctx, `performance.getEntriesByType("resource").filter((r) => /800x800/.test(r.name)).length`); n > 6 {
				t.Errorf("%d pixels: %d fetches", width, n)
			}
			keepShot(t, ctx, "60-pictures")
			eval[bool](t, ctx, `document.querySelector(".strip").dispatchEvent(new Event("pointerover", { bubbles: true })), true`)
			if n := eval[int](t, ctx, `[...document.querySelectorAll(".thumbs a")].filter((a) => a.checkVisibility()).length`); n != 60 {
				t.Errorf("%d pixels: %d small pictures of 60 can be reached", width, n)
			}
		}
	})
	t.Run("twelve crumbs fold", func(t *testing.T) {
		const shown = `[...document.querySelectorAll(".path li")].filter((li) => li.checkVisibility()).length`
		open(t, ctx, s.URL+"/item/12-crumbs", 390, "light")
		if n := eval[int](t, ctx, shown); n != 3 {
			t.Errorf("%d are shown", n)
		}
		eval[bool](t, ctx, `document.querySelector(".path a").focus(), true`)
		if n := eval[int](t, ctx, shown); n != 12 {
			t.Errorf("%d are shown where the focus is", n)
		}
	})
	t.Run("right to left", func(t *testing.T) {
		open(t, ctx, s.URL+"/item/arabic", 1280, "light")
		if !eval[bool](t, ctx, `((left) => left(".gallery") > left(".facts") && document.dir === "rtl")((part) => document.querySelector(part).getBoundingClientRect().left)`) {
			t.Error("the layout is not mirrored")
		}
		eval[bool](t, ctx, `document.querySelectorAll(".thumbs a")[1].click(), true`)
		waitFor(t, ctx, `document.querySelector(".thumbs a[aria-current]")?.hash === "#picture-1" && document.querySelector(".strip").scrollLeft < -100`)
		keepShot(t, ctx, "arabic-1280")
		open(t, ctx, s.URL+"/item/arabic", 390, "dark")
		keepShot(t, ctx, "arabic-390")
	})
	t.Run("paper has the description and no controls", func(t *testing.T) { onPaper(t, ctx, s.URL+"/item/200-specs") })
	t.Run("a page that changes keeps focus and picture", func(t *testing.T) { changing(t, ctx, s, all[0]) })
	t.Run("what a part refuses is forgotten", func(t *testing.T) { refusing(t, ctx, s) })
}

func onPaper(t *testing.T, ctx context.Context, url string) {
	open(t, ctx, url, 800, "light")
	if there := eval[bool](t, ctx, `document.querySelector(".description .text") !== null`); there {
		t.Error("the description came without anybody who went to it")
	}
	if _, err := chromedp.Call(ctx, cdp.PrintToPDF, cdp.PrintToPDFParams{}); err != nil {
		t.Fatal(err)
	}
	if _, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: "print"}); err != nil {
		t.Fatal(err)
	}
	const printed = `["select", ".thumbs", ".options", ".path", ".description .text", ".offer", "h1"].filter((part) => document.querySelector(part)?.checkVisibility()).join()`
	if got := eval[string](t, ctx, printed); got != ".description .text,.offer,h1" {
		t.Errorf("in print these are seen: %q", got)
	}
	keepShot(t, ctx, "print")
}

// changing has the page's gen rise after a picture was added before the one shown, and an option before the one in
// focus.
func changing(t *testing.T, ctx context.Context, s *stand, o odd) {
	open(t, ctx, s.URL+"/item/plain", 390, "light")
	eval[bool](t, ctx, `document.querySelectorAll(".thumbs a")[1].click(), document.querySelectorAll(".choice a")[1].focus(), true`)
	waitFor(t, ctx, `document.querySelector(".strip").scrollLeft > 100`)
	focused := eval[string](t, ctx, `document.activeElement.textContent`)
	eval[bool](t, ctx, `(window.before = [document.querySelector(".gallery"), document.querySelector(".options")], true)`)
	product := o.page["product"].(object)
	product["images"] = array{"/pic/800x800/0", "/pic/800x800/1", "/pic/800x800/2"}
	o.page["siblings"] = array{sibling("2", "Colour", "Amber"), sibling("9", "Colour", "Blue"), sibling("3", "Colour", "Green")}
	s.gen.Store("2")
	waitFor(t, ctx, `document.querySelectorAll(".strip img").length === 3 && window.before.every((el) => !el.isConnected)`)
	if got := eval[string](t, ctx, `document.activeElement.textContent`); got != focused {
		t.Errorf("the focus is at %q, and was at %q", got, focused)
	}
	waitFor(t, ctx, `((strip) => document.querySelectorAll(".strip img")[Math.round(strip.scrollLeft / strip.clientWidth)].getAttribute("src") === "/pic/800x800/2")(document.querySelector(".strip"))`)
}

// refusing has the visitor come back with an area that the shop no longer accepts.
func refusing(t *testing.T, ctx context.Context, s *stand) {
	back, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	var refused, after atomic.Int64
	proxy := httputil.NewSingleHostReverseProxy(back)
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, "/live/") {
			proxy.ServeHTTP(w, r)
			return
		}
		delivery := object{"state": "fresh", "data": object{"text": "Tomorrow", "area": "new", "areas": array{object{"id": "new", "name": "New"}}}}
		if r.FormValue("area") == "gone" {
			refused.Add(1)
			delivery = object{"state": "hidden", "refused": array{"area"}}
		} else if refused.Load() > 0 {
			after.Add(1)
		}
		writeJSON(t, w, object{"parts": object{"offer": object{"state": "fresh", "data": object{"price": object{"amount": "7.00"}}}, "delivery": delivery}})
	}))
	defer front.Close()
	open(t, ctx, front.URL+"/item/12-crumbs", 390, "light")
	eval[bool](t, ctx, `(localStorage.setItem("vitrine.area", "gone"), true)`)
	open(t, ctx, front.URL+"/item/12-crumbs", 390, "light")
	waitFor(t, ctx, `localStorage.getItem("vitrine.area") === null && document.querySelector(".delivery [data-live]").textContent === "Tomorrow"`)
	if refused.Load() == 0 || after.Load() == 0 {
		t.Errorf("refused %d times, then asked %d times", refused.Load(), after.Load())
	}
	if got := eval[string](t, ctx, `document.querySelector(".offer strong").textContent`); got != "€7.00" {
		t.Errorf("the price is %q", got)
	}
}
