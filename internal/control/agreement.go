package control

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"vitrine/internal/bus"
)

// behindBeat is the interval at which a process that can't use the pushed catalog checks whether others have it.
const behindBeat = 2 * time.Second

// Agreement is what a process knows of the others that write records and blobs: whether they use the same shapes.
type Agreement struct {
	conn    *bus.Conn
	catalog *Follower
	node    string
	log     *slog.Logger

	writes    atomic.Bool // this process writes records or blobs
	overtaken atomic.Bool // others have the pushed catalog in force, which this process can't use
}

// NewAgreement makes the agreement of the process with the qualified name node; Run drives it.
func NewAgreement(conn *bus.Conn, follower *Follower, node string, log *slog.Logger) *Agreement {
	return &Agreement{conn: conn, catalog: follower, node: node, log: log}
}

// Writes declares that this process writes records or blobs from now on.
func (a *Agreement) Writes() { a.writes.Store(true) }

// Overtaken reports whether others have the pushed catalog in force, which this process can't use.
func (a *Agreement) Overtaken() bool { return a.overtaken.Load() }

// Shapes identifies all shapes of the catalog in force, which must exist.
func (a *Agreement) Shapes() string { return a.catalog.Catalog().Shapes }

// Describe adds to a report by which shapes this process writes.
func (a *Agreement) Describe(r *Report) {
	if cat := a.catalog.Catalog(); cat != nil && a.writes.Load() {
		r.Writing = &Writing{Catalog: cat.Revision, Shapes: cat.Shapes, Behind: a.catalog.Behind()}
	}
}

// Agreed reports whether all processes that write records and blobs use the same shapes. Those that can't use the
// pushed catalog accept no work and don't count.
func (a *Agreement) Agreed(ctx context.Context) (bool, error) {
	members, err := Members(ctx, a.conn)
	if err != nil {
		return false, err
	}
	for _, m := range members {
		if w := m.Writing; m.Present && m.Qualified() != a.node && w != nil && !w.Behind && w.Shapes != a.Shapes() {
			a.log.Debug("another process has other shapes", "node", m.Node, "catalog", w.Catalog)
			return false, nil
		}
	}
	return true, nil
}

// Run checks, until ctx ends, whether this process has been overtaken: it can't use the pushed catalog while others
// have it, so it would write older shapes. If no process can use it, the last good catalog is the best there is.
func (a *Agreement) Run(ctx context.Context) error {
	tick := time.NewTicker(behindBeat)
	defer tick.Stop()
	for {
		overtaken := false
		if a.catalog.Behind() && a.catalog.Catalog() != nil {
			agreed, err := a.Agreed(ctx)
			overtaken = err == nil && !agreed
		}
		if was := a.overtaken.Swap(overtaken); overtaken && !was {
			a.log.Error("the pushed catalog can't be had here, and others have it: no work is taken in until it can, or is rolled back")
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}
