package node

import (
	"context"
	"fmt"

	"vitrine/detail"
	"vitrine/internal/item"
)

// readyToWork reports, by an error, what a worker still waits for. Without NATS it has no work.
func (n *process) readyToWork() (note string, err error) {
	if !n.bus.Connected() {
		return "", fmt.Errorf("%w: NATS does not answer, or refuses the log-in: there is no work without it, and it is tried again", item.ErrUnavailable)
	}
	if n.catalog.Catalog() == nil {
		return "", fmt.Errorf("no catalog is in force yet: vitrine catalog push FILE")
	}
	ctx := context.WithoutCancel(n.ctx)
	if checked, ok := n.records.(interface{ Check(context.Context) error }); ok {
		return "", checked.Check(ctx) // Redis may have been configured to evict since the start
	}
	_, err = n.records.Parts(ctx)
	return "", err
}

// readyToObey is readyToWork for a process that only follows switches.
func (n *process) readyToObey() (note string, err error) {
	if !n.bus.Connected() {
		return "", fmt.Errorf("%w: NATS does not answer, or refuses the log-in: what was in force stays, and it is tried again", item.ErrUnavailable)
	}
	return "", nil
}

// readyToServe reports, by an error, that a server has no pages. Without NATS it is ready, too, with the pages as they
// are.
func (n *process) readyToServe(server *detail.Server, made *pageWarmer) (note string, err error) {
	if err := server.Ready(); err != nil {
		return "", err
	}
	if err := made.check(); err != nil {
		return "", err
	}
	if !n.bus.Connected() {
		return "NATS does not answer, or refuses the log-in: pages are served as they are known here and marked X-Vitrine-Stale; changes, switches and catalogs come when it is back\n", nil
	}
	return n.unheard(), nil
}
