package detail

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"vitrine/detail/admission"
	"vitrine/detail/blobcache"
	"vitrine/detail/fastpath"
	"vitrine/detail/pagecache"
	"vitrine/detail/popular"
	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/internal/view"
	"vitrine/switches"
	"vitrine/templates"
)

// Server serves the public routes. It is safe for concurrent use.
type Server struct {
	config     Config
	sites      *sites
	blobs      *blobcache.Cache
	fallback   *blobcache.Fallback
	pages      *pagecache.Cache
	popular    *popular.Counter // of pages that were found
	prefetcher *prefetcher      // what pages refer to
	encoder    *pagecache.Encoder
	reader     view.Reader // of blobs' JSON
	buffers    sync.Pool   // of *bytes.Buffer, for pages until they are compressed
	live       *livePool
	missed     *announcer
	metrics    *metrics

	admission *admission.Controller
	fast      *fastpath.Path // nil: it is off

	streaming chan struct{} // has room for the responses that are streamed

	draining atomic.Bool
	leaving  atomic.Bool // Ready says no, and the server serves on

	failures       *logLimit // of pages that could not be served
	panics         *logLimit // of handlers
	templateFaults *logLimit
}

// New makes a server, which Close ends. It fails where the configuration is incomplete or out of range, or where metrics of
// these names are registered already.
func New(c Config) (*Server, error) {
	c = c.withDefaults()
	if err := c.validate(); err != nil {
		return nil, fmt.Errorf("detail: %w", err)
	}
	s := &Server{
		config:         c,
		missed:         newAnnouncer(c.Announcer),
		fallback:       blobcache.NewFallback(c.Fallback.Fetcher, c.Fallback.Leases, c.Switches),
		streaming:      make(chan struct{}, streams),
		popular:        popular.New(popularMax, sampleEvery),
		prefetcher:     newPrefetcher(prefetchBytes),
		failures:       newLogLimit(logEvery),
		panics:         newLogLimit(logEvery),
		templateFaults: newLogLimit(logEvery),
	}
	s.sites = &sites{
		make:    func(version uint64, c *catalog.Catalog, set *templates.Set) *site { return newSite(s, version, c, set) },
		changed: func() { s.pages.Changed() },
	}
	if !c.NoFastPath {
		s.fast = newFastPath(s)
	}
	if err := s.open(); err != nil {
		s.Close()
		return nil, fmt.Errorf("detail: %w", err)
	}
	return s, nil
}

// open makes what may fail: admission, the caches, the metrics.
func (s *Server) open() (err error) {
	c := s.config
	s.admission, err = admission.New(c.Admission)
	if err != nil {
		return err
	}
	s.blobs, err = blobcache.New(c.Blobs)
	if err != nil {
		return err
	}
	s.pages, err = pagecache.New(c.PageBytes, c.Switches)
	if err != nil {
		return err
	}
	s.encoder, err = pagecache.NewEncoder(pagecache.EncoderConfig{Level: c.Switches.Must(switches.Compression), Waiting: s.admission.Waiting})
	if err != nil {
		return err
	}
	s.live, err = newLivePool(c.Live, c.Switches.Must(switches.BackToSource))
	if err != nil {
		return err
	}
	s.metrics = newMetrics(s.blobs)
	return s.register()
}

// Close waits for reads in flight and frees the caches. Shut the http.Server down first.
func (s *Server) Close() {
	s.fallback.Close()
	s.missed.close()
	if s.blobs != nil {
		s.blobs.Close()
	}
	if s.live != nil {
		s.live.close()
	}
	if s.pages != nil {
		s.pages.Close()
	}
}

// Handler serves the routes of the catalog in force; before there is one, 503.
func (s *Server) Handler() http.Handler { return http.HandlerFunc(s.serve) }

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	defer s.recoverPanic(w, r)
	site, err := s.current()
	if err == nil {
		err = checkRequest(r)
	}
	if err != nil {
		w.Header().Set("Connection", "close")
		s.write(w, r, "none", s.errorResponse(site, r, response{}, err))
		return
	}
	site.router.ServeHTTP(w, inOneForm(r))
}

