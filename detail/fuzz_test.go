package detail_test

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"vitrine/detail"
	"vitrine/detail/blobcache"
	"vitrine/internal/catalog"
	"vitrine/internal/kv/kvtest"
	"vitrine/templates"
)

// FuzzRequest proves that any request is answered with a status of the table, that JSON is valid, and that no header
// field is split.
func FuzzRequest(f *testing.F) {
	for _, path := range []string{"/item/1.html", "/item/%2F.json", "/live?ids=1,%2C&area=1", "/blobs/sku/item?ids=1", "/live/1?area=%zz",
		"/relations/brand/1/brand?cursor=x", "/item/%00.json", "//item/1.json", "/item/%E4%B8.json", "/assets/%2e%2e"} {
		f.Add(path, "gzip;q=0.5", `W/"x", *`)
	}
	f.Fuzz(func(t *testing.T, path, accept, match string) {
		u, err := url.ParseRequestURI(path)
		if err != nil || u.IsAbs() {
			return
		}
		c, set, store := demo(t), theme(t, nil), kvtest.NewMemory()
		store.Put("sku:1", "item", 1, lamp)
		s, err := detail.New(detail.Config{Catalog: func() *catalog.Catalog { return c }, Templates: func() *templates.Set { return set },
			Blobs: blobcache.Config{Tiers: []blobcache.Tier{{Name: "redis", Blobs: store}}, Bytes: 1 << 20}, Relations: index{[]string{"1", "2"}}, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		r := &http.Request{Method: "GET", URL: u, Header: http.Header{"Accept-Encoding": {accept}, "If-None-Match": {match}}}
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, r.WithContext(t.Context()))
		switch w.Code {
		case 200, 304, 400, 404, 410:
		case 500:
			if !strings.HasPrefix(u.Path, "/relations/") { // the test's index has one list only
				t.Errorf("%s answers %d: %v", u, w.Code, w.Body)
			}
		default:
			t.Errorf("%s answers %d: %v", u, w.Code, w.Body)
		}
		for name, values := range w.Header() {
			if strings.ContainsAny(strings.Join(values, ""), "\r\n") {
				t.Errorf("a line break in the header %s: %q", name, values)
			}
		}
		if strings.HasPrefix(w.Header().Get("Content-Type"), "application/json") && w.Header().Get("Content-Encoding") == "" && w.Code != 304 && !json.Valid(w.Body.Bytes()) {
			t.Errorf("no JSON, though the header says so: %s", w.Body)
		}
	})
}
