package cli_test

import (
	"encoding/json"
	"fmt"
	"hash/maphash"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	cdp "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"vitrine/internal/hostile"
	"vitrine/internal/item"
	"vitrine/internal/long"
)

const hostileCatalog = `
version: 1
site: { name: Hostile, lang: en, currency: EUR, origin: "http://127.0.0.1", images: ["https://img.example"] }
upstreams: { all: { url: %q } }
entities:
  sku:
    dimensions:
      product:
        from: all
        get: /product/{id}
        refs: { brand: brand, shop: shop, siblings: { kind: sku, field: siblings }, recommended: { kind: sku, field: siblings }, path: { kind: category, field: category, up: parent } }
        html: [html]
      specs: { from: all, get: "/specs/{id}" }
      description: { from: all, get: "/description/{id}", html: [html] }
      price: { from: all, get: "/price/{id}" }
      stock: { from: all, get: "/stock/{id}" }
      promotions: { from: all, get: "/promotions/{id}" }
    blobs:
      item: { of: [product, specs], fold: '. + .product.told | del(.product.told) | if .specs then .specs = .specs.groups else . end' }
      offer: { of: [price, stock, promotions], fold: 'if .promotions then .promotions = .promotions.list else . end' }
      desc: { of: [description] }
      card: { of: [product] }
  category:
    dimensions: { category: { from: all, get: "/category/{id}", refs: { parent: { kind: category, field: parent } } } }
    blobs: { card: { of: [category], fold: .category } }
  brand:
    dimensions: { brand: { from: all, get: "/brand/{id}" } }
    blobs: { card: { of: [brand], fold: .brand } }
  shop:
    dimensions: { shop: { from: all, get: "/shop/{id}" } }
    blobs: { card: { of: [shop], fold: .shop } }
live:
  offer: { blob: offer }
  delivery: { from: all, get: "/delivery/{id}", deadline: 5s }
pages:
  item: { path: "/item/{sku}.html", blob: item, overlay: [offer], with: { brand: card, shop: card, path: card, siblings: card, recommended: card }, live: [offer, delivery], template: item.html }
  desc: { path: "/desc/{sku}.html", blob: desc, template: desc.html }
`

// hostileShop serves, for each hostile text, records that hold it in every field. The id is the text itself where
// that is a valid id.
func hostileShop(t *testing.T) (address string, ids []string, texts map[string]string) {
	texts = map[string]string{}
	for i, text := range hostile.Texts() {
		id := text
		if item.CheckID(id) != nil {
			id = fmt.Sprintf("t%d", i)
		}
		ids = append(ids, id)
		texts[id] = text
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		dimension, escaped, _ := strings.Cut(strings.TrimPrefix(r.URL.EscapedPath(), "/"), "/")
		id, err := url.PathUnescape(escaped)
		x, ok := texts[id]
		if err != nil || !ok {
			http.NotFound(w, r)
			return
		}
		_ = json.NewEncoder(w).Encode(hostileRecord(dimension, id, x)) // a worker whose time-out is over hangs up
	}))
	t.Cleanup(server.Close)
	return server.URL, ids, texts
}

type object map[string]any

// hostileRecord is a record with x in each text. One of the pictures is valid, and so is every other price, since structured data is written
// only for a product that has both.
func hostileRecord(dimension, id, x string) object {
	switch dimension {
	case "product":
		option := object{"name": x, "value": x}
		return object{"title": x, "brief": x, "html": x, "images": []any{x, object{"url": x, "alt": x, "width": x, "height": x}, "/pictures/a.svg"},
			"options": []any{option, option}, "brand": id, "shop": id, "category": id, "siblings": []any{id}, "told": hostileTold(x)}
	case "specs":
		return object{"groups": []any{object{"group": x, "rows": []any{object{"name": x, "value": x}}}}}
	case "description":
		return object{"html": x}
	case "price":
		if hostilePrice(id) {
			return object{"amount": x, "list": x, "currency": x, "unit": object{"amount": x, "per": x}}
		}
		return object{"amount": 4.5, "list": x, "currency": "EUR", "unit": object{"amount": x, "per": x}}
	case "stock":
		return object{"state": x, "quantity": x}
	case "promotions":
		return object{"list": []any{object{"title": x}}}
	case "delivery":
		return object{"text": x, "area": x, "areas": []any{object{"id": x, "name": x}}}
	}
	return object{"title": x, "name": x, "url": x, "logo": x, "brief": x}
}

var hostilePrices = maphash.MakeSeed()

// hostilePrice reports whether the amount and the currency of a product are hostile, too. It is another half of all products in each run.
func hostilePrice(id string) bool { return maphash.String(hostilePrices, id)%2 == 0 }

// hostileTold is the additional information about a product, with x in each text. The numbers of its rating are
// valid, since structured data has a rating only then.
func hostileTold(x string) object {
	return object{
		"rating":    object{"value": 4.5, "count": 3, "best": x},
		"reviews":   []any{object{"author": x, "title": x, "text": x, "rating": x, "date": x}, object{"author": x, "rating": 4, "text": x}},
		"questions": []any{object{"question": x, "answer": x}},
		"warranty":  x,
		"shipping":  object{"price": x, "transit": []any{x, x}},
		"returns":   object{"days": x, "url": x},
	}
}