// recoverPanic turns a handler's panic into a 500, and logs it with its stack. What was sent before cannot be taken back.
func (s *Server) recoverPanic(w http.ResponseWriter, r *http.Request) {
	reason := recover()
	switch {
	case reason == nil:
		return
	case reason == http.ErrAbortHandler:
		panic(reason)
	}
	s.metrics.panics.Inc()
	if due, skipped := s.panics.allow(time.Now()); due {
		s.config.Log.Error("a handler panicked", "path", r.URL.EscapedPath(), "panic", fmt.Sprint(reason), "skipped", skipped, "stack", string(debug.Stack()))
	}
	w.Header().Set("Connection", "close")
	http.Error(w, "Something went wrong.", http.StatusInternalServerError)
}

// Announced takes an announcement of the stream BLOBS: an entity's blobs by name, with their gens.
func (s *Server) Announced(e item.Entity, gens map[string]uint64) { s.blobs.Announced(e, gens) }

// Doubted takes notice that any blob of an entity may be newer than was announced. They are read again.
func (s *Server) Doubted(e item.Entity) {
	s.blobs.Doubted(e, s.config.Catalog().BlobNames(e.Kind))
}

// Gap takes notice that announcements were lost. Every entry in memory is read again before it is served.
func (s *Server) Gap() { s.blobs.Gap() }

// Hot lists the blobs in memory.
func (s *Server) Hot() []kv.BlobKey { return s.blobs.Hot() }

// Warm reads blobs into memory before any page is asked for. See blobcache.Cache.Warm.
func (s *Server) Warm(ctx context.Context, tier string, from kv.BlobGetter, keys []kv.BlobKey) (n int, err error) {
	return s.blobs.Warm(ctx, tier, from, keys)
}

// Ready is nil where pages can be served. Else it is an item.ErrUnavailable that says why not: the server is shutting down, it
// has no catalog or templates yet, or every tier fails.
func (s *Server) Ready() error {
	if s.leaving.Load() {
		return fmt.Errorf("%w: the server is shutting down", item.ErrUnavailable)
	}
	if _, err := s.current(); err != nil {
		return err
	}
	if !s.blobs.Reachable() {
		return fmt.Errorf("%w: every tier is failing", item.ErrUnavailable)
	}
	return nil
}

// Occupancy is the share of what the server admits at once that is in use: of pages being made, or of connections.
func (s *Server) Occupancy() float64 { return s.admission.Occupancy() }

// current is the site of the catalog and the templates in force.
func (s *Server) current() (*site, error) {
	c, set := s.config.Catalog(), s.config.Templates()
	if c == nil || set == nil {
		return nil, fmt.Errorf("%w: no catalog and templates yet", item.ErrUnavailable)
	}
	return s.sites.of(c, set), nil
}

// checkRequest refuses requests with a body, which no route takes, and those with an overlong query.
//
// A request with both Transfer-Encoding and Content-Length may be an attempt to smuggle another one in its body past a proxy
// that believes the other field. net/http drops Content-Length in this case, so that every Transfer-Encoding is refused.
func checkRequest(r *http.Request) error {
	if len(r.TransferEncoding) > 0 || r.ContentLength > 0 {
		return fmt.Errorf("%w: a body is not taken here", errBadRequest)
	}
	if len(r.URL.RawQuery) > maxQuery {
		return fmt.Errorf("%w: the query has more than %d bytes", errBadRequest, maxQuery)
	}
	return nil
}

// logEvery is how often failures of one kind are logged: most of them have the same cause.
const logEvery = time.Second

var errBadRequest = errors.New("bad request")

const maxQuery = 32 << 10 // 100 ids of 64 bytes, all percent-encoded, fit
