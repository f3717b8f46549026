package demo_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"vitrine/internal/catalog"
	"vitrine/internal/demo"
	"vitrine/internal/item"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const lamp = "100001"

// office is a running demo shop with its back office.
type office struct {
	t         *testing.T
	url       string
	shop      *demo.Shop
	announced []string
}

func open(t *testing.T, dir string, lang string) *office {
	t.Helper()
	l, err := demo.ParseLang(lang)
	if err != nil {
		t.Fatal(err)
	}
	shop, err := demo.Open(dir, l)
	if err != nil {
		t.Fatal(err)
	}
	o := &office{t: t, shop: shop}
	publish := func(_ context.Context, changes []item.Change) error {
		for _, c := range changes {
			o.announced = append(o.announced, c.Entity.String()+" "+c.Dimension)
		}
		return nil
	}
	backOffice, err := demo.NewBackOffice(shop, func() string { return "http://pages.example" }, publish, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(backOffice.Handler())
	t.Cleanup(server.Close)
	o.url = server.URL
	return o
}

func (o *office) do(r *http.Request) (int, string) {
	o.t.Helper()
	answer, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(r)
	if err != nil {
		o.t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		o.t.Fatal(err)
	}
	return answer.StatusCode, string(body)
}

func (o *office) get(path string) (int, string) {
	o.t.Helper()
	r, err := http.NewRequestWithContext(o.t.Context(), http.MethodGet, o.url+path, nil)
	if err != nil {
		o.t.Fatal(err)
	}
	return o.do(r)
}

func (o *office) post(path string, form url.Values, header ...string) (int, string) {
	o.t.Helper()
	r, err := http.NewRequestWithContext(o.t.Context(), http.MethodPost, o.url+path, strings.NewReader(form.Encode()))
	if err != nil {
		o.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return o.do(r)
}

// field requests one record from an upstream and returns a field of it.
func (o *office) field(path, name string) any {
	o.t.Helper()
	status, body := o.get(path)
	var record map[string]any
	if err := json.Unmarshal([]byte(body), &record); status != http.StatusOK || err != nil {
		o.t.Fatalf("%s: %d %s", path, status, body)
	}
	return record[name]
}

func form(title, price, list, stock string) url.Values {
	return url.Values{"title": {title}, "brief": {"b"}, "price": {price}, "list": {list}, "stock": {stock}}
}

func TestGoods(t *testing.T) {
	for _, lang := range []string{"en", "zh"} {
		o := open(t, t.TempDir(), lang)
		families, virtual, global, off := map[string]bool{}, 0, 0, 0
		ids := map[string]*demo.Product{}
		for _, p := range o.shop.Products() {
			ids[p.ID] = p
			families[slices.Min(append(p.Variants, p.ID))] = true
			for have, n := range map[*int]bool{&virtual: p.Virtual, &global: p.Global, &off: p.Off} {
				if n {
					*have++
				}
			}
			if p.Title == "" || p.Brief == "" || p.Price <= 0 && !p.Virtual || p.List != 0 && p.List <= p.Price {
				t.Errorf("in %s a product lacks a text, or has a wrong price: %+v", lang, p)
			}
		}
		if len(families) < 300 || len(ids) < 1000 || virtual == 0 || global == 0 || off == 0 {
			t.Errorf("%s: %d families, %d products, %d virtual, %d global, %d off", lang, len(families), len(ids), virtual, global, off)
		}
		for _, p := range ids {
			for _, other := range slices.Concat(p.Variants, p.Recommended) {
				if ids[other] == nil || other == p.ID {
					t.Errorf("%s leads to %s", p.ID, other)
				}
			}
			for _, v := range p.Variants {
				if !slices.Contains(ids[v].Variants, p.ID) {
					t.Errorf("%s is a variant of %s, not the other way", v, p.ID)
				}
			}
		}
	}
}

func TestCatalogIsTaken(t *testing.T) {
	for _, lang := range []string{"en", "zh"} {
		l, err := demo.ParseLang(lang)
		if err != nil {
			t.Fatal(err)
		}
		cat, err := catalog.Parse(demo.Catalog(l, "http://127.0.0.1:8090"), "demo.yaml", catalog.Options{})
		if err != nil {
			t.Fatalf("%v, error %v; want no error", lang, err)
		}
		if cat.Site.Lang != lang || cat.Site.Buy == nil || cat.Site.Buy.URL != "http://127.0.0.1:8090/buy" {
			t.Errorf("in %s the catalog's site is %+v", lang, cat.Site)
		}
	}
	if _, err := demo.ParseLang("xx"); err == nil {
		t.Error("there is no demo in xx")
	}
}

func TestEdit(t *testing.T) {
	dir := t.TempDir()
	o := open(t, dir, "en")
	version := o.field("/api/products/"+lamp, "version").(float64)
	if status, body := o.post("/edit/"+lamp, form(" New & <b> ", "1,25", "9.99", "7")); status != http.StatusSeeOther {
		t.Fatalf("an edit answers %d, want 303: %s", status, body)
	}
	check := func(o *office) {
		t.Helper()
		got := []any{o.field("/api/products/"+lamp, "name"), o.field("/api/prices/"+lamp, "amount"), o.field("/api/prices/"+lamp, "list"), o.field("/api/stock/"+lamp, "quantity")}
		if diff := cmp.Diff([]any{"New & <b>", 1.25, 9.99, 7.0}, got); diff != "" {
			t.Error(diff)
		}
		if now := o.field("/api/products/"+lamp, "version").(float64); now <= version {
			t.Errorf("version %v after %v", now, version)
		}
	}
	check(o)
	if diff := cmp.Diff([]string{"sku:" + lamp + " product", "sku:" + lamp + " price", "sku:" + lamp + " stock"}, o.announced); diff != "" {
		t.Error(diff)
	}
	if _, body := o.get("/edit/" + lamp); !strings.Contains(body, "New &amp; &lt;b&gt;") {
		t.Errorf("%s; want a body with New &amp; &lt;b&gt;", body)
	}
	t.Run("survives a restart", func(t *testing.T) { check(open(t, dir, "en")) })
	t.Run("of one language leaves the other alone", func(t *testing.T) {
		if name := open(t, dir, "zh").field("/api/products/"+lamp, "name"); name == "New & <b>" {
			t.Errorf("an edit in one language shows in the other: %v", name)
		}
	})
	t.Run("that changes nothing announces nothing", func(t *testing.T) {
		o.announced = nil
		if status, _ := o.post("/edit/"+lamp, form("New & <b>", "1.25", "9.99", "7")); status != http.StatusSeeOther || o.announced != nil {
			t.Errorf("an edit that changes nothing answers %d and announces %v", status, o.announced)
		}
	})
	t.Run("names what it can't read, and changes nothing", func(t *testing.T) {
		for name, f := range map[string]url.Values{
			"title":       form("  ", "1", "0", "1"),
			"title: betw": form(strings.Repeat("x", 301), "1", "0", "1"),
			"price":       form("T", "NaN", "0", "1"),
			"price: ":     form("T", "-1", "0", "1"),
			"list":        form("T", "1", "1e99", "1"),
			"stock":       form("T", "1", "0", "0x10"),
			"stock: ":     form("T", "1", "0", "-3"),
		} {
			if status, body := o.post("/edit/"+lamp, f); status != http.StatusUnprocessableEntity || !strings.Contains(body, name) {
				t.Errorf("an edit with a wrong %s: status %d, want 422: %s", name, status, body)
			}
		}
		check(o)
	})
	t.Run("from a page elsewhere is refused", func(t *testing.T) {
		if status, _ := o.post("/edit/"+lamp, form("Evil", "1", "0", "1"), "Origin", "https://evil.example"); status != http.StatusForbidden {
			t.Errorf("an edit from another site answers %d, want 403", status)
		}
		check(o)
	})
	t.Run("of what the shop never had is not found", func(t *testing.T) {
		for _, path := range []string{"/edit/1", "/buy/%3Cb%3E", "/restore/1"} {
			if status, _ := o.post(path, form("T", "1", "0", "1")); status != http.StatusNotFound {
				t.Errorf("%s answers %d, want 404", path, status)
			}
		}
	})
}

func TestDeleteBuyRestore(t *testing.T) {
	o := open(t, t.TempDir(), "en")
	before := o.field("/api/stock/"+lamp, "quantity").(float64)
	o.post("/buy/"+lamp, nil)
	if after := o.field("/api/stock/"+lamp, "quantity").(float64); after != before-1 {
		t.Errorf("the stock goes from %v to %v, want one less", before, after)
	}
	o.post("/delete/"+lamp, nil)
	for _, path := range []string{"/api/products/", "/api/products/specs/", "/api/products/shelf/", "/api/prices/", "/api/stock/", "/api/promotions/", "/api/content/"} {
		if status, _ := o.get(path + lamp); status != http.StatusNotFound {
			t.Errorf("%s answers %d, want 404", path, status)
		}
	}
	o.post("/restore/"+lamp, nil)
	if got := o.field("/api/stock/"+lamp, "quantity").(float64); got != before-1 {
		t.Error("restored with", got)
	}
	if diff := cmp.Diff([]string{"sku:" + lamp + " stock", "sku:" + lamp + " all", "sku:" + lamp + " all"}, o.announced); diff != "" {
		t.Error(diff)
	}
}

// TestBuying submits the form of a product's page: first to a basket, which changes nothing, then as the purchase.
func TestBuying(t *testing.T) {
	o := open(t, t.TempDir(), "en")
	stock := func() int { return int(o.field("/api/stock/"+lamp, "quantity").(float64)) }
	before := stock()
	status, body := o.get("/buy?id=" + lamp + "&quantity=3")
	if status != http.StatusOK || !strings.Contains(body, `action="/buy/`+lamp+`"`) || !strings.Contains(body, `name="quantity" value="3"`) {
		t.Errorf("the basket: %d %s", status, body)
	}
	if status, _ = o.get("/buy?id=nothing"); status != http.StatusNotFound {
		t.Error("the basket of nothing:", status)
	}
	for _, odd := range []string{"0", "-1", "1000", "1.5", "x", "99999999999999999999", "<b>", strings.Repeat("9", 5000)} {
		query := url.Values{"id": {lamp}, "quantity": {odd}}
		if status, body = o.get("/buy?" + query.Encode()); status != http.StatusUnprocessableEntity || !strings.Contains(body, "quantity: ") || strings.Contains(body, "<b>") {
			t.Errorf("a basket with %.20q: %d %s", odd, status, body)
		}
		if status, _ = o.post("/buy/"+lamp, query); status != http.StatusUnprocessableEntity {
			t.Errorf("%.20q bought: %d", odd, status)
		}
	}
	if stock() != before {
		t.Error("something was bought")
	}
	if status, _ = o.post("/buy/"+lamp, url.Values{"quantity": {"3"}}); status != http.StatusSeeOther || stock() != before-3 {
		t.Errorf("%d, then %d of %d are left", status, stock(), before)
	}
	o.post("/buy/"+lamp, url.Values{"quantity": {"999"}})
	o.post("/buy/"+lamp, url.Values{"quantity": {"999"}})
	if stock() != 0 {
		t.Error("left:", stock())
	}
}

func TestDamagedEdits(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "edits-en.json"), []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	l, err := demo.ParseLang("en")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := demo.Open(dir, l); err == nil || !strings.Contains(err.Error(), "edits-en.json") {
		t.Error(err)
	}
}

func TestLists(t *testing.T) {
	o := open(t, t.TempDir(), "en")
	o.post("/delete/"+lamp, nil)
	var all []string
	for cursor := ""; ; {
		_, body := o.get("/api/products/list?cursor=" + cursor)
		var page struct {
			IDs  []string
			Next string
		}
		if err := json.Unmarshal([]byte(body), &page); err != nil {
			t.Fatalf("error %v, %s; want no error", err, body)
		}
		all = append(all, page.IDs...)
		cursor = page.Next
		if cursor == "" {
			break
		}
	}
	if len(all) != len(o.shop.Products())-1 || slices.Contains(all, lamp) || !slices.IsSorted(all) {
		t.Error(len(all), "of", len(o.shop.Products()))
	}
	if _, body := o.get("/api/prices/?ids=100002,nosuch," + lamp + ",100003"); strings.Count(body, `"amount"`) != 2 {
		t.Errorf("a batch with an unknown id gives other than two prices: %s", body)
	}
	if status, _ := o.get("/api/prices/?ids=" + strings.Repeat("1,", 1000)); status != http.StatusBadRequest {
		t.Errorf("a batch of too many ids answers %d, want 400", status)
	}
}

func TestBreak(t *testing.T) {
	o := open(t, t.TempDir(), "en")
	paths := map[string]string{"products": "/api/products/", "content": "/api/content/", "prices": "/api/prices/", "stock": "/api/stock/",
		"promotions": "/api/promotions/", "delivery": "/api/delivery/", "taxonomy": "/api/taxonomy/", "partners": "/api/partners/brands/"}
	for _, name := range demo.Upstreams() {
		id := lamp
		if name == "taxonomy" || name == "partners" {
			id = "1"
		}
		if status, body := o.get(paths[name] + id); status != http.StatusOK {
			t.Fatalf("%s answers %d, want 200: %s", name, status, body)
		}
		if status, _ := o.post("/break", url.Values{"upstream": {name}, "mode": {"failing"}}); status != http.StatusSeeOther {
			t.Errorf("the order to break %s answers %d, want 303", name, status)
		}
		if status, _ := o.get(paths[name] + id); status != http.StatusInternalServerError {
			t.Errorf("%s answers %d while it is failing, want 500", name, status)
		}
		if err := o.shop.Break(name, demo.Hanging); err != nil {
			t.Fatal(err)
		}
		gone, leave := context.WithCancel(t.Context())
		leave()
		answer := httptest.NewRecorder()
		o.shop.API().ServeHTTP(answer, httptest.NewRequestWithContext(gone, http.MethodGet, paths[name]+id, nil))
		if answer.Body.Len() > 0 {
			t.Error(name, "answered while it hung:", answer.Body)
		}
		if err := o.shop.Break(name, demo.Sound); err != nil {
			t.Fatal(err)
		}
		if status, _ := o.get(paths[name] + id); status != http.StatusOK {
			t.Error(name, "did not mend:", status)
		}
	}
	for _, f := range []url.Values{{"upstream": {"nosuch"}, "mode": {"ok"}}, {"upstream": {"prices"}, "mode": {"<b>"}}, nil} {
		if status, _ := o.post("/break", f); status != http.StatusBadRequest {
			t.Errorf("the order %v answers %d, want 400", f, status)
		}
	}
	if err := o.shop.Break("nosuch", demo.Sound); err == nil || errors.Is(err, demo.ErrNoProduct) {
		t.Error(err)
	}
}

func TestPictures(t *testing.T) {
	o := open(t, t.TempDir(), "en")
	for path, want := range map[string]int{"/pictures/100001-0.svg": 200, "/pictures/100001-3.svg": 200, "/pictures/brand-1.svg": 200,
		"/pictures/100001-9.svg": 404, "/pictures/1-0.svg": 404, "/pictures/brand-999.svg": 404, "/pictures/x": 404, "/pictures/..%2f": 404} {
		status, body := o.get(path)
		if status != want || want == 200 && !strings.HasPrefix(body, "<svg ") {
			t.Errorf("the picture %s: status %d, want %d: %.60s", path, status, want, body)
		}
	}
}
