package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/pprof"
	"net/url"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"vitrine/detail"
	"vitrine/internal/item"
	"vitrine/internal/kv"
)

// admin is the operators' listener: health, metrics, profiles, and what commands ask a running process,
// since bbolt locks its file. All of it only reads.
type admin struct {
	node    *node
	ready   func() error
	explain func(ctx context.Context, what string) (any, error) // nil where no pages are served
	pages   *detail.Server                                      // the same
	files   http.Handler                                        // what rehearsed pages load
}

func (a *admin) server() *http.Server {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok\n") })
	mux.HandleFunc("GET /readyz", a.readyz)
	mux.Handle("GET /metrics", promhttp.HandlerFor(a.node.metrics, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /explain", a.explainWhat)
	mux.HandleFunc("GET /related", a.related)
	mux.HandleFunc("GET /entities", a.entities)
	mux.HandleFunc("GET /audit", a.audit)
	mux.HandleFunc("GET /leftovers", a.leftovers)
	mux.HandleFunc("GET /rehearse", a.rehearse)
	mux.HandleFunc("GET /rehearsal", a.rehearsal)
	mux.HandleFunc("GET /rehearsal/page", a.rehearsalPage)
	if a.files != nil {
		mux.Handle("GET /assets/", a.files)
		mux.Handle("GET /pictures/", a.files)
	}
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	return &http.Server{Handler: local(mux), ReadHeaderTimeout: 5 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 16 << 10}
}

// local refuses what a foreign page could make an operator's browser ask: a name that was rebound to
// loopback, or a request from another origin.
func local(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !localHost(r.Host) {
			http.Error(w, "this listener answers to its own address only", http.StatusMisdirectedRequest)
			return
		}
		if origin := r.Header.Get("Origin"); origin != "" && origin != "http://"+r.Host {
			http.Error(w, "foreign origin", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// localHost accepts an IP address or localhost: a name of somebody else's can't be rebound to those.
func localHost(hostport string) bool {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = hostport
	}
	return host == "localhost" || net.ParseIP(strings.Trim(host, "[]")) != nil
}

func (a *admin) readyz(w http.ResponseWriter, _ *http.Request) {
	if err := a.ready(); err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	io.WriteString(w, "ready\n")
	for _, note := range a.node.lookNotes() {
		fmt.Fprintln(w, note)
	}
}

func (a *admin) explainWhat(w http.ResponseWriter, r *http.Request) {
	if a.explain == nil {
		http.Error(w, "this process serves no pages: ask a detail server", http.StatusNotFound)
		return
	}
	out, err := a.explain(r.Context(), r.FormValue("what"))
	answer(w, out, err)
}

// relatedPage is one page of the relation index.
type relatedPage struct {
	IDs  []string `json:"ids"`
	Next string   `json:"next"`
}

func (a *admin) related(w http.ResponseWriter, r *http.Request) {
	page, err := a.relatedPage(r)
	answer(w, page, err)
}

func (a *admin) relatedPage(r *http.Request) (page relatedPage, err error) {
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
	page.IDs, page.Next, err = a.node.records.Related(r.Context(), list, r.FormValue("cursor"), 1000)
	return page, err
}

// storedPage is one page of what the store of records has.
type storedPage struct {
	Entities []string `json:"entities"` // KIND:ID
	Next     string   `json:"next"`
}

func (a *admin) entities(w http.ResponseWriter, r *http.Request) {
	entities, next, err := a.node.records.ScanEntities(r.Context(), r.FormValue("cursor"), 5000)
	page := storedPage{Entities: make([]string, len(entities)), Next: next}
	for i, e := range entities {
		page.Entities[i] = e.String()
	}
	answer(w, page, err)
}

func answer(w http.ResponseWriter, out any, err error) {
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

// askAdmin gets JSON from a running process's admin listener.
func askAdmin(ctx context.Context, addr, pathAndQuery string, out any) error {
	base := addr
	if !strings.Contains(base, "://") {
		base = "http://" + base
	}
	u, err := url.Parse(base + pathAndQuery)
	if err != nil {
		return usagef("--admin %s: %v", addr, err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("ask the admin listener (is it running? see --admin): %w", err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		b, _ := io.ReadAll(io.LimitReader(res.Body, 4096))
		return fmt.Errorf("%s answered %s: %s", addr, res.Status, strings.TrimSpace(string(b)))
	}
	return json.NewDecoder(res.Body).Decode(out)
}
