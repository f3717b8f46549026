package detail

import (
	"fmt"
	"hash/fnv"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"vitrine/detail/pagecache"
	"vitrine/internal/catalog"
	"vitrine/switches"
	"vitrine/templates"
)

// site is what detail needs of one catalog with one set of templates, worked out once and never changed.
type site struct {
	server    *Server
	version   uint64 // tells sites apart
	catalog   *catalog.Catalog
	templates *templates.Set
	revision  string // of both, for ETags
	csp       string
	made      time.Time
	router    http.Handler
	exposed   map[*catalog.Blob]bool   // what /blobs shows
	live      *liveKind                // nil where no page names live parts
	shed      map[any]*switches.Switch // of overlays, joins and live parts

	errorPages sync.Map                  // status code → []byte
	listing    chan struct{}             // has room for who makes the list at "/"
	lists      atomic.Pointer[indexList] // the last
	prefixes   map[string][]*catalog.Page
	refusing   sync.Once // makes refused
	refused    *pagecache.Entry
}

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
	st := &site{server: s, version: version, catalog: c, templates: set, csp: policy(c.Site.Images), made: time.Now(), live: newLiveKind(c), exposed: exposed(c), listing: make(chan struct{}, 1)}
	st.revision = fmt.Sprintf("%d.%x.%s", c.Revision, h.Sum64(), set.Revision())
	st.shed = declare(s.config.Switches, c)
	st.prefixes = byPrefix(c.Pages)
	st.router = newRouter(st)
	return st
}

// overlayOf and joinOf name a part of a page in site.shed; a live part stands for itself.
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

// DeclareSwitches adds the switches of a catalog's pages to a panel.
func DeclareSwitches(panel *switches.Panel, c *catalog.Catalog) { declare(panel, c) }

// declare adds them, and gives each by what it is of.
func declare(panel *switches.Panel, c *catalog.Catalog) map[any]*switches.Switch {
	shed := map[any]*switches.Switch{}
	for _, p := range c.Pages {
		for _, b := range p.Overlay {
			shed[overlayOf{p, b}] = panel.Declare(switches.Overlay(p.Name, b.Name))
		}
		for _, w := range p.With {
			shed[joinOf{p, w.Ref.Name}] = panel.Declare(switches.Part(p.Name, w.Ref.Name))
		}
		for _, l := range p.Live {
			shed[l] = panel.Declare(switches.Live(l.Name))
		}
	}
	return shed
}

func exposed(c *catalog.Catalog) map[*catalog.Blob]bool {
	shown := map[*catalog.Blob]bool{}
	for _, p := range c.Pages {
		shown[p.Blob] = true
		for _, b := range p.Overlay {
			shown[b] = true
		}
		for _, w := range p.With {
			shown[w.Blob] = true
		}
		for _, l := range p.Live {
			if b, err := p.Kind.Blob(l.Blob); err == nil {
				shown[b] = true
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

// policy is the Content-Security-Policy of every page: nothing inline, pictures from the shop's origins.
func policy(images []string) string {
	pictures := "'self'"
	for _, origin := range images {
		if !strings.ContainsFunc(origin, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == ';' || r == ',' }) {
			pictures += " " + origin
		}
	}
	return "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; font-src 'self'; img-src data: " +
		pictures + "; media-src " + pictures + "; base-uri 'none'; form-action 'self'; frame-ancestors 'self'"
}
