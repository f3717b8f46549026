package detail_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vitrine/detail"
	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/internal/kv/kvtest"
)

func TestBlobs(t *testing.T) {
	s := open(t)
	s.redis.Put("category:6/5", "card", 7, `{"title":"Lamps"}`)
	for path, want := range map[string]struct {
		status int
		body   string
	}{
		"/blobs/category/card?ids=6%2F5,9":                       {200, `{"items":{"6/5":{"gen":7,"data":{"title":"Lamps"}}},"missing":["9"]}`},
		"/blobs/sku/offer?ids=1":                                 {200, `{"items":{},"missing":["1"]}`},
		"/blobs/sku/secret?ids=1":                                {404, ""},
		"/blobs/nothing/item?ids=1":                              {404, ""},
		"/blobs/sku/item":                                        {400, ""},
		"/blobs/sku?ids=1":                                       {404, ""},
		"/blobs/sku/item?ids=" + strings.Join(numbers(101), ","): {400, ""},
	} {
		got := s.get(t, path)
		if got.status != want.status || want.body != "" && got.body != want.body {
			t.Errorf("%.40s: status %d, %s; want status %d, %s", path, got.status, got.body, want.status, want.body)
		}
	}
	s.redis.Set(func(m *kvtest.Memory) { m.Err = errDown })
	if got := s.get(t, "/blobs/category/card?ids=77"); got.status != 503 {
		t.Errorf("no store: %d %s", got.status, got.body)
	}
}

// index is a relation index with one list.
type index struct{ ids []string }

func (x index) Related(_ context.Context, of kv.Relation, cursor string, _ int) ([]string, string, error) {
	switch {
	case of != kv.Relation{Target: item.Entity{Kind: "brand", ID: "8557"}, Kind: "sku", Ref: "brand"}:
		return nil, "", errors.New("another list: " + of.Key(0))
	case cursor == "":
		return x.ids[:2], "next one", nil
	}
	return x.ids[2:], "", nil
}

func TestRelations(t *testing.T) {
	s := open(t, func(c *detail.Config) { c.Relations = index{[]string{"1", "2", "3"}} })
	s.redis.Put("sku:1", "item", 1, lamp, "brand:8557")
	s.redis.Put("sku:2", "item", 1, lamp, "brand:1") // the index lags
	s.redis.Put("sku:3", "item", 1, lamp, "brand:8557")
	for path, want := range map[string]response{
		"/relations/brand/8557/brand":                                    {status: 200, body: `{"ids":["1"],"next":"next one"}`},
		"/relations/brand/8557/brand?cursor=next+one":                    {status: 200, body: `{"ids":["3"],"next":null}`},
		"/relations/sku/1/siblings":                                      {status: 404},
		"/relations/brand/8557/nothing":                                  {status: 404},
		"/relations/brand/../brand":                                      {status: 400},
		"/relations/brand/8557":                                          {status: 404},
		"/relations/brand/8557/brand?cursor=%zz":                         {status: 400},
		"/relations/brand/8557/brand?cursor=" + strings.Repeat("x", 257): {status: 400},
	} {
		got := s.get(t, path)
		if got.status != want.status || want.body != "" && got.body != want.body {
			t.Errorf("%.60s: status %d, %s; want status %d, %s", path, got.status, got.body, want.status, want.body)
		}
	}
	if got := open(t).get(t, "/relations/brand/8557/brand"); got.status != 404 {
		t.Errorf("without an index: %d", got.status)
	}
}

func TestIndex(t *testing.T) {
	s := open(t, func(c *detail.Config) { c.Index, c.Lister = true, c.Blobs.Tiers[0].Blobs.(detail.BlobLister) })
	for _, id := range []string{"10", "9", "a/b"} {
		s.redis.Put("sku:"+id, "item", 1, `{"product":{"title":"T`+id+`"}}`)
		s.redis.Put("sku:"+id, "offer", 1, `{}`)
	}
	s.redis.Bury("sku:11", "item", 1, kv.Gone)
	got := s.get(t, "/")
	var links []string
	for _, part := range strings.Split(got.body, `<li class="card"><a href="`)[1:] {
		link, _, _ := strings.Cut(part, `"`)
		links = append(links, link)
	}
	if diff := cmp.Diff([]string{"/item/9.html", "/item/10.html", "/item/a%2Fb.html"}, links); diff != "" {
		t.Errorf("the links of the index differ: %s\n%s", diff, got.body)
	}
}