// inspect runs in each page after the page's own scripts are done, and lists what is wrong.
const inspect = `(async () => {
  const faults = [], one = (s) => document.querySelector(s), say = (f) => faults.push(f);
  const until = async (what, f) => { for (let i = 0; i < 600; i++) { if (f()) return; await new Promise((r) => setTimeout(r, 10)); } say("never: " + what); };
  await until("live parts", () => one(".delivery")?.dataset.state);
  const sent = new DOMParser().parseFromString(await (await fetch(location.href)).text(), "text/html");
  if (sent.querySelector("main#main .description") === null) say("swallowed: .description");
  const described = one("main#main .description"); // may be removed by now
  described?.scrollIntoView();
  await until("description", () => one(".description article.text") || !described?.isConnected); // one without a word is removed
  const data = await (await fetch(location.pathname.replace(/html$/, "json"))).json();
  const title = data.product.title.replace(/\r\n?/g, "\n").replaceAll("\0", "\uFFFD");
  if (title && one("h1")?.textContent !== title) say("h1 is " + one("h1")?.textContent.slice(0, 80));
  if (window.ran.length) say("ran: " + window.ran);
  for (const s of ["header.top", "main#main", "footer.bottom"]) if (one("body > " + s) === null) say("swallowed: " + s);
  for (const s of [".gallery", ".title", ".offer", ".delivery", ".specs", ".recommended"]) if (one("main#main " + s) === null) say("swallowed: " + s);
  if (document.body.lastElementChild?.className !== "bottom") say("something follows the footer");
  const scripts = [...document.scripts].map((s) => s.type + " " + s.getAttribute("src")).join();
  const priced = data.price.currency === "EUR";
  const linked = /^ \/assets\/site\.[0-9a-f]+\.js(,application\/ld\+json null)?$/.exec(scripts);
  if (!linked || priced && !linked[1]) say("scripts: " + scripts);
  const product = JSON.parse(document.scripts[1]?.textContent ?? '{"@graph":[]}')["@graph"].find((o) => o["@type"] === "Product");
  if (product?.name !== (priced ? data.product.title : undefined)) say("the JSON-LD has another name: " + product?.name);
  if (document.querySelectorAll("button.share").length !== 1) say("there is not one button to share");
  const bad = "base, form, iframe, frame, object, embed, portal, input, button:not(.share), textarea, plaintext, template, style, meta[http-equiv], link:not([rel=stylesheet], [rel=icon], [rel=canonical])";
  for (const el of document.querySelectorAll(bad)) say("there is a " + el.outerHTML.slice(0, 80));
  for (const el of document.querySelectorAll("*")) for (const a of el.attributes) {
    if (/^on/i.test(a.name) || a.name === "style" || a.name === "srcdoc") say(el.localName + " has " + a.name);
    if (/^(href|src|action|formaction|xlink:href)$/i.test(a.name) && /^[\s\x00-\x1f]*(javascript|vbscript|livescript)[\s]*:/i.test(a.value.replace(/[\t\n\r]/g, ""))) say(el.localName + " leads to " + a.value.slice(0, 60));
  }
  for (const a of document.links) if (/^(javascript|data|vbscript):/i.test(a.protocol)) say("a link leads to " + a.href.slice(0, 60));
  if (document.querySelectorAll("main").length !== 1) say("there are several mains");
  return faults;
})()`

// whole reports whether a page's data has all members that the test looks for.
func whole(data string) bool {
	return strings.Contains(data, `"specs"`) && strings.Contains(data, `"recommended":[{`) && strings.Contains(data, `"price"`)
}

// TestHostileTexts opens a page for each hostile text with the page's Content-Security-Policy disabled, so that
// escaping and cleaning alone must hold. The short form draws a twentieth of the texts at random.
func TestHostileTexts(t *testing.T) {
	t.Parallel()
	address, ids, texts := hostileShop(t)
	v := up(t, t.TempDir(), "--catalog", catalogFor(t, hostileCatalog, address))
	rand.Shuffle(len(ids), func(i, j int) { ids[i], ids[j] = ids[j], ids[i] })
	ids = ids[:len(ids)/long.Pick(20, 1)]
	conn := v.dial()
	for _, id := range ids {
		announce(t, conn, "all", id)
	}
	chrome := browser(t)
	if _, err := chromedp.Call(chrome, cdp.SetBypassCSP, cdp.SetBypassCSPParams{Enabled: true}); err != nil {
		t.Fatal(err)
	}
	if _, err := chromedp.Call(chrome, cdp.AddScriptToEvaluateOnNewDocument, cdp.AddScriptToEvaluateOnNewDocumentParams{
		Source: "window.ran = []; window.pwned = (n) => { try { top.ran.push(n ?? 'x') } catch { window.ran.push(n) } }",
	}); err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		path := v.Pages + "/item/" + url.PathEscape(id) + ".html"
		eventually(t, func() string {
			if status, _, _ := fetch(t, path); status != http.StatusOK {
				return fmt.Sprintf("%q: status %d", id, status)
			}
			for _, twin := range []string{"/item/", "/desc/"} {
				if status, _, body := fetch(t, v.Pages+twin+url.PathEscape(id)+".json"); status != http.StatusOK || twin == "/item/" && !whole(string(body)) {
					return fmt.Sprintf("%q: %s has status %d", id, twin, status)
				}
			}
			return ""
		})
		do(t, chrome, chromedp.Navigate(path))
		if faults := run(t, chrome, chromedp.Evaluate[[]string](inspect, chromedp.EvalAwaitPromise)); len(faults) > 0 {
			t.Errorf("%.100q: %q", texts[id], faults)
		}
	}
}
