package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"golang.org/x/sync/errgroup"

	"vitrine/internal/bus"
	"vitrine/internal/catalog"
	"vitrine/internal/control"
	"vitrine/internal/durable"
	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/internal/kv/boltkv"
	"vitrine/internal/kv/rediskv"
	"vitrine/internal/upstream"
	"vitrine/switches"
	"vitrine/templates"
)

// drain is how long a stopping process finishes what it has begun; drainHTTP how long it waits for operators, who can
// ask again.
const (
	drain     = 8 * time.Second
	drainHTTP = 3 * time.Second
)

// node is one process: what its roles share, and the agents that run in it.
type node struct {
	env      *env
	log      *slog.Logger
	dir      string
	bus      *bus.Conn
	catalog  *control.Follower
	upstream *upstream.Client
	secrets  *upstream.Secrets
	records  kv.Records
	blobs    kv.Blobs
	store    *boltkv.Store // set where bbolt holds everything
	metrics  *prometheus.Registry
	switches *switches.Panel
	board    *control.Board    // of the switches
	presence *control.Presence // set by connect
	audits   audits

	agreement *control.Agreement // set by connect
	automaton *control.Automaton
	stop      func()            // ends the process's agents
	folder    *templates.Folder // nil where no pages are rendered
	pages     string            // base URL of this process's pages; "" where it serves none

	running *durable.Mark // in the folder of an embedded NATS; nil without one

	takenOver   atomic.Bool // by another process, which serves now
	standsAlone bool        // it has something to do while NATS is away

	agents  []func(context.Context) error
	closers []func() error
}

// newNode makes the process of a role, in a room that may have no name; allowed are its secrets, as --secret names them.
func newNode(e *env, dir, role, room string, allowed []string) (*node, error) {
	secrets, err := upstream.NewSecrets(allowed, nil)
	if err != nil {
		return nil, usageError{err}
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("make the state folder of --dir: %w", err)
	}
	n := &node{env: e, log: e.log, dir: dir, secrets: secrets, metrics: prometheus.NewRegistry()}
	n.metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), buildInfo())
	n.audits = newAudits(n.metrics)
	n.board = control.NewBoard(control.BoardConfig{Dir: dir, Role: role, Room: room, Log: e.log, SetLevel: e.setLevel})
	n.onClose(func() error { n.board.Close(); return nil })
	n.switches = n.board.Panel()
	n.automaton = control.NewAutomaton(control.AutomatonConfig{Dir: dir, Panel: n.switches, Metrics: n.metrics, Log: e.log})
	n.upstream = upstream.New(upstream.Config{Log: e.log, Secrets: n.secrets, Off: n.upstreamOff, Observed: n.automaton.Observe})
	n.onClose(func() error { n.upstream.Close(); return nil })
	return n, nil
}

// onClose has f called when the node is closed, the last one first.
func (n *node) onClose(f func() error) { n.closers = append(n.closers, f) }

// start has agent run from run on.
func (n *node) start(agent func(context.Context) error) { n.agents = append(n.agents, agent) }

// connect reaches NATS, makes what is missing there, and follows the catalog.
func (n *node) connect(ctx context.Context, cfg bus.Config) error {
	conn, err := bus.Dial(ctx, cfg)
	if err != nil {
		return fmt.Errorf("connect to NATS: %w", err)
	}
	n.bus = conn
	n.onClose(func() error { conn.Close(); return nil })
	if err := n.prepareStreams(ctx); err != nil {
		return fmt.Errorf("prepare the streams: %w", err)
	}
	n.catalog = control.NewFollower(conn, n.log)
	n.agreement = control.NewAgreement(conn, n.catalog, n.switches.Who().Node, n.log)
	n.presence = control.NewPresence(control.PresenceConfig{
		Conn: conn, Who: n.switches.Who(), Log: n.log, Stays: n.takenOver.Load,
		Describe: func(r *control.Report) {
			n.agreement.Describe(r)
			n.board.Describe(r)
			n.describeTemplates(r)
		},
	})
	n.catalog.Took = func(c *catalog.Catalog) {
		control.DeclareSwitches(n.switches, c)
		n.tellSecrets(c)
	}
	if n.standsAlone {
		n.catalog.Keep(filepath.Join(n.dir, "catalog.json"))
	}
	n.start(n.catalog.Run)
	n.start(n.agreement.Run)
	n.start(control.NewSwitchFollower(n.board, conn, n.presence, n.automaton.Keep).Run)
	n.start(n.presence.Run)
	n.start(func(ctx context.Context) error { return n.automaton.Run(ctx, conn, n.catalog) })
	n.start(func(ctx context.Context) error { return conn.Guard(ctx, n.mendNATS) })
	return nil
}