func TestAssets(t *testing.T) {
	s := open(t)
	_, rest, _ := strings.Cut(s.get(t, "/item/404.html").body, `<link rel="stylesheet" href="`)
	path, _, _ := strings.Cut(rest, `"`)
	got := s.get(t, path)
	if got.status != 200 || !strings.HasPrefix(got.header.Get("Content-Type"), "text/css") || !strings.Contains(got.header.Get("Cache-Control"), "immutable") {
		t.Errorf("%s, status %d, header %v; want status 200, Content-Type: text/css…, immutable in Cache-Control", path, got.status, got.header)
	}
	for _, coding := range []string{"br", "zstd", "gzip", ""} {
		packed := s.get(t, path, "Accept-Encoding: "+coding)
		size, err := strconv.Atoi(packed.header.Get("Content-Length"))
		if sent := packed.header.Get("Content-Encoding"); err != nil || sent != coding || coding != "" && size*2 > len(got.body) {
			t.Errorf("%d of %d bytes in %q, want %q: %v", size, len(got.body), sent, coding, err)
		}
		if packed.body != got.body {
			t.Errorf("%q: %d bytes come back of %d", coding, len(packed.body), len(got.body))
		}
	}
	if got := s.get(t, "/assets/../item.html"); got.status != 404 {
		t.Errorf("/assets/../item.html: status %d; want status 404", got.status)
	}
}

func TestExplain(t *testing.T) {
	s := open(t)
	s.redis.Put("sku:1", "item", 12, `{"product":{"title":"Lamp"},"status":{"state":"off"}}`, "brand:8557")
	s.bolt.Put("brand:8557", "card", 3, `{"title":"ACME"}`)
	s.server.Announced(entity(t, "sku:1"), map[string]uint64{"item": 11})
	for _, target := range []string{"/item/1.html", "https://shop.example/item/1.json?x=y", "sku:1"} {
		x, err := s.server.Explain(t.Context(), target)
		if err != nil || x.Status != 410 || x.Rule == "" || x.Page != "item" {
			t.Fatalf("%s is explained as %+v, error %v; want status 410 by a rule of the page item", target, x, err)
		}
		own := x.Parts[0]
		if own.Part != "sku:1/item" || own.Role != "own" || own.Life != "alive" || own.Gen != 12 || own.Minimum != 11 || own.Upstream != "products" || own.Fetched == nil {
			t.Errorf("the page's own blob is explained as %+v", own)
		}
		if card := x.Parts[2]; card.Role != "with brand" || !card.Stale || card.Tier != "bolt" && card.Origin != "bolt" {
			t.Errorf("the brand is explained as %+v, want a stale one of bolt", card)
		}
	}
	for target, want := range map[string]error{"sku": item.ErrID, "robot:1": item.ErrUnknown, "/nowhere": item.ErrUnknown, "/item/..html": item.ErrID, "sku:": item.ErrID} {
		if _, err := s.server.Explain(t.Context(), target); !errors.Is(err, want) {
			t.Errorf("explain %q: error %v, want %v", target, err, want)
		}
	}
	x, err := s.server.Explain(t.Context(), "category:1")
	if err != nil || len(x.Parts) != 1 || x.Parts[0].Life != "absent" {
		t.Errorf("an absent blob is explained as %+v, error %v", x, err)
	}
}

func TestBodiesAreRefused(t *testing.T) {
	s := open(t)
	for name, head := range map[string]string{
		"both lengths": "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"chunked":      "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"a body":       "Content-Length: 1\r\n\r\nx",
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if _, err := io.WriteString(conn, "GET /item/1.html HTTP/1.1\r\nHost: x\r\n"+head); err != nil {
				t.Fatal(err)
			}
			got, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer got.Body.Close()
			if got.StatusCode != 400 || !got.Close {
				t.Errorf("status %d, closed: %t; want status 400 and a closed connection", got.StatusCode, got.Close)
			}
		})
	}
}
