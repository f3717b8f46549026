package detail

import (
	"net/http"
	"strings"

	"vitrine/detail/blobcache"
	"vitrine/internal/catalog"
)

// A part that is older than its announcement is marked stale. Where announcements do not come, no part can be known to be the newest: the
// server, or its room, is cut off from where they are made. Then all that is answered from blobs is marked, for as long as that lasts. The
// mark is put on a page when it is sent. So pages are found and kept as ever, and none has to be made anew when it begins or ends.

// markUnheard marks a page, if announcements may be missing. Shared caches are to keep it as briefly as any stale page.
func (s *Server) markUnheard(c catalog.Cache, a response) response {
	if s.config.Heard() || a.header == nil {
		return a
	}
	a.header = a.header.Clone() // that of a kept page is shared
	a.header.Set(staleField, "1")
	if strings.HasPrefix(a.header.Get("Cache-Control"), "public") {
		a.header.Set("Cache-Control", cacheControl(c, true))
	}
	return a
}

// markParts marks parts that are read for others than pages.
func (s *Server) markParts(parts []blobcache.Part) []blobcache.Part {
	if s.config.Heard() {
		return parts
	}
	for i := range parts {
		parts[i].Stale = true
	}
	return parts
}

// staleField is the header field of an answer that may be older than what was announced.
const staleField = "X-Vitrine-Stale"

// isStale reports whether an answer is marked.
func isStale(h http.Header) bool { return h.Get(staleField) != "" }
