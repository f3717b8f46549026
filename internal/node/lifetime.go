package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	"vitrine/internal/redact"
)

// drain is how long a stopping process may take to finish its work; drainHTTP how long it waits for operators'
// requests, which can be repeated.
const (
	drain     = 8 * time.Second
	drainHTTP = 3 * time.Second
)

// lifetime holds what runs in a process, from its start to its end.
type lifetime struct {
	log     *slog.Logger
	agents  []func(context.Context) error
	closers []func() error
	stop    func() // ends the agents
}

// onClose has f called when the process is closed. The last one added is called first.
func (l *lifetime) onClose(f func() error) { l.closers = append(l.closers, f) }

// start adds an agent, which run starts.
func (l *lifetime) start(agent func(context.Context) error) { l.agents = append(l.agents, agent) }

// listen opens a listener and serves it; what names it in errors.
func (l *lifetime) listen(what, addr string, server *http.Server) (string, error) {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return "", fmt.Errorf("listen for %s: %w", what, err)
	}
	l.start(func(ctx context.Context) error {
		return serve(ctx, server, func() error { return server.Serve(listener) })
	})
	return "http://" + listener.Addr().String(), nil
}

// serve has a server answer until ctx ends, and then finishes the requests in progress.
func serve(ctx context.Context, server *http.Server, answer func() error) error {
	stopped := make(chan error, 1)
	go func() {
		defer redact.Crash()
		stopped <- answer()
	}()
	select {
	case err := <-stopped:
		return err
	case <-ctx.Done():
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainHTTP)
	defer cancel()
	err := server.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = server.Close()
	}
	<-stopped
	return err
}

// run starts the agents and waits until all have ended, because ctx has ended or one of them has failed.
func (l *lifetime) run(ctx context.Context, ready func(context.Context) error) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	l.stop = stop
	group, ctx := errgroup.WithContext(ctx)
	for _, agent := range l.agents {
		group.Go(redact.Guard(func() error { return agent(ctx) }))
	}
	if ready != nil {
		group.Go(redact.Guard(func() error { return ready(ctx) }))
	}
	err := group.Wait()
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		return nil
	}
	return err
}

func (l *lifetime) close() {
	for i := len(l.closers) - 1; i >= 0; i-- {
		if err := l.closers[i](); err != nil {
			l.log.Warn("close", "error", err)
		}
	}
}
