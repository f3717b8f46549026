package detail_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/andybalholm/brotli"
	"github.com/expr-lang/expr"
	"github.com/klauspost/compress/zstd"

	"vitrine/detail"
	"vitrine/detail/blobcache"
	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/kv/kvtest"
	"vitrine/templates"
)

var errDown = errors.Join(item.ErrUnavailable, errors.New("connection refused"))

// rule compiles a rule as the catalog does.
func rule(t testing.TB, when string, r catalog.Rule, paths ...catalog.Path) *catalog.Rule {
	t.Helper()
	program, err := expr.Compile(when, expr.AllowUndefinedVariables(), expr.AsBool())
	if err != nil {
		t.Fatal(err)
	}
	r.When = &catalog.Condition{Text: when, Paths: paths, Program: program}
	return &r
}

// demo builds the example catalog of the contract without parsing a file.
func demo(t testing.TB) *catalog.Catalog {
	t.Helper()
	products := &catalog.Upstream{Name: "products", Code: 7}
	sku, category, brand := &catalog.Kind{Name: "sku"}, &catalog.Kind{Name: "category"}, &catalog.Kind{Name: "brand"}
	dimension := func(k *catalog.Kind, name string, html ...catalog.Path) *catalog.Dimension {
		d := &catalog.Dimension{Kind: k, Name: name, From: products, HTML: html}
		k.Dimensions = append(k.Dimensions, d)
		return d
	}
	blob := func(k *catalog.Kind, name string, of ...*catalog.Dimension) *catalog.Blob {
		b := &catalog.Blob{Kind: k, Name: name, Of: of}
		k.Blobs = append(k.Blobs, b)
		for _, d := range of {
			d.Blobs = append(d.Blobs, b)
		}
		return b
	}
	product := dimension(sku, "product", catalog.Path{"html"})
	product.Refs = []*catalog.Ref{
		{Name: "brand", Kind: brand, Max: 64, Public: true},
		{Name: "siblings", Kind: sku, Max: 3},
		{Name: "path", Kind: category, Up: "parent", Max: 4},
	}
	itemBlob := blob(sku, "item", product, dimension(sku, "status"), dimension(sku, "specs"))
	offer := blob(sku, "offer", dimension(sku, "price"), dimension(sku, "stock"))
	desc := blob(sku, "desc", dimension(sku, "description", catalog.Path{"html"}))
	blob(sku, "secret", product)
	categoryCard := blob(category, "card", dimension(category, "category"))
	brandCard := blob(brand, "card", dimension(brand, "brand"))
	area := map[string]*regexp.Regexp{"area": regexp.MustCompile(`^(?:[0-9-]{0,32})$`)}
	live := func(name, mode string) *catalog.Live {
		l := &catalog.Live{Name: name, From: products, Get: "/" + name + "/{id}", Deadline: 5 * time.Second, Fresh: time.Hour, Keep: time.Hour}
		l.Fallback = catalog.Fallback{Mode: mode, Value: json.RawMessage(`{"text":"ask us"}`)}
		return l
	}
	delivery := live("delivery", "last")
	delivery.Vary = area
	c := &catalog.Catalog{
		Source: []byte("demo"), Site: catalog.Site{Name: "Demo", Lang: "en", Currency: "EUR", Origin: "https://shop.example", Images: []string{"https://img.example"}},
		Upstreams: map[string]*catalog.Upstream{"products": products},
		Kinds:     map[string]*catalog.Kind{"sku": sku, "category": category, "brand": brand},
	}
	refs := product.Refs
	c.Pages = []*catalog.Page{{
		Name: "item", Prefix: "/item/", Suffix: ".html", Kind: sku, Blob: itemBlob, Overlay: []*catalog.Blob{offer},
		With:     []catalog.With{{Ref: refs[0], Blob: brandCard}, {Ref: refs[1], Blob: itemBlob}, {Ref: refs[2], Blob: categoryCard}},
		Live:     []*catalog.Live{{Name: "offer", Blob: "offer"}, delivery, live("hint", "value"), live("ad", "hide")},
		Template: "item.html",
		Cache:    catalog.Cache{Shared: time.Minute, SWR: 10 * time.Minute, SIE: 24 * time.Hour},
		Rules: []*catalog.Rule{
			rule(t, `product.broken.deep == 1`, catalog.Rule{Status: 418}, catalog.Path{"product", "broken"}, catalog.Path{"product", "broken", "deep"}),
			rule(t, `product.kind == "virtual"`, catalog.Rule{Template: "virtual.html"}, catalog.Path{"product", "kind"}),
			rule(t, `product.market == "global"`, catalog.Rule{Redirect: "https://global.example/item/{sku}.html"}, catalog.Path{"product", "market"}),
			rule(t, `product.market == "moved"`, catalog.Rule{Redirect: "https://moved.example/{sku}", Status: 301}, catalog.Path{"product", "market"}),
			rule(t, `status.state == "off"`, catalog.Rule{Template: "off.html", Status: 410}, catalog.Path{"status", "state"}),
		},
	}, {Name: "desc", Prefix: "/desc/", Suffix: ".html", Kind: sku, Blob: desc, Template: "desc.html"}}
	return c
}

