package detail

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"vitrine/detail/pagecache"
	"vitrine/internal/catalog"
	"vitrine/internal/view"
	"vitrine/switches"
	"vitrine/templates"
)

// site serves one catalog with one set of templates. What follows from the two is worked out once; only caches change.
type site struct {
	server    *Server
	version   uint64 // no two sites have the same
	catalog   *catalog.Catalog
	templates *templates.Set
	revision  string // of both, for ETags
	csp       string
	origin    string     // of absolute addresses; "" where nobody knows it
	facts     view.Value // .Site of templates
	made      time.Time
	router    http.Handler
	exposed   map[*catalog.Blob]bool // what /blobs shows
	inherits  bool                   // any blob does
	live      *liveKind              // nil where no page names live parts
	switches  partSwitches
	prefixes  map[string][]*catalog.Page

	errorPages sync.Map      // status code → []byte
	listing    chan struct{} // has room for the one request that makes the index
	counting   chan struct{} // has room for the one request that counts the pages
	counted    atomic.Pointer[sitemapCount]
	found      referrings                // by pages that list something
	lists      atomic.Pointer[indexList] // the index that was made last
	refusal    func() *pagecache.Entry   // the response while too many pages are being made; made once
}

// partSwitches are the switches of what pages are made of.
type partSwitches struct {
	overlays map[overlayOf]*switches.Switch
	joins    map[joinOf]*switches.Switch
	live     map[*catalog.Live]*switches.Switch
}

type (
	overlayOf struct {
		page *catalog.Page
		blob *catalog.Blob
	}
	joinOf struct {
		page *catalog.Page
		ref  string
	}
)

// liveKind is what /live answers for: the kind of the pages that name live parts.
type liveKind struct {
	kind  *catalog.Kind
	blob  *catalog.Blob   // of the first such page: an entity without it is unknown
	parts []*catalog.Live // unique, in the order of the pages
	vary  []string        // declared query parameters of any part, sorted
}

func newSite(s *Server, version uint64, c *catalog.Catalog, set *templates.Set) *site {
	h := fnv.New64a()
	h.Write(c.Source)
	origin := cmp.Or(c.Site.Origin, s.config.Origin())
	h.Write([]byte(origin))
	st := &site{
		server:    s,
		version:   version,
		catalog:   c,
		templates: set,
		revision:  fmt.Sprintf("%d.%x.%s", c.Revision, h.Sum64(), set.Revision()),
		origin:    origin,
		csp:       contentSecurityPolicy(c.Site),
		made:      time.Now(),
		exposed:   exposed(c),
		inherits:  c.Inherits(),
		live:      newLiveKind(c),
		switches:  declare(s.config.Switches, c),
		prefixes:  byPrefix(c.Pages),
		listing:   make(chan struct{}, 1),
		counting:  make(chan struct{}, 1),
		facts:     siteFacts(c.Site, origin),
	}
	st.refusal = sync.OnceValue(st.newRefusal)
	st.router = newRouter(st)
	return st
}

// DeclareSwitches adds the switches of a catalog's overlays, joins and live parts to a panel.
func DeclareSwitches(panel *switches.Panel, c *catalog.Catalog) { declare(panel, c) }

func declare(panel *switches.Panel, c *catalog.Catalog) partSwitches {
	s := partSwitches{map[overlayOf]*switches.Switch{}, map[joinOf]*switches.Switch{}, map[*catalog.Live]*switches.Switch{}}
	for _, p := range c.Pages {
		for _, b := range p.Overlay {
			s.overlays[overlayOf{p, b}] = panel.Declare(switches.Overlay(p.Name, b.Name))
		}
		for _, w := range p.With {
			s.joins[joinOf{p, w.Ref.Name}] = panel.Declare(switches.Part(p.Name, w.Ref.Name))
		}
		for _, l := range p.Live {
			s.live[l] = panel.Declare(switches.Live(l.Name))
		}
	}
	return s
}

// exposed are the blobs that any page shows, which /blobs may give away.
func exposed(c *catalog.Catalog) map[*catalog.Blob]bool {
	shown := map[*catalog.Blob]bool{}
	show := func(b *catalog.Blob) {
		shown[b] = true
		for _, w := range b.Inherit {
			shown[w.Blob] = true
		}
	}
	for _, p := range c.Pages {
		show(p.Blob)
		for _, b := range p.Overlay {
			show(b)
		}
		for _, w := range p.With {
			show(w.Blob)
		}
		for _, l := range p.Live {
			if b, err := p.Kind.Blob(l.Blob); err == nil {
				show(b)
			}
		}
	}
	return shown
}

func newLiveKind(c *catalog.Catalog) *liveKind {
	var live *liveKind
	vary := map[string]bool{}
	for _, p := range c.Pages {
		if len(p.Live) == 0 {
			continue
		}
		if live == nil {
			live = &liveKind{kind: p.Kind, blob: p.Blob}
		}
		if p.Kind != live.kind {
			continue
		}
		for _, l := range p.Live {
			if !slices.Contains(live.parts, l) {
				live.parts = append(live.parts, l)
			}
			for name := range l.Vary {
				vary[name] = true
			}
		}
	}
	if live != nil {
		live.vary = slices.Sorted(maps.Keys(vary))
	}
	return live
}

// contentSecurityPolicy allows a page nothing inline, pictures from the shop's origins, and forms to where the shop sells.
func contentSecurityPolicy(s catalog.Site) string {
	pictures := "'self'"
	for _, origin := range s.Images {
		pictures += source(origin)
	}
	forms := "'self'"
	if s.Buy != nil {
		if u, err := url.Parse(s.Buy.URL); err == nil && u.Host != "" {
			forms += source(u.Scheme + "://" + u.Host)
		}
	}
	return "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; font-src 'self'; img-src data: " +
		pictures + "; media-src " + pictures + "; base-uri 'none'; form-action " + forms + "; frame-ancestors 'self'"
}

// source is an origin behind a space, or nothing where it could end a directive of a policy.
func source(origin string) string {
	if strings.ContainsFunc(origin, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == ';' || r == ',' }) {
		return ""
	}
	return " " + origin
}
