package detail

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"hash/fnv"
	"io"
	"net/http"
	"strconv"
	"time"

	"vitrine/detail/pagecache"
	"vitrine/internal/catalog"
	"vitrine/internal/etag"
)

const (
	typeHTML = "text/html; charset=utf-8"
	typeJSON = "application/json; charset=utf-8"
)

// response is what a handler returns.
type response struct {
	status  int    // 0 is 200
	kind    string // Content-Type
	body    []byte
	coding  pagecache.Encoding // of the body
	encoded bool               // the body is in that encoding already
	buffer  *bytes.Buffer      // from Server.buffers: what the body is in; nil for none
	kept    time.Duration      // how long the page is cached; 0 for as long as its parts are the newest
	brief   bool               // fallback templates rendered it: it is cached for moments only
	etag    string             // weak and quoted; "" for none
	header  http.Header
	stream  func(ctx context.Context, to io.Writer) error // in place of a body; nil for none
}

// write sends a response: a 304 where the visitor has it already, compressed where that pays.
func (s *Server) write(w http.ResponseWriter, r *http.Request, route string, a response) {
	h := w.Header()
	for name, values := range a.header {
		h[name] = values
	}
	setAlways(h)
	if s.draining.Load() {
		h.Set("Connection", "close")
	}
	if a.stream != nil {
		s.stream(w, r, route, a)
		return
	}
	if a.status == 0 {
		a.status = http.StatusOK
	}
	if a.etag != "" {
		h.Set("ETag", a.etag)
		if a.status == http.StatusOK && unchanged(r, h) {
			s.metrics.answered(route, http.StatusNotModified, h)
			s.logRequest(r, http.StatusNotModified, 0)
			w.WriteHeader(http.StatusNotModified)
			return
		}
	}
	if a.kind != "" {
		h.Set("Content-Type", a.kind)
	}
	if !a.encoded {
		accepts := pagecache.ParseAccepts(r.Header.Values("Accept-Encoding"), nil)
		a.coding, a.body = s.encoder.Encode(s.encoder.Allow(accepts, a.kind, len(a.body)), a.body)
	}
	if coding := a.coding.Coding; coding != pagecache.Identity {
		h.Set("Content-Encoding", coding.Name())
	}
	h.Set("Content-Length", strconv.Itoa(len(a.body)))
	s.metrics.answered(route, a.status, h)
	s.logRequest(r, a.status, len(a.body))
	w.WriteHeader(a.status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(a.body) // an error means that the visitor has left
	}
}

// setAlways sets the fields that every response has.
func setAlways(h http.Header) {
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "strict-origin-when-cross-origin")
	h.Set("Vary", "Accept-Encoding, Available-Dictionary")
}

// pageHeader is the header of a page that was read, but for Cache-Control.
func (st *site) pageHeader(read *reading) http.Header {
	h := http.Header{}
	h.Set("Content-Security-Policy", st.csp)
	if read.own.Tier != "" {
		h.Set("X-Vitrine-Source", read.own.Tier)
	}
	h.Set("X-Vitrine-Gen", strconv.FormatUint(read.own.Stamp, 10))
	if read.stale() {
		h.Set(staleField, "1")
	}
	h.Set("Last-Modified", st.modified(read).UTC().Format(http.TimeFormat))
	st.server.config.Tags.set(h, read.parts)
	return h
}

// modified is when the page changed last: its newest part was written, or the catalog, the templates or a switch changed. It is
// never in the future.
//
// A part's time is its gen, which follows the store's clock and rises with every change, also with a deletion, so that the
// time never falls. A part that came from its upstream has no gen; its time is that of the fetch.
func (st *site) modified(read *reading) time.Time {
	at := st.made
	if changed := st.server.pages.LastPanelChange(); changed.After(at) {
		at = changed
	}
	for i := range read.parts {
		part := &read.parts[i]
		written := part.Fetched
		if part.Stamp > 0 {
			written = time.UnixMicro(int64(part.Stamp))
		}
		if written.After(at) {
			at = written
		}
	}
	if now := time.Now(); at.After(now) {
		return now
	}
	return at
}

// etag is a hash of all that decides a page: the catalog, the templates, and the parts with their gens. A part that is switched
// off is not among the parts. A part that came from its upstream has no gen, so that its body is hashed. The tag is weak, since
// all codings of the page share it.
func (st *site) etag(read *reading, twin bool) string {
	made := make([]byte, 0, 64+64*len(read.parts))
	made = append(append(append(made, st.revision...), ' '), read.page.Name...)
	made = strconv.AppendBool(append(made, ' '), twin)
	for i := range read.parts {
		p := &read.parts[i]
		made = p.Key.Append(append(made, ' '))
		made = strconv.AppendUint(append(made, ' '), p.Stamp, 10)
		made = strconv.AppendUint(append(made, ' '), uint64(p.Existence), 10)
		if p.Stamp == 0 {
			made = append(made, p.Body...)
		}
	}
	if l := read.listing; l != nil {
		made = fmt.Appendf(made, " %+v %d %d %t", l.query, l.count, len(l.found.families), l.found.ordered)
	}
	h := fnv.New128a()
	h.Write(made)
	return `W/"` + hex.EncodeToString(h.Sum(nil)) + `"`
}

// unchanged reports whether the visitor has the response with this header already: by If-None-Match, or without that by
// If-Modified-Since. The time proves nothing for a page that may be stale.
func unchanged(r *http.Request, h http.Header) bool {
	if tags := r.Header.Values("If-None-Match"); len(tags) > 0 {
		return etag.Match(tags, h.Get("ETag"))
	}
	since, err := http.ParseTime(r.Header.Get("If-Modified-Since"))
	if err != nil || isStale(h) {
		return false
	}
	modified, err := http.ParseTime(h.Get("Last-Modified"))
	return err == nil && !modified.After(since)
}

// staleShared bounds how long shared caches hold what may be stale.
const staleShared = 5 * time.Second

// cacheControl is the field Cache-Control of a page, with shorter times where it may be stale.
func cacheControl(c catalog.Cache, stale bool) string {
	if stale {
		c.MaxAge, c.Shared = min(c.MaxAge, staleShared), min(c.Shared, staleShared)
	}
	value := "public, max-age=" + seconds(c.MaxAge) + ", s-maxage=" + seconds(c.Shared)
	if c.SWR > 0 {
		value += ", stale-while-revalidate=" + seconds(c.SWR)
	}
	if c.SIE > 0 {
		value += ", stale-if-error=" + seconds(c.SIE)
	}
	return value
}

func seconds(d time.Duration) string { return strconv.Itoa(int(d / time.Second)) }