// shop is a server over two tiers, and a client for it.
type shop struct {
	redis, bolt *kvtest.Memory
	catalog     *catalog.Catalog
	server      *detail.Server
	url         string
	client      *http.Client
}

func open(t testing.TB, change ...func(*detail.Config)) *shop {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return openAt(t, l, nil, change...)
}

// openAt opens a shop behind a listener. dial connects to it; nil is for TCP.
func openAt(t testing.TB, l net.Listener, dial func(ctx context.Context, network, address string) (net.Conn, error), change ...func(*detail.Config)) *shop {
	t.Helper()
	s := &shop{redis: kvtest.NewMemory(), bolt: kvtest.NewMemory(), catalog: demo(t)}
	set := theme(t, nil)
	c := detail.Config{
		Catalog:   func() *catalog.Catalog { return s.catalog },
		Templates: func() *templates.Set { return set },
		Blobs: blobcache.Config{Tiers: []blobcache.Tier{{Name: "redis", Blobs: s.redis, Timeout: 30 * time.Second},
			{Name: "bolt", Blobs: s.bolt, Timeout: 30 * time.Second}},
			TTL: time.Hour, ReadDeadline: time.Minute, Bytes: 8 << 20},
		PageBytes: 8 << 20, // ristretto's counters take long to clear under the race detector
		Log:       slog.New(slog.DiscardHandler),
	}
	for _, f := range change {
		f(&c)
	}
	server, err := detail.New(c)
	if err != nil {
		t.Fatal(err)
	}
	s.server = server
	s.url = "http://" + serve(t, server, l)
	s.client = &http.Client{Transport: &http.Transport{DisableCompression: true, DialContext: dial},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	t.Cleanup(func() {
		s.client.CloseIdleConnections()
		server.Close()
	})
	return s
}

// serve runs a server until the test ends.
func serve(t testing.TB, server *detail.Server, l net.Listener) (addr string) {
	t.Helper()
	web := detail.NewHTTPServer(server.Handler(), slog.New(slog.DiscardHandler))
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(web, l) }()
	t.Cleanup(func() {
		web.Close()
		<-ended
	})
	return l.Addr().String()
}

func theme(t testing.TB, own fstest.MapFS) *templates.Set {
	t.Helper()
	load := themeAlone
	if own != nil {
		load = func() (*templates.Set, error) { return overTheme(own) }
	}
	set, err := load()
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// themeAlone loads the theme without a shop's own files. Tests share it.
var themeAlone = sync.OnceValues(func() (*templates.Set, error) { return overTheme(nil) })

func overTheme(own fstest.MapFS) (*templates.Set, error) {
	base, err := templates.Theme()
	if err != nil {
		return nil, err
	}
	return templates.Load(own, base)
}

type response struct {
	status int
	header http.Header
	body   string
}

// fromMemory reports whether the page was served without asking a lower tier.
func (r response) fromMemory() bool {
	source := r.header.Get("X-Vitrine-Source")
	return source == "page" || source == "local"
}

// get requests a path with header fields given as "Name: value".
func (s *shop) get(t testing.TB, path string, fields ...string) response {
	t.Helper()
	return s.do(t, http.MethodGet, path, fields...)
}

func (s *shop) do(t testing.TB, method, path string, fields ...string) response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range fields {
		name, value, _ := strings.Cut(f, ": ")
		if name == "Host" {
			r.Host = value
		}
		r.Header.Add(name, value)
	}
	w, err := s.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Body.Close()
	body, err := io.ReadAll(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	if len(body) > 0 {
		body = unpacked(t, w.Header.Get("Content-Encoding"), body)
	}
	return response{w.StatusCode, w.Header, string(body)}
}

// from calls the handler as a peer would, with header fields given as "Name: value".
func (s *shop) from(t testing.TB, peer, path string, fields ...string) int {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
	r.RemoteAddr = peer
	for _, f := range fields {
		name, value, _ := strings.Cut(f, ": ")
		r.Header.Add(name, value)
	}
	w := httptest.NewRecorder()
	s.server.Handler().ServeHTTP(w, r)
	return w.Code
}

func unpacked(t testing.TB, coding string, body []byte) []byte {
	t.Helper()
	var r io.Reader = bytes.NewReader(body)
	var err error
	switch coding {
	case "gzip":
		r, err = gzip.NewReader(r)
	case "br":
		r = brotli.NewReader(r)
	case "zstd":
		r, err = zstd.NewReader(r)
	}
	if err == nil {
		body, err = io.ReadAll(r)
	}
	if err != nil {
		t.Fatal(err)
	}
	return body
}
