package detail

import (
	"bufio"
	"context"
	"fmt"
	"hash/fnv"
	"html"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"vitrine/detail/blobcache"
	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/kv"
)

// The sitemap has parts, of which each holds the entities whose hash falls to it. So every server gives the same parts without asking
// another, a part keeps its address and its entities while others come and go, and none needs more memory than one part has entities.
//
// The number of parts stands in their addresses. A part is made by a scan of the whole store, whose keys alone are looked at but for
// those of the part. Source: https://www.sitemaps.org/protocol.html, at most 50,000 addresses in a file.
const (
	sitemapMost  = 50_000
	sitemapUsual = 40_000 // of a part when the index is made: there is room for products to come until it is asked for again
	sitemapFull  = 48_000 // of a part, from where chance might bring it over sitemapMost
	sitemapFor   = time.Hour
	sitemapHeld  = "public, max-age=3600"
	sitemapTime  = 2 * time.Minute // for a whole part
	sitemapParts = "/sitemap-"
	typeXML      = "application/xml; charset=utf-8"
)

var sitemapPartName = regexp.MustCompile(`^([1-9][0-9]{0,4})-of-([1-9][0-9]{0,4})\.xml$`)

// sitemapCount is how many entities have a page, as it was counted at a time.
type sitemapCount struct {
	at    time.Time
	pages int
}

// robots handles /robots.txt. What an open page asks for by itself is not for crawlers: a page is whole without it.
func (st *site) robots(*http.Request) (response, error) {
	base := st.catalog.Site.Prefix
	text := "User-agent: *\nDisallow: " + base + strings.TrimSuffix(catalog.LivePath, "/") + "\nDisallow: " + base + catalog.BlobsPath + "\nDisallow: " + base + catalog.RelationsPath + "\n\nSitemap: " + st.origin + base + "/sitemap.xml\n"
	return response{kind: "text/plain; charset=utf-8", body: []byte(text), header: http.Header{"Cache-Control": {sitemapHeld}}}, nil
}

// sitemapIndex handles /sitemap.xml.
func (st *site) sitemapIndex(r *http.Request) (response, error) {
	pages, err := st.countPages(r.Context())
	if err != nil {
		return response{}, err
	}
	n := usualParts(pages)
	var b strings.Builder
	b.WriteString(`<?xml version="1.0" encoding="UTF-8"?>` + "\n" + `<sitemapindex xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">` + "\n")
	for k := 1; k <= n; k++ {
		fmt.Fprintf(&b, "<sitemap><loc>%s%d-of-%d.xml</loc></sitemap>\n", html.EscapeString(st.origin+st.catalog.Site.Prefix+sitemapParts), k, n)
	}
	b.WriteString("</sitemapindex>\n")
	return response{kind: typeXML, body: []byte(b.String()), header: http.Header{"Cache-Control": {sitemapHeld}}}, nil
}

// usualParts is how many parts an index has.
func usualParts(pages int) int {
	if pages <= sitemapMost {
		return 1
	}
	return (pages + sitemapUsual - 1) / sitemapUsual
}

// fits reports whether n parts hold all pages.
func fits(pages, n int) bool {
	return n == 1 && pages <= sitemapMost || n > 1 && pages <= n*sitemapFull
}

// countPages counts the entities that have a page of their own, by one request at a time.
func (st *site) countPages(ctx context.Context) (int, error) {
	if c := st.counted.Load(); c != nil && time.Since(c.at) < sitemapFor {
		return c.pages, nil
	}
	select {
	case st.counting <- struct{}{}:
		defer func() { <-st.counting }()
	case <-ctx.Done():
		return 0, fmt.Errorf("%w: %w", item.ErrUnavailable, ctx.Err())
	}
	if c := st.counted.Load(); c != nil && time.Since(c.at) < sitemapFor {
		return c.pages, nil
	}
	pages := 0
	err := st.walk(ctx, mainPages(st.catalog), func(*catalog.Page, kv.BlobKey) error { pages++; return nil })
	if err != nil {
		return 0, err
	}
	st.counted.Store(&sitemapCount{time.Now(), pages})
	return pages, nil
}

// sitemapPart handles /sitemap-K-of-N.xml. There is no part of an N that is too small to hold all, which a crawler learns from the
// index, and none of one much larger than needed: each costs a scan.
func (st *site) sitemapPart(r *http.Request) (response, error) {
	name, err := segments(r, st.catalog.Site.Prefix+sitemapParts, 1)
	if err != nil {
		return response{}, err
	}
	m := sitemapPartName.FindStringSubmatch(name[0])
	if m == nil {
		return response{}, errNotFound
	}
	k, _ := strconv.Atoi(m[1])
	n, _ := strconv.Atoi(m[2])
	pages, err := st.countPages(r.Context())
	if err != nil {
		return response{}, err
	}
	if k > n || !fits(pages, n) || n > 2*usualParts(pages) {
		return response{}, errNotFound
	}
	part := &sitemapWriter{site: st, k: uint64(k - 1), n: uint64(n), seen: map[item.Entity]struct{}{}, waiting: map[*catalog.Page][]kv.BlobKey{}}
	return response{kind: typeXML, stream: part.write, header: http.Header{"Cache-Control": {sitemapHeld}}}, nil
}

// sitemapWriter writes one part of the sitemap.
type sitemapWriter struct {
	site    *site
	k, n    uint64
	to      *bufio.Writer
	seen    map[item.Entity]struct{} // what a scan of a store that grows may give twice
	waiting map[*catalog.Page][]kv.BlobKey
	written int
}

func (s *sitemapWriter) write(ctx context.Context, w io.Writer) error {
	s.to = bufio.NewWriter(w)
	s.to.WriteString(`<?xml version="1.0" encoding="UTF-8"?>` + "\n" + `<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">` + "\n")
	pages := mainPages(s.site.catalog)
	err := s.site.walk(ctx, pages, func(p *catalog.Page, key kv.BlobKey) error {
		if _, twice := s.seen[key.Entity]; twice || hashOf(key.Entity)%s.n != s.k {
			return nil
		}
		s.seen[key.Entity] = struct{}{}
		s.waiting[p] = append(s.waiting[p], key)
		if len(s.waiting[p]) < walkedBlobs {
			return nil
		}
		return s.flush(ctx, p)
	})
	for _, p := range pages {
		if err == nil {
			err = s.flush(ctx, p)
		}
	}
	if err != nil {
		return err
	}
	s.to.WriteString("</urlset>\n")
	return s.to.Flush()
}

// flush writes the entities that wait.
func (s *sitemapWriter) flush(ctx context.Context, p *catalog.Page) error {
	readings := s.site.readOwn(ctx, p, s.waiting[p])
	s.site.nameAll(ctx, readings, blobcache.Policy{NoStore: true})
	for _, read := range readings {
		path, err := s.site.listed(read)
		if err != nil {
			return fmt.Errorf("%s: %w", read.entity, err)
		}
		if path == "" || s.written == sitemapMost {
			continue
		}
		s.written++
		fmt.Fprintf(s.to, "<url><loc>%s</loc>", html.EscapeString(s.site.origin+path))
		if read.own.Stamp > 0 {
			fmt.Fprintf(s.to, "<lastmod>%s</lastmod>", time.UnixMicro(int64(read.own.Stamp)).UTC().Format(time.RFC3339))
		}
		s.to.WriteString("</url>\n")
	}
	s.waiting[p] = s.waiting[p][:0]
	return ctx.Err()
}

// hashOf is the same on every server.
func hashOf(e item.Entity) uint64 {
	h := fnv.New64a()
	io.WriteString(h, e.Token())
	return h.Sum64()
}
