package detail_test

import (
	"compress/gzip"
	"context"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"vitrine/detail"
	"vitrine/detail/blobcache"
	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/internal/long"
)

// listing is a store of n products. It holds none in memory, but makes each answer when it is requested.
type listing struct{ n int }

func (l listing) ScanBlobs(_ context.Context, cursor string, limit int) (keys []kv.BlobKey, next string, err error) {
	at, _ := strconv.Atoi(cursor)
	for ; at < l.n && len(keys) < limit; at++ {
		e := item.Entity{Kind: "sku", ID: strconv.Itoa(at)}
		keys = append(keys, kv.BlobKey{Entity: e, Blob: "item"}, kv.BlobKey{Entity: e, Blob: "offer"})
		if at%10 == 0 { // a store that grows meanwhile may list a key twice
			keys = append(keys, kv.BlobKey{Entity: e, Blob: "item"})
		}
	}
	if at < l.n {
		next = strconv.Itoa(at)
	}
	return keys, next, nil
}

func (l listing) Blobs(_ context.Context, keys []kv.BlobKey) ([]kv.Blob, error) {
	blobs := make([]kv.Blob, len(keys))
	for i, key := range keys {
		n, _ := strconv.Atoi(key.Entity.ID)
		life, body := kv.Alive, `{"product":{"title":"T"}}`
		switch {
		case key.Blob != "item":
			body = `{}`
		case n%7 == 1:
			life, body = kv.Gone, ""
		case n%7 == 2:
			body = `{"product":{"title":"T"},"status":{"state":"off"}}`
		case n%7 == 3:
			body = `{"product":{"title":"T","market":"global"}}`
		}
		blobs[i] = kv.Blob{Value: kv.Value{Header: kv.Header{Existence: life, Stamp: uint64(time.Date(2026, 1, 2, 3, 4, n%60, 0, time.UTC).UnixMicro())}, Body: []byte(body)}}
	}
	return blobs, nil
}

// found reports whether product n of a listing has a page of its own on this site.
func found(n int) bool { return n%7 == 0 || n%7 > 3 }

// TestSitemap proves that each product whose page answers 200 is listed in exactly one part, that no part has more
// than 50,000, and that memory does not grow with the number of products.
func TestSitemap(t *testing.T) {
	n := long.Pick(60_000, 1_000_000)
	s := open(t, func(c *detail.Config) {
		c.Lister = listing{n}
		c.Blobs.Tiers = []blobcache.Tier{{Name: "redis", Blobs: listing{n}, Timeout: 30 * time.Second}}
	})
	var index struct {
		Sitemap []struct {
			Loc string `xml:"loc"`
		} `xml:"sitemap"`
	}
	if err := xml.Unmarshal([]byte(s.get(t, "/sitemap.xml").body), &index); err != nil {
		t.Fatal(err)
	}
	if least := (n + 49_999) / 50_000; len(index.Sitemap) < least || len(index.Sitemap) > 2*least {
		t.Errorf("%d parts of %d products", len(index.Sitemap), n)
	}
	seen := make([]bool, n)
	var most uint64
	before := heap()
	for _, part := range index.Sitemap {
		path, ours := strings.CutPrefix(part.Loc, "https://shop.example")
		if !ours {
			t.Fatalf("the sitemap's part %s is not of the site's origin", part.Loc)
		}
		readPart(t, s, path, seen)
		most = max(most, heap())
	}
	for i, listed := range seen {
		if listed != found(i) {
			t.Fatalf("product %d: listed %t, want %t", i, listed, found(i))
		}
	}
	t.Logf("%d parts, %d MiB in use before, %d at most", len(index.Sitemap), before>>20, most>>20)
	if most > before+32<<20 {
		t.Errorf("%d MiB are in use, and %d before", most>>20, before>>20)
	}
}

// readPart marks the products that a part lists as seen.
func readPart(t *testing.T, s *shop, path string, seen []bool) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept-Encoding", "gzip")
	w, err := s.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Body.Close()
	if w.StatusCode != http.StatusOK || w.Header.Get("Content-Encoding") != "gzip" {
		t.Fatalf("%s: status %d, header %v; want status 200 and gzip", path, w.StatusCode, w.Header)
	}
	plain, err := gzip.NewReader(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	decoder, count := xml.NewDecoder(plain), 0
	for {
		token, err := decoder.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		start, ok := token.(xml.StartElement)
		if !ok || start.Name.Local != "url" {
			continue
		}
		var one struct {
			Loc     string    `xml:"loc"`
			Lastmod time.Time `xml:"lastmod"`
		}
		if err := decoder.DecodeElement(&one, &start); err != nil {
			t.Fatal(err)
		}
		id, _ := strings.CutSuffix(strings.TrimPrefix(one.Loc, "https://shop.example/item/"), ".html")
		i, err := strconv.Atoi(id)
		if err != nil || i >= len(seen) || seen[i] {
			t.Fatalf("%s: %v, or twice", one.Loc, err)
		}
		if one.Lastmod.Second() != i%60 {
			t.Fatalf("%s changed at %s", one.Loc, one.Lastmod)
		}
		seen[i] = true
		count++
	}
	if count > 50_000 {
		t.Errorf("%s has %d addresses", path, count)
	}
}