// upstreamOff reports whether an upstream must not be asked.
func (n *node) upstreamOff(name string) bool { return !n.switches.On("upstream." + name) }

// prepareStreams makes what is missing. Who works on streams waits until they are there; who only follows what is in them
// goes on without.
func (n *node) prepareStreams(ctx context.Context) error {
	if !n.standsAlone {
		return n.bus.Await(ctx)
	}
	err := n.bus.Ensure(ctx)
	if errors.Is(err, item.ErrUnavailable) { // those who follow make what is missing
		n.log.Warn("streams not looked at", "error", err)
		return nil
	}
	return err
}

// tellSecrets tells which upstreams of a catalog can't be asked for want of a secret; all others can.
func (n *node) tellSecrets(c *catalog.Catalog) {
	if n.switches.Who().Role == "front" {
		return // it asks no upstream
	}
	for _, err := range n.secrets.Check(c) {
		n.log.Error("an upstream can't be asked", "error", err)
	}
}

// useRedis opens the stores of a room, which may be one and the same. Who writes to a records store that can't be one, since
// it may evict or is too old, does not start; who only reads goes on.
func (n *node) useRedis(ctx context.Context, recordsURL, blobsURL string, writes bool) error {
	records, err := n.openRedis(ctx, recordsURL)
	if err != nil {
		return err
	}
	n.records, n.blobs = records, records
	switch err := records.Check(ctx); {
	case writes && errors.Is(err, item.ErrRefused):
		return fmt.Errorf("use Redis for records: %w", err)
	case err != nil:
		n.log.Warn("the records store is not as it should be", "error", err)
	}
	if blobsURL != recordsURL {
		n.blobs, err = n.openRedis(ctx, blobsURL)
	}
	return err
}

func (n *node) openRedis(ctx context.Context, url string) (*rediskv.Store, error) {
	s, err := rediskv.Open(ctx, rediskv.Config{URL: url, Log: n.log})
	if err != nil {
		return nil, fmt.Errorf("open Redis: %w", err)
	}
	n.onClose(s.Close)
	return s, nil
}

// useBolt opens the embedded store for records and blobs alike.
func (n *node) useBolt(ctx context.Context) error {
	s, err := boltkv.Open(ctx, filepath.Join(n.dir, "store.db"), boltkv.Options{Log: n.log})
	if err != nil {
		return fmt.Errorf("open the embedded store: %w", err)
	}
	n.onClose(s.Close)
	n.records, n.blobs, n.store = s, s, s
	return nil
}

// listen opens a listener and has it served; what it is for stands in front of errors.
func (n *node) listen(what, addr string, server *http.Server) (string, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return "", fmt.Errorf("listen for %s: %w", what, err)
	}
	n.start(func(ctx context.Context) error { return serve(ctx, server, func() error { return server.Serve(l) }) })
	return "http://" + l.Addr().String(), nil
}

// serve has a server answer until ctx ends, and then finish what is under way.
func serve(ctx context.Context, server *http.Server, answer func() error) error {
	stopped := make(chan error, 1)
	go func() { stopped <- answer() }()
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

// run starts the agents and waits until all have ended: when ctx ends, or when one of them fails.
func (n *node) run(ctx context.Context, ready func(context.Context) error) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	n.stop = stop
	group, ctx := errgroup.WithContext(ctx)
	for _, agent := range n.agents {
		group.Go(func() error { return agent(ctx) })
	}
	if ready != nil {
		group.Go(func() error { return ready(ctx) })
	}
	err := group.Wait()
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		return nil
	}
	return err
}

func (n *node) close() {
	for i := len(n.closers) - 1; i >= 0; i-- {
		if err := n.closers[i](); err != nil {
			n.log.Warn("close", "error", err)
		}
	}
}
