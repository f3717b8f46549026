package detail

import (
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"vitrine/detail/admission"
	"vitrine/detail/fastpath"
	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/switches"
)

// Server serves the public routes. It is safe for concurrent use.
type Server struct {
	Config
	reader  *reader
	source  *source
	missed  *announcer
	pool    *livePool
	metrics *metrics
	encoder *encoder
	kept    *pageCache
	gate    *gate
	noPage  *occasion // to tell of one that failed
	panicky *occasion // to tell of a handler that panicked
	badLook *occasion // to tell of a page that the templates failed on

	visitors    *visitors
	crawlers    *crawlers
	connections *admission.Connections
	fast        *fastpath.Path // nil: it is off
	draining    atomic.Bool
	leaving     atomic.Bool // Ready says no, and the server serves on

	compile sync.Mutex // one at a time makes a site of a new catalog
	site    atomic.Pointer[site]
	former  atomic.Pointer[site] // of the catalog before
}

// New makes a server. Close ends what it runs in the background.
func New(c Config) (*Server, error) {
	c = c.withDefaults()
	if err := c.validate(); err != nil {
		return nil, err
	}
	m := newMetrics()
	local, err := newLocal(c.LocalBytes, c.TTL, c.Switches.Switch(switches.TTLFactor), c.Hears)
	if err != nil {
		return nil, err
	}
	pool, err := newLivePool(c.Live, c.LiveCalls, c.Switches.Switch(switches.BackToSource))
	if err != nil {
		local.close()
		return nil, err
	}
	v := newVisitors(c.Proxies, c.Log)
	s := &Server{Config: c, metrics: m, pool: pool, gate: newGate(), visitors: v, crawlers: newCrawlers(c.Switches, v)}
	s.reader = newReader(local, newChain(c.Tiers, c.Switches, m, c.Log), c.Switches.Switch(switches.ReadLocal), c.ReadDeadline)
	s.source = newSource(c.Source, c.Leases, c.Switches)
	s.missed = newAnnouncer(c.Announcer)
	s.connections = admission.NewConnections(c.Connections, c.Log)
	if !c.NoFastPath {
		s.fast = newFastPath(s)
	}
	s.noPage, s.panicky, s.badLook = newOccasion(tellEvery), newOccasion(tellEvery), newOccasion(tellEvery)
	if s.kept, err = newPageCache(c.PageBytes, local, c.Switches); err == nil {
		s.encoder, err = newEncoder(c.Switches.Switch(switches.Compression))
	}
	if err == nil {
		err = s.register()
	}
	if err != nil {
		s.Close()
		return nil, fmt.Errorf("detail: %w", err)
	}
	return s, nil
}

// Close waits for reads in flight and frees the caches. Shut the http.Server down first.
func (s *Server) Close() {
	s.source.close()
	s.missed.close()
	s.reader.close()
	s.pool.close()
	if s.kept != nil {
		s.kept.close()
	}
}

// Handler serves the routes of the catalog in force.
func (s *Server) Handler() http.Handler { return http.HandlerFunc(s.serve) }

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	defer s.recovered(w, r)
	site, err := s.current()
	if err == nil {
		err = checkRequest(r)
	}
	if err != nil {
		w.Header().Set("Connection", "close")
		s.write(w, r, "none", s.explainError(site, r, answer{}, err))
		return
	}
	site.router.ServeHTTP(w, r)
}

// recovered answers a request whose handler panicked, and says where. What was written already stands.
func (s *Server) recovered(w http.ResponseWriter, r *http.Request) {
	reason := recover()
	switch {
	case reason == nil:
		return
	case reason == http.ErrAbortHandler:
		panic(reason)
	}
	s.metrics.panics.Inc()
	if due, skipped := s.panicky.due(time.Now()); due {
		s.Log.Error("a handler panicked", "path", r.URL.EscapedPath(), "panic", fmt.Sprint(reason), "skipped", skipped, "stack", string(debug.Stack()))
	}
	w.Header().Set("Connection", "close")
	http.Error(w, "Something went wrong.", http.StatusInternalServerError)
}

// Announced takes an announcement of the stream BLOBS: the entity's blobs and their gens.
func (s *Server) Announced(e item.Entity, gens map[string]uint64) {
	for blob, gen := range gens {
		s.reader.local.announced(kv.BlobKey{Entity: e, Blob: blob}, gen, false)
	}
}

// Doubted says that any blob of an entity may be newer than was announced: what was read of it is read again.
func (s *Server) Doubted(e item.Entity) {
	for _, blob := range blobNames(s.Catalog(), e.Kind) {
		s.reader.local.announced(kv.BlobKey{Entity: e, Blob: blob}, 0, true)
	}
}

// blobNames are the blobs that a catalog declares of a kind; none where it does not know the kind.
func blobNames(c *catalog.Catalog, kind string) (names []string) {
	if c == nil || c.Kinds[kind] == nil {
		return nil
	}
	for _, b := range c.Kinds[kind].Blobs {
		names = append(names, b.Name)
	}
	return names
}

// Gap says that announcements were lost. Every local entry is read again before it is served.
func (s *Server) Gap() { s.reader.local.epoch.Add(1) }

// Ready tells whether pages can be served: the server is not about to end, there are a catalog, templates, and a tier that answers.
func (s *Server) Ready() error {
	if s.leaving.Load() {
		return fmt.Errorf("%w: the server is shutting down", item.ErrUnavailable)
	}
	if _, err := s.current(); err != nil {
		return err
	}
	if !s.reader.chain.anyClosed() {
		return fmt.Errorf("%w: every tier is failing", item.ErrUnavailable)
	}
	return nil
}

// current is the site of the catalog in force, made anew when either it or the templates are new.
func (s *Server) current() (*site, error) {
	c, set := s.Catalog(), s.Templates()
	if c == nil || set == nil {
		return nil, fmt.Errorf("%w: no catalog and templates yet", item.ErrUnavailable)
	}
	if now := s.site.Load(); now != nil && now.catalog == c && now.templates == set {
		return now, nil
	}
	s.compile.Lock()
	defer s.compile.Unlock()
	if now := s.site.Load(); now != nil && now.catalog == c && now.templates == set {
		return now, nil
	}
	made := newSite(s, c, set)
	s.site.Store(made)
	return made, nil
}

// checkRequest refuses what no reader of pages sends. net/http drops Content-Length where
// Transfer-Encoding is given too, so that the pair can't be told from the latter alone: a proxy in front
// might have believed the other one, and the rest of the body would be the next request. No route takes
// a body, hence every Transfer-Encoding is refused.
func checkRequest(r *http.Request) error {
	if len(r.TransferEncoding) > 0 || r.ContentLength > 0 {
		return fmt.Errorf("%w: a body is not taken here", errBadRequest)
	}
	if len(r.URL.RawQuery) > maxQuery {
		return fmt.Errorf("%w: the query has more than %d bytes", errBadRequest, maxQuery)
	}
	return nil
}

// tellEvery is how often one more failure of a kind is logged: each has the same cause more often than not.
const tellEvery = time.Second

var errBadRequest = errors.New("bad request")

const maxQuery = 32 << 10 // 100 ids of 64 bytes, all percent-encoded, fit
