package node

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"vitrine/internal/redact"
)

// earlyAdmin is the admin listener of a process that is still starting, and may wait long for NATS. It reports the
// process as alive, so that nobody restarts it, and as not ready. open adds the other routes.
type earlyAdmin struct {
	node   *process
	addr   string
	server *http.Server
	failed chan error                   // receives the error of Serve
	whole  atomic.Pointer[http.Handler] // nil before open
}

// listenEarly starts the admin listener at once; until open, /readyz answers waits.
func (n *process) listenEarly(addr, waits string) (*earlyAdmin, error) {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listen for --admin: %w", err)
	}
	a := &earlyAdmin{node: n, addr: "http://" + listener.Addr().String(), failed: make(chan error, 1)}
	starting := http.NewServeMux()
	starting.HandleFunc("GET /healthz", healthz)
	starting.Handle("GET /metrics", promhttp.HandlerFor(n.metrics, promhttp.HandlerOpts{}))
	starting.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, waits, http.StatusServiceUnavailable)
	})
	a.server = newAdminServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if whole := a.whole.Load(); whole != nil {
			(*whole).ServeHTTP(w, r)
			return
		}
		starting.ServeHTTP(w, r)
	}), n.log)
	ended := make(chan struct{})
	go func() {
		defer redact.Crash()
		defer close(ended)
		a.failed <- a.server.Serve(listener)
	}()
	n.onClose(func() error {
		err := a.server.Close()
		<-ended
		return err
	})
	return a, nil
}

// open serves all routes until the process ends.
func (a *earlyAdmin) open(ready func() (note string, err error)) {
	all := newAdmin(a.node)
	all.ready = ready
	whole := all.handler()
	a.whole.Store(&whole)
	a.node.start(func(ctx context.Context) error {
		return serve(ctx, a.server, func() error { return <-a.failed })
	})
}
