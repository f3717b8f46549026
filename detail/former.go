package detail

import (
	"time"

	"vitrine/detail/admission"
	"vitrine/detail/pagecache"
)

// When the catalog, the templates or a switch changes, no kept page is in its newest form, and all are cold at once. To make each for
// the first visitor who asks would have all others wait behind those that are being made. So a page is made anew while there is a
// processor free to make it, which at rest is at once; meanwhile a kept page is answered in its last form, if its parts are still the
// newest and the change is no longer ago than Config.FormerPages. Pages that are asked for most are so the first to be made.

// former is the response with a page in its last form, while no processor is free to make it anew.
func (st *site) former(q request) (response, bool) {
	s := st.server
	if !s.admission.Occupied() {
		return response{}, false
	}
	e := s.pages.Former(q.path, time.Now(), s.config.FormerPages)
	if e == nil {
		return response{}, false
	}
	a, ok := st.lastForm(e, q)
	if ok {
		s.metrics.former.Inc()
		s.popular.Count(q.path)
	}
	return a, ok
}

// busy is the response while too many pages are being made: the page as it was cached last, marked stale, or else
// admission.ErrBusy.
func (st *site) busy(q request) (response, error) {
	last := st.server.pages.Last(q.path, st.version)
	if last == nil {
		last = st.server.pages.Former(q.path, time.Now(), st.server.config.FormerPages)
	}
	if last != nil {
		if a, ok := st.lastForm(last, q); ok {
			return a, nil
		}
	}
	return response{}, admission.ErrBusy
}

// lastForm is the response with a kept page that may not be the newest; ok is false where it has no body that the visitor takes.
func (st *site) lastForm(e *pagecache.Entry, q request) (a response, ok bool) {
	c, body := e.BodyFor(st.server.encoder, q.accepts)
	if body == nil {
		c, body = e.BodyFor(st.server.encoder, q.accepts.WithoutDictionary())
	}
	if body == nil {
		return a, false
	}
	a = cachedResponse(e, c, body)
	a.header = a.header.Clone()
	a.header.Set(staleField, "1")
	a.header.Set("Cache-Control", noStore)
	return a, true
}

// formerLeft is for how many seconds pages may still be answered in the form that they had before the last change.
func (s *Server) formerLeft() float64 {
	left := s.config.FormerPages - time.Since(s.pages.LastChange())
	return max(0, left.Seconds())
}
