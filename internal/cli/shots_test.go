package cli_test

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	cdp "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

var shots = flag.String("shots", "", "take the documentation's screenshots into this `folder`: make shots")

// TestShots takes the screenshots of docs/img from the running demo.
func TestShots(t *testing.T) {
	if *shots == "" {
		t.Skip("takes screenshots only when asked to: make shots")
	}
	chrome := browser(t)
	for _, lang := range []string{"en", "zh"} {
		v := up(t, t.TempDir(), "--lang", lang)
		address := v.Pages + "/item/100001.html"
		eventually(t, func() string {
			if status, _, body := fetch(t, address); status != http.StatusOK || !strings.Contains(string(body), `class="recommended"`) || !strings.Contains(string(body), `"position":3`) {
				return fmt.Sprint("not whole yet: ", status)
			}
			return ""
		})
		for _, scheme := range []string{"light", "dark"} {
			shoot(t, chrome, address, "item-"+lang+"-wide-"+scheme, 1280, 860, scheme)
			shoot(t, chrome, address, "item-"+lang+"-phone-"+scheme, 390, 844, scheme)
		}
		shoot(t, chrome, v.Pages+"/", "index-"+lang, 1280, 860, "light")
		shoot(t, chrome, v.Shop+"/", "shop-"+lang, 1280, 860, "light")
	}
}

// shoot takes one screenshot at two device pixels per CSS pixel, once the live parts are loaded.
func shoot(t *testing.T, chrome context.Context, url, name string, width, height int64, scheme string) {
	t.Helper()
	set := emulation.SetDeviceMetricsOverrideParams{Width: width, Height: height, DeviceScaleFactor: 1.5, Mobile: width < 600}
	if _, err := chromedp.Call(chrome, emulation.SetDeviceMetricsOverride, set); err != nil {
		t.Fatal(err)
	}
	media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}}
	if _, err := chromedp.Call(chrome, emulation.SetEmulatedMedia, media); err != nil {
		t.Fatal(err)
	}
	do(t, chrome, chromedp.Navigate(url))
	eventually(t, func() string {
		if eval[bool](t, chrome, "[...document.querySelectorAll('[data-part]')].every((p) => p.dataset.state) && [...document.images].every((i) => i.complete || i.loading == 'lazy')") {
			return ""
		}
		return "the page is still loading"
	})
	quality := int64(85)
	shot, err := chromedp.Call(chrome, cdp.CaptureScreenshot, cdp.CaptureScreenshotParams{Format: "jpeg", Quality: &quality})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(*shots, name+".jpg"), shot.Data, 0o644); err != nil {
		t.Fatal(err)
	}
}
