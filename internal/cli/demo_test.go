package cli_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"vitrine/internal/long"
)

// TestDemoInABrowser follows a visitor through the demo: a second page compressed with the dictionary that the first
// one offered, the index, a product, an option, an edit that appears on the open page, and an upstream that breaks.
func TestDemoInABrowser(t *testing.T) {
	t.Parallel()
	v := up(t, t.TempDir())
	if !long.Full() {
		v.holdDemo(listed)
	}
	pagesServed(t, v)

	shop := browser(t)
	t.Run("the second page of a visit", func(t *testing.T) { secondPage(t, v, tab(t, shop)) })
	do(t, shop, chromedp.Navigate(v.Pages+"/"), chromedp.Click(chromedp.CSS(".card a")), chromedp.WaitVisible(chromedp.CSS("article.item h1")))
	before := textOf(t, shop, ".choice [aria-current]")
	do(t, shop, chromedp.Click(chromedp.CSS(".choice a")), chromedp.WaitVisible(chromedp.CSS("article.item h1")))
	eventually(t, func() string {
		if now := textOf(t, shop, ".choice [aria-current]"); now == before {
			return "the option did not lead to another variant than " + now
		}
		return ""
	})
	id := regexp.MustCompile(`[0-9]+`).FindString(eval[string](t, shop, "location.pathname"))
	eval[bool](t, shop, "window.stayed = true")

	desk := tab(t, shop)
	edit := func(field, value string) {
		do(t, desk, chromedp.Navigate(v.Shop+"/edit/"+id), chromedp.SetValue(chromedp.CSS("[name="+field+"]"), value),
			chromedp.Click(chromedp.CSS("#save")), chromedp.WaitVisible(chromedp.CSS(".done")))
	}
	shows := func(selector, want string) {
		t.Helper()
		eventually(t, func() string {
			if got := textOf(t, shop, selector); !strings.Contains(got, want) {
				return fmt.Sprintf("%s says %q, want %q", selector, got, want)
			}
			return ""
		})
	}
	edit("price", "1234.50")
	shows(".offer .price strong", "€1,234.50")
	edit("stock", "3")
	shows(".stock", "Only a few left Pieces: 3")
	edit("title", "Edited <b>title</b>")
	shows("h1", "Edited <b>title</b>")
	shows(".delivery", "Tomorrow")

	breakAll(t, v)
	edit("price", "99.90") // not announced yet
	eventually(t, func() string {
		if state := eval[string](t, shop, "document.querySelector('.delivery').dataset.state"); state != "last" {
			return "the delivery part of a broken upstream is " + state
		}
		return ""
	})
	shows(".delivery .asof", "As of")
	pagesServed(t, v)
	if !eval[bool](t, shop, "window.stayed === true") {
		t.Error("the page was loaded anew")
	}

	for _, name := range []string{"products", "prices", "delivery", "stock"} {
		post(t, v.Shop+"/break", url.Values{"upstream": {name}, "mode": {"ok"}})
	}
	shows(".offer .price strong", "€99.90")
	post(t, v.Shop+"/delete/"+id, nil)
	shows("h1", "This page is gone")
}

func breakAll(t *testing.T, v *running) {
	t.Helper()
	for name, mode := range map[string]string{"products": "hanging", "prices": "failing", "delivery": "slow", "stock": "hanging"} {
		post(t, v.Shop+"/break", url.Values{"upstream": {name}, "mode": {mode}})
	}
}

func post(t *testing.T, to string, form url.Values) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, to, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Fatalf("%s answered %s", to, res.Status)
	}
}

// listed is the number of demo products that the test waits for. All of them cost a minute of CPU under the race
// detector.
var listed = long.Pick(30, 1040)

// holdDemo stops the demo from filling itself, and stores n of its products.
func (r *running) holdDemo(n int) {
	r.t.Helper()
	r.flip(0, "intake.refresh", "off") // the lane in which the demo fills itself
	var ids []string
	for i := range n {
		ids = append(ids, fmt.Sprint(100001+100*(i/3)+i%3)) // each article has three variants or more
	}
	r.refreshHigh(ids)
}

// refreshHigh announces products in the high lane.
func (r *running) refreshHigh(ids []string) {
	r.t.Helper()
	if code, _, stderr := vitrine(r.t, "refresh", "--kind", "sku", "--ids", strings.Join(ids, ","), "--lane", "high", "--nats", r.NATS); code != 0 {
		r.t.Fatalf("refresh: code %d: %s", code, stderr)
	}
}

// pagesServed waits until the index links to the demo's products and their pages are there.
func pagesServed(t *testing.T, v *running) {
	t.Helper()
	links := regexp.MustCompile(`href="(/item/[0-9]+\.html)"`)
	var paths []string
	eventually(t, func() string {
		paths = nil
		for page, status := 1, http.StatusOK; status == http.StatusOK && len(paths) < listed; page++ {
			var index []byte
			status, _, index = fetch(t, fmt.Sprint(v.Pages, "/?page=", page))
			for _, found := range links.FindAllStringSubmatch(string(index), -1) {
				paths = append(paths, found[1])
			}
		}
		if len(paths) < listed {
			return fmt.Sprintf("the index has %d of %d products", len(paths), listed)
		}
		return ""
	})
	counts, asked := map[int]int{}, len(paths)
	for _, path := range paths {
		status, _, body := fetch(t, v.Pages+path)
		counts[status]++
		if status == http.StatusOK && !strings.Contains(string(body), "<h1>") {
			t.Errorf("%s has no title", path)
		}
	}
	if off := counts[http.StatusGone]; off > asked/10 || long.Full() && off < 5 || counts[http.StatusOK]+off != asked {
		t.Errorf("pages by status: %v", counts)
	}
}

func TestDemoSpeaksChinese(t *testing.T) {
	t.Parallel()
	v := up(t, t.TempDir(), "--lang", "zh")
	file, err := os.ReadFile("../../templates/theme/words.json")
	if err != nil {
		t.Fatal(err)
	}
	var words map[string]map[string]string // by language
	if err := json.Unmarshal(file, &words); err != nil {
		t.Fatal(err)
	}
	zh := words["zh"]
	eventually(t, func() string {
		status, _, body := fetch(t, v.Pages+"/item/100001.html")
		page := string(body)
		for _, want := range []string{
			`<html lang="zh" dir="ltr">`, "阿尔芭台灯", "¥311.90", "客厅", ">" + zh["In stock"] + "<", zh["Specifications"], ">" + zh["Buy"] + "<",
		} {
			if !strings.Contains(page, want) {
				return fmt.Sprintf("status %d, no %s", status, want)
			}
		}
		return ""
	})
}
