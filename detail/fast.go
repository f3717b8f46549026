package detail

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"vitrine/detail/fastpath"
)

// fastVisitor is what the fast path knows of a visitor. It answers pages that are in memory, and refuses those that
// are not while too many are being made; all else is net/http's.
type fastVisitor struct {
	server  *Server
	accepts accepts
	etag    string // If-None-Match
	crawler bool   // by its own word
}

func newFastPath(s *Server) *fastpath.Path {
	c := fastpath.Config{WriteTimeout: writeTimeout, IdleTimeout: idleTimeout, MaxQuery: maxQuery}
	c.Prepare = func(f fastpath.Fields) fastpath.Responder {
		v := &fastVisitor{server: s, accepts: accepting(f.AcceptEncoding), etag: f.IfNoneMatch, crawler: saysCrawler(f.UserAgent)}
		return v.respond
	}
	if s.Access != nil {
		c.Log = func(r fastpath.Record) {
			s.Access.write(accessLine{r.Remote, http.MethodGet, r.Target, "HTTP/1.1", r.Referer, r.UserAgent, r.Status, r.Bytes}, r.At)
		}
	}
	return fastpath.New(c)
}

// respond is the fastpath.Responder of the visitor.
func (v *fastVisitor) respond(path string, now time.Time) (r fastpath.Response, ok bool) {
	s := v.server
	st := s.fastSite()
	if st == nil || v.crawler && !s.crawlers.on.On() {
		return r, false
	}
	k := s.kept.get(path, st, now)
	if k == nil {
		if !s.gate.full() {
			return r, false
		}
		return v.refuse(st, path)
	}
	c := s.encoder.pick(v.accepts, k.kind, k.size, true)
	r = fastpath.Response{Status: k.status, Head: k.wire[c], Body: k.bodies[c]}
	switch {
	case r.Body == nil:
		return r, false
	case v.etag == "":
	case v.etag == k.etag && r.Status == http.StatusOK:
		r = fastpath.Response{Status: http.StatusNotModified, Head: k.unchanged}
	default: // another one, or a list
		return r, false
	}
	s.metrics.hot.Inc()
	s.metrics.pageHit.Inc()
	s.metrics.pageRequest(r.Status)
	return r, true
}

// refuse answers who asks for a page that has to be made while too many are being made. It costs little, so that the
// pages under way don't pay for those that are refused. A page of which an older version is in memory is net/http's.
func (v *fastVisitor) refuse(st *site, path string) (r fastpath.Response, ok bool) {
	s := v.server
	if !st.isPage(path) || s.kept.last(path, st) != nil {
		return r, false
	}
	k := st.refusal()
	c := s.encoder.pick(v.accepts, k.kind, k.size, false)
	s.metrics.hot.Inc()
	s.metrics.refused.Inc()
	s.metrics.pageMiss.Inc()
	s.metrics.pageRefused.Inc()
	return fastpath.Response{Status: k.status, Head: k.wire[c], Body: k.bodies[c]}, true
}

// isPage reports whether a path is that of a page as HTML.
func (st *site) isPage(path string) bool {
	for prefix, pages := range st.prefixes {
		if rest, ok := strings.CutPrefix(path, prefix); ok {
			_, _, twin, err := cutPage(pages, rest)
			return err == nil && !twin
		}
	}
	return false
}

// refusal is the response to who comes while too many pages are being made.
func (st *site) refusal() *kept {
	st.refusing.Do(func() {
		r := &http.Request{Method: http.MethodGet, URL: &url.URL{Path: "/"}}
		a := st.explainError(st, r, answer{}, errBusy)
		st.refused = &kept{status: a.status, kind: a.kind, header: a.header, size: len(a.body)}
		setAlways(st.refused.header)
		for _, c := range []coding{identity, zipped} {
			st.refused.with(c, st.encoder.encode(c, a.body))
		}
	})
	return st.refused
}

// fastSite is the site that pages in memory must be of; nil while nothing may be answered from memory.
func (s *Server) fastSite() *site {
	st := s.site.Load()
	if st == nil || s.draining.Load() || st.catalog != s.Catalog() || st.templates != s.Templates() {
		return nil
	}
	return st
}
