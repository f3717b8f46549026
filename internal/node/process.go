package node

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"vitrine/internal/bus"
	"vitrine/internal/catalog"
	"vitrine/internal/control"
	"vitrine/internal/durable"
	"vitrine/internal/item"
	"vitrine/internal/metrics"
	"vitrine/internal/rooms"
	"vitrine/internal/upstream"
	"vitrine/switches"
	"vitrine/templates"
)

// Config is common to all processes.
type Config struct {
	Dir     string // state folder; created if missing
	Role    string
	Room    string            // may be ""
	Secrets *upstream.Secrets // environment variables that upstreams may be sent
	Log     *slog.Logger
	// SetLevel sets the log level, by a value of the switch log.level.
	SetLevel func(word string)
	Output   io.Writer            // of an access log written to "-"
	Metrics  *prometheus.Registry // receives the process's metrics; defaults to a new one
}

// process is one process: what its roles share. The context is that of all its work.
type process struct {
	lifetime
	stores
	controls
	measured

	ctx      context.Context
	log      *slog.Logger
	dir      string
	output   io.Writer
	bus      *bus.Conn
	upstream *upstream.Client
	secrets  *upstream.Secrets
	metrics  *prometheus.Registry
	audits   audits
	leases   *prometheus.GaugeVec

	hearing     *rooms.Hearing    // nil if no pages are served
	templates   *templates.Loader // nil if no pages are rendered
	pages       string            // base URL of this process's pages; "" if it serves none
	running     *durable.Mark     // in the folder of an embedded NATS; nil without one
	takenOver   atomic.Bool       // another process has taken over and serves now
	standsAlone bool              // the process has work to do while NATS is away
}

// controls is what the process follows of all that is pushed. connect sets the fields from catalog on.
type controls struct {
	board     *control.Board
	switches  *switches.Panel // the board's
	automaton *control.Automaton
	catalog   *control.Follower
	agreement *control.Agreement
	presence  *control.Presence
}

// newProcess creates the process of a role; close ends it.
func newProcess(ctx context.Context, c Config) (*process, error) {
	if err := os.MkdirAll(c.Dir, 0o755); err != nil {
		return nil, fmt.Errorf("make the state folder of --dir: %w", err)
	}
	p := &process{ctx: ctx, log: c.Log, dir: c.Dir, output: c.Output, secrets: c.Secrets, metrics: cmp.Or(c.Metrics, prometheus.NewRegistry())}
	p.lifetime.log = c.Log
	p.metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), buildInfo())
	p.audits = newAudits(p.metrics)
	p.leases = newLeases(p.metrics)
	p.board = control.NewBoard(control.BoardConfig{Dir: c.Dir, Role: c.Role, Room: c.Room, Log: c.Log, SetLevel: c.SetLevel})
	p.onClose(func() error { p.board.Close(); return nil })
	p.switches = p.board.Panel()
	p.automaton = control.NewAutomaton(control.AutomatonConfig{Dir: c.Dir, Panel: p.switches, Metrics: p.metrics, Log: c.Log})
	p.upstream = upstream.New(upstream.Config{Log: c.Log, Secrets: p.secrets, Off: p.upstreamOff, Observed: p.observe})
	p.upstreamMetrics = metrics.NewUpstreams(p.metrics, p.upstream.Breakers)
	p.onClose(func() error { p.upstream.Close(); return nil })
	return p, nil
}

// connect connects to NATS, creates what is missing there, and follows the catalog.
func (n *process) connect(ctx context.Context, cfg bus.Config) error {
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
	n.agreement = control.NewAgreement(conn, n.catalog, n.switches.Who().Qualified(), n.log)
	n.presence = control.NewPresence(control.PresenceConfig{
		Conn: conn, Who: n.switches.Who(), Dir: n.dir, Log: n.log, Stays: n.takenOver.Load,
		Describe: func(r *control.Report) {
			n.agreement.Describe(r)
			n.board.Describe(r)
			n.describeTemplates(r)
		},
	})
	n.measure()
	n.catalog.OnAck = n.presence.Acknowledge
	n.catalog.OnCatalog = func(c *catalog.Catalog) {
		control.DeclareSwitches(n.switches, c)
		n.upstreamMetrics.Declare(c)
		n.logSecrets(c)
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
	if !n.standsAlone { // the others may not have the right
		n.start(conn.KeepReplicas)
	}
	return nil
}

// upstreamOff reports whether an upstream is switched off.
func (n *process) upstreamOff(name string) bool { return !n.switches.On(switches.Upstream(name).Name) }

// prepareStreams creates missing streams. A process that works on streams waits until they exist; one that only follows
// them continues without.
func (n *process) prepareStreams(ctx context.Context) error {
	if !n.standsAlone {
		return n.bus.Await(ctx)
	}
	err := n.bus.Ensure(ctx)
	if errors.Is(err, item.ErrUnavailable) { // the followers create what is missing
		n.log.Warn("streams not looked at", "error", err)
		return nil
	}
	return err
}

// logSecrets logs which upstreams of a catalog can't be asked because a secret is missing.
func (n *process) logSecrets(c *catalog.Catalog) {
	if n.switches.Who().Role == "front" {
		return // this process asks no upstream
	}
	for _, err := range n.secrets.Check(c) {
		n.log.Error("an upstream can't be asked", "error", err)
	}
}
