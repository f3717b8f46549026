package detail

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/go-chi/chi/v5"

	"vitrine/detail/admission"
	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/switches"
)

// handler makes the response to a request. An error becomes a response in one place, site.handle; it keeps the header of the
// response that was returned with it.
type handler func(r *http.Request) (response, error)

// newRouter routes by prefix only. chi's own parameters end at the first dot of an id and stay escaped. So handlers cut what
// they need off the escaped path.
func newRouter(st *site) http.Handler {
	mux := chi.NewRouter()
	base := st.catalog.Site.Prefix
	route := func(pattern, name string, h handler) {
		mux.Handle(pattern, st.handle(name, h))
	}
	mux.NotFound(st.handle("none", func(*http.Request) (response, error) { return response{}, errNotFound }))
	route(base+catalog.AssetsPath+"*", "assets", st.asset)
	if st.server.config.LiveReload != nil {
		route(base+reloadScript, "assets", st.reloadFile)
		route(base+reloadState, "assets", st.reloadNow)
	}
	route(base+catalog.DictionariesPath+"*", "dictionaries", st.dictionary)
	route(base+catalog.BlobsPath+"*", "blobs", st.blobs)
	if st.live != nil {
		route(base+strings.TrimSuffix(catalog.LivePath, "/"), "live", st.liveMany)
		route(base+catalog.LivePath+"*", "live", st.liveOne)
	}
	if st.server.config.Relations != nil {
		route(base+catalog.RelationsPath+"*", "relations", st.relations)
	}
	if st.server.config.Lister != nil && st.server.config.Index {
		route(base+"/", "index", st.index)
	}
	if st.server.config.Lister != nil && st.origin != "" {
		route("/robots.txt", "sitemap", st.robots)
		route(base+"/sitemap.xml", "sitemap", st.sitemapIndex)
		route(base+sitemapParts+"*", "sitemap", st.sitemapPart)
	}
	for prefix, pages := range st.prefixes {
		if strings.ContainsAny(prefix, "{}*") || !strings.HasPrefix(prefix, "/") {
			st.server.config.Log.Error("page left out: its path is no prefix", "prefix", prefix)
			continue
		}
		route(prefix+"*", "page", st.pages(pages))
	}
	return mux
}

// routeSwitch is the switch that turns a route off; nil for a route that is always open.
func routeSwitch(panel *switches.Panel, route string) *switches.Switch {
	switch route {
	case "live":
		return panel.Must(switches.RouteLive)
	case "blobs":
		return panel.Must(switches.RouteBlobs)
	case "relations":
		return panel.Must(switches.RouteRelations)
	}
	return nil
}

// handle makes an http.HandlerFunc of a handler, with what all routes have: the switch, the methods, errors, and writing.
func (st *site) handle(route string, h handler) http.HandlerFunc {
	open := routeSwitch(st.server.config.Switches, route)
	return func(w http.ResponseWriter, r *http.Request) {
		var a response
		err := errMethod
		if !open.On() || !st.server.admission.ServesCrawlers() && admission.IsCrawler(r.UserAgent()) {
			err = errShed
		} else if r.Method == http.MethodGet || r.Method == http.MethodHead {
			a, err = h(r)
		}
		if err != nil {
			a = st.server.errorResponse(st, r, a, err)
		}
		st.server.write(w, r, route, a)
	}
}

// inOneForm returns a request whose path has the form that catalogs and pages have it in, however its client escaped it: "/%6d%c3%a4rz" and
// "/märz" become "/m%C3%A4rz".
func inOneForm(r *http.Request) *http.Request {
	if r.URL.RawPath == "" && item.EscapePath(r.URL.Path) == r.URL.Path {
		return r
	}
	formed := *r
	formed.URL = new(url.URL)
	*formed.URL = *r.URL
	formed.URL.RawPath = item.OnePath(r.URL.EscapedPath())
	return &formed
}

// byPrefix groups pages, and the former paths of pages, by the prefix of their path. In a group the longest suffix comes first.
func byPrefix(pages []*catalog.Page) map[string][]*catalog.Page {
	groups := map[string][]*catalog.Page{}
	for _, p := range pages {
		for _, one := range append([]*catalog.Page{p}, p.Former...) {
			groups[one.Prefix] = append(groups[one.Prefix], one)
		}
	}
	for _, group := range groups {
		slices.SortStableFunc(group, func(a, b *catalog.Page) int { return len(b.Suffix) - len(a.Suffix) })
	}
	return groups
}

// tail is what follows the prefix of a path, still escaped; errNotFound where the path has another prefix.
func tail(r *http.Request, prefix string) (string, error) {
	rest, ok := strings.CutPrefix(r.URL.EscapedPath(), prefix)
	if !ok {
		return "", errNotFound
	}
	return rest, nil
}

// segments is the tail as n unescaped segments. It fails with errNotFound for another number, and errBadRequest for an escape
// that is none.
func segments(r *http.Request, prefix string, n int) ([]string, error) {
	rest, err := tail(r, prefix)
	if err != nil {
		return nil, err
	}
	parts := strings.Split(rest, "/")
	if len(parts) != n {
		return nil, errNotFound
	}
	for i, p := range parts {
		parts[i], err = url.PathUnescape(p)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errBadRequest, err)
		}
	}
	return parts, nil
}