func TestSitemapRoutes(t *testing.T) {
	s := open(t, func(c *detail.Config) { c.Lister = c.Blobs.Tiers[0].Blobs.(detail.BlobLister) })
	s.redis.Put("sku:a&b", "item", 1, lamp)
	if got := s.get(t, "/robots.txt"); got.status != 200 || !strings.Contains(got.body, "\nSitemap: https://shop.example/sitemap.xml\n") {
		t.Errorf("/robots.txt: %+v; want status 200, a body with Sitemap: https://shop.example/sitemap.xml", got)
	}
	if got := s.get(t, "/sitemap-1-of-1.xml"); got.status != 200 || !strings.Contains(got.body, "<loc>https://shop.example/item/a&amp;b.html</loc>") && !strings.Contains(got.body, "item/a%26b.html") {
		t.Errorf("the sitemap's part does not name the page of sku:a&b: %+v", got)
	}
	for _, path := range []string{"/sitemap-2-of-1.xml", "/sitemap-1-of-9.xml", "/sitemap-0-of-1.xml", "/sitemap-1-of-99999999999999999999.xml", "/sitemap-x.xml"} {
		if got := s.get(t, path); got.status != 404 {
			t.Errorf("%s, status %d; want status 404", path, got.status)
		}
	}
	s.catalog.Site.Origin = ""
	none := open(t, func(c *detail.Config) {
		c.Lister = c.Blobs.Tiers[0].Blobs.(detail.BlobLister)
		c.Catalog = func() *catalog.Catalog { return s.catalog }
	})
	if got := none.get(t, "/robots.txt"); got.status != 404 {
		t.Error("without an origin:", got.status)
	}
}

// failing is a store whose listing fails after its first keys.
type failing struct{ listing }

func (f failing) ScanBlobs(ctx context.Context, cursor string, limit int) ([]kv.BlobKey, string, error) {
	if cursor != "" {
		return nil, "", errDown
	}
	return f.listing.ScanBlobs(ctx, cursor, limit)
}

// TestHalfASitemapIsNone proves that a part which cannot be read whole is answered with an error.
func TestHalfASitemapIsNone(t *testing.T) {
	s := open(t, func(c *detail.Config) { c.Lister = failing{listing{10_000}} })
	if got := s.get(t, "/sitemap.xml"); got.status != 503 {
		t.Errorf("/sitemap.xml: status %d; want status 503", got.status)
	}
	if got := s.get(t, "/sitemap-1-of-1.xml"); got.status != 503 {
		t.Errorf("/sitemap-1-of-1.xml: status %d; want status 503", got.status)
	}
}

// TestIndexPages proves that the index has 60 cards a page and links to its other pages, lists nothing that is gone,
// and does not send an unchanged page twice.
func TestIndexPages(t *testing.T) {
	s := open(t, func(c *detail.Config) { c.Index, c.Lister = true, c.Blobs.Tiers[0].Blobs.(detail.BlobLister) })
	for i := range 130 {
		s.redis.Put(fmt.Sprint("sku:", 100+i), "item", 1, `{"product":{"title":"T`+fmt.Sprint(i)+`","images":["/a.png"]}}`)
	}
	s.redis.Put("sku:100", "item", 2, `{"product":{"title":"T0"},"status":{"state":"off"}}`)
	s.redis.Bury("sku:101", "item", 2, kv.Gone)
	for page, want := range map[string]int{"/": 58, "/?page=2": 60, "/?page=3": 10} {
		got := s.get(t, page)
		n := strings.Count(got.body, `<li class="card">`)
		if got.status != 200 || n != want {
			t.Errorf("%s: %d, %d cards, want %d", page, got.status, n, want)
		}
		if again := s.get(t, page, "If-None-Match: "+got.header.Get("ETag")); again.status != http.StatusNotModified {
			t.Errorf("%s again: %d", page, again.status)
		}
		if early := strings.Count(got.body, "<img") - strings.Count(got.body, `loading="lazy"`); early != 8 {
			t.Errorf("%s: %d pictures are loaded at once", page, early)
		}
	}
	second := s.get(t, "/?page=2").body
	for _, want := range []string{"<title>All products · Page 2 · Demo</title>", `<meta name="description" content="T60, T61, T62, T63, T64">`,
		`<link rel="canonical" href="https://shop.example/?page=2">`, `<link rel="prev" href="/">`, `<link rel="next" href="/?page=3">`,
		`<a href="/?page=2" aria-current="page">2</a>`} {
		if !strings.Contains(second, want) {
			t.Errorf("%s is missing in %s", want, second)
		}
	}
	for page, want := range map[string]int{"/?page=4": 404, "/?page=0": 400, "/?page=02": 400, "/?page=-1": 400, "/?page=a": 400, "/?page=99999999999999999999": 400} {
		if got := s.get(t, page); got.status != want {
			t.Errorf("%s: %d, want %d", page, got.status, want)
		}
	}
}
