package detail

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"vitrine/detail/admission"
	"vitrine/detail/fastpath"
	"vitrine/detail/pagecache"
)

// fastVisitor is what the fast path knows of the visitor of a connection. It serves pages in memory, and refuses other pages
// while too many are being made. All else is net/http's, and so are pages while announcements may be missing, which have to be marked.
type fastVisitor struct {
	server  *Server
	accepts pagecache.Accepts
	etag    string // If-None-Match
	crawler bool   // by its User-Agent
}

// newFastPath connects the fast path to a server's pages and its access log.
func newFastPath(s *Server) *fastpath.Path {
	c := fastpath.Config{WriteTimeout: writeTimeout, IdleTimeout: idleTimeout, MaxQuery: maxQuery}
	c.Prepare = func(f fastpath.Fields) fastpath.Responder {
		v := &fastVisitor{server: s, accepts: pagecache.ParseAccepts(f.AcceptEncoding, f.AvailableDictionary), etag: f.IfNoneMatch, crawler: admission.IsCrawler(f.UserAgent)}
		return v.respond
	}
	if s.config.Access != nil {
		c.Log = func(r fastpath.Record) {
			visitor := s.admission.Address(r.Remote, r.Fields.ForwardedFor)
			s.config.Access.write(accessLine{visitor, http.MethodGet, r.Target, "HTTP/1.1", r.Fields.Referer, r.Fields.UserAgent, r.Status, r.Bytes}, r.At)
		}
	}
	return fastpath.New(c)
}

// respond is the visitor's fastpath.Responder.
func (v *fastVisitor) respond(path string, now time.Time) (r fastpath.Response, ok bool) {
	s := v.server
	st := s.fastSite()
	if st == nil || v.crawler && !s.admission.ServesCrawlers() || !s.config.Heard() {
		return r, false
	}
	cached := s.pages.Get(path, st.version, now)
	if cached == nil {
		if !s.admission.Full() {
			return r, false
		}
		return v.refuse(st, path)
	}
	head, body := cached.Wire(s.encoder.Allow(v.accepts, cached.Type, cached.Size))
	switch {
	case body == nil:
		return r, false
	case v.etag == "":
		r = fastpath.Response{Status: cached.Status, Head: head, Body: body}
	case v.etag == cached.ETag && cached.Status == http.StatusOK:
		r = fastpath.Response{Status: http.StatusNotModified, Head: cached.NotModified()}
	default: // another tag, or a list of tags
		return r, false
	}
	s.metrics.fastPath.Inc()
	s.metrics.pageHit.Inc()
	s.metrics.countPage(r.Status)
	s.popular.Count(path)
	return r, true
}

// refuse is the response to a request for a page that has to be made, while too many are being made. It is cheap, so that
// refusals don't slow the pages under way. A page of which an older version is in memory is net/http's.
func (v *fastVisitor) refuse(st *site, path string) (r fastpath.Response, ok bool) {
	s := v.server
	if !st.isPage(path) || s.pages.Last(path, st.version) != nil || s.pages.Former(path, time.Now(), s.config.FormerPages) != nil {
		return r, false
	}
	refusal := st.refusal()
	head, body := refusal.Wire(s.encoder.Allow(v.accepts.WithoutDictionary(), refusal.Type, refusal.Size))
	if body == nil {
		head, body = refusal.Wire(pagecache.Allowed{})
	}
	s.metrics.fastPath.Inc()
	s.metrics.refused.Inc()
	s.metrics.pageMiss.Inc()
	s.metrics.pageRefused.Inc()
	return fastpath.Response{Status: refusal.Status, Head: head, Body: body}, true
}

// isPage reports whether an escaped path is that of a page, and not of its JSON twin.
func (st *site) isPage(path string) bool {
	for prefix, pages := range st.prefixes {
		if rest, ok := strings.CutPrefix(path, prefix); ok {
			a, err := cutPage(pages, rest)
			return err == nil && !a.twin
		}
	}
	return false
}

// newRefusal makes the response while too many pages are being made.
func (st *site) newRefusal() *pagecache.Entry {
	r := &http.Request{Method: http.MethodGet, URL: &url.URL{Path: "/"}}
	a := st.server.errorResponse(st, r, response{}, admission.ErrBusy)
	setAlways(a.header)
	entry := pagecache.NewEntry(pagecache.Page{Status: a.status, Type: a.kind, Header: a.header, Size: len(a.body)})
	entry.Add(pagecache.Encoding{}, a.body)
	entry.Add(st.server.encoder.Encode(st.server.encoder.Allow(pagecache.ParseAccepts([]string{"gzip"}, nil), a.kind, len(a.body)), a.body))
	return entry
}

// fastSite is the site in force; nil while the fast path may serve nothing.
func (s *Server) fastSite() *site {
	st := s.sites.now.Load()
	if s.draining.Load() || !st.isOf(s.config.Catalog(), s.config.Templates()) {
		return nil
	}
	return st
}
