package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/pprof"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"vitrine/detail"
	"vitrine/internal/item"
	"vitrine/internal/kv"
)

// admin is the operators' listener: health, metrics, profiles, and what commands ask a running process, since bbolt
// locks its file. Requests that are expensive, or change something, need the token.
type admin struct {
	node    *process
	token   string                                              // "" if none could be stored: then those requests are refused
	ready   func() (note string, err error)                     // note says what is missing although everything is served
	explain func(ctx context.Context, what string) (any, error) // nil if no pages are served
	pages   *detail.Server                                      // nil if no pages are served
	files   http.Handler                                        // the files that rehearsed pages load
}

// newAdmin creates the listener of a process. If the token can't be stored it continues without one, since the requests
// that need no token matter more.
func newAdmin(n *process) *admin {
	a := &admin{node: n}
	var err error
	a.token, err = OpenToken(n.dir)
	if err != nil {
		n.log.Warn("there is no token for the admin listener: commands that need one are refused", "error", err)
	}
	return a
}

func (a *admin) server() *http.Server { return newAdminServer(a.handler(), a.node.log) }

func (a *admin) handler() http.Handler {
	mux := http.NewServeMux()
	for _, r := range a.routes() {
		mux.Handle(r.pattern, r.handler)
	}
	return mux
}

// adminRoute is a route of the admin listener. docs/operations.md lists each by its pattern.
type adminRoute struct {
	pattern string
	handler http.Handler
}

func (a *admin) routes() []adminRoute {
	routes := []adminRoute{
		{"GET /healthz", http.HandlerFunc(healthz)},
		{"GET /readyz", http.HandlerFunc(a.readyz)},
		{"GET /metrics", promhttp.HandlerFor(a.node.metrics, promhttp.HandlerOpts{})},
		{"GET /explain", http.HandlerFunc(a.explainWhat)},
		{"GET /related", http.HandlerFunc(a.related)},
		{"GET /entities", http.HandlerFunc(a.entities)},
		{"POST /audit", a.guarded(a.audit)},
		{"POST /leftovers", a.guarded(a.leftovers)},
		{"POST /rehearse", a.guarded(a.rehearse)},
		{"POST /templates/try", a.guarded(a.tryTemplates)},
		{"GET /rehearsal", a.signedOnly(a.rehearsal)},
		{"GET /rehearsal/page", a.signedOnly(a.rehearsalPage)},
		{"GET /debug/pprof/{$}", http.HandlerFunc(pprof.Index)},
		{"POST /debug/pprof/", a.guarded(pprof.Index)},
		{"POST /debug/pprof/profile", a.guarded(pprof.Profile)},
		{"POST /debug/pprof/trace", a.guarded(pprof.Trace)},
		{"POST /debug/pprof/symbol", a.guarded(pprof.Symbol)},
	}
	if a.files != nil {
		routes = append(routes, adminRoute{"GET /assets/", a.files}, adminRoute{"GET /pictures/", a.files})
	}
	return routes
}

func newAdminServer(handler http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler: local(unlinked(handler), "/healthz", "/readyz", "/metrics"), ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		ReadHeaderTimeout: 5 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 16 << 10,
	}
}

func healthz(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok\n") }

func (a *admin) readyz(w http.ResponseWriter, _ *http.Request) {
	note, err := a.ready()
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	io.WriteString(w, "ready\n"+note)
	for _, note := range a.node.templateNotes() {
		fmt.Fprintln(w, note)
	}
}

func (a *admin) explainWhat(w http.ResponseWriter, r *http.Request) {
	if a.explain == nil {
		http.Error(w, "this process serves no pages: ask a detail server", http.StatusNotFound)
		return
	}
	out, err := a.explain(r.Context(), r.FormValue("what"))
	writeJSON(w, out, err)
}

// RelatedPage is one page of the relation index.
type RelatedPage struct {
	IDs     []string `json:"ids"`
	Next    string   `json:"next"`
	Process string   `json:"process"` // that answers, by its qualified name
}

func (a *admin) related(w http.ResponseWriter, r *http.Request) {
	page, err := a.relatedPage(r)
	writeJSON(w, page, err)
}

func (a *admin) relatedPage(r *http.Request) (page RelatedPage, err error) {
	cat := a.node.catalog.Catalog()
	if cat == nil {
		return page, fmt.Errorf("%w: no catalog is in force yet", item.ErrUnavailable)
	}
	kind, err := cat.Kind(r.FormValue("kind"))
	if err != nil {
		return page, err
	}
	ref, err := kind.Ref(r.FormValue("ref"))
	if err != nil {
		return page, err
	}
	target, err := item.NewEntity(ref.Kind.Name, r.FormValue("id"))
	if err != nil {
		return page, err
	}
	list := kv.Relation{Target: target, Kind: kind.Name, Ref: ref.Name}
	page.Process = a.node.switches.Who().Qualified()
	page.IDs, page.Next, err = a.node.records.Related(r.Context(), list, r.FormValue("cursor"), 1000)
	return page, err
}

// StoredPage is one page of the entities in the records store.
type StoredPage struct {
	Entities []string `json:"entities"` // KIND:ID
	Next     string   `json:"next"`
	Process  string   `json:"process"` // that answers, by its qualified name
}

func (a *admin) entities(w http.ResponseWriter, r *http.Request) {
	entities, next, err := a.node.records.ScanEntities(r.Context(), r.FormValue("cursor"), 5000)
	page := StoredPage{Entities: make([]string, len(entities)), Next: next, Process: a.node.switches.Who().Qualified()}
	for i, e := range entities {
		page.Entities[i] = e.String()
	}
	writeJSON(w, page, err)
}

func writeJSON(w http.ResponseWriter, out any, err error) {
	switch {
	case errors.Is(err, item.ErrUnavailable):
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
	case err != nil:
		http.Error(w, err.Error(), http.StatusBadRequest)
	default:
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(out)
	}
}
