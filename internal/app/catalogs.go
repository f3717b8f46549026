package app

import (
	"context"
	"time"

	"vitrine/internal/control"
)

// marksBucket is where workers note things for each other: they may not write where operators push.
const marksBucket = "marks"

// behindBeat is how often a process that can't have the pushed catalog in force looks whether others have it.
const behindBeat = 2 * time.Second

// head asks whether the catalog in force here is the one that was pushed last, also for work that is being drained.
func (n *node) head(ctx context.Context) func() error {
	ctx = context.WithoutCancel(ctx)
	return func() error { return n.catalog.Head(ctx) }
}

func (n *node) shapes() string { return n.catalog.Catalog().Shapes }

// describeCatalog tells the others what this process makes records and blobs by.
func (n *node) describeCatalog(r *control.Report) {
	if cat := n.catalog.Catalog(); cat != nil && n.writes.Load() {
		r.Writing = &control.Writing{Catalog: cat.Revision, Shapes: cat.Shapes, Behind: n.catalog.Behind()}
	}
}

// shapesAgreed reports whether all processes that write records and blobs make them by the same shapes. Those that can't
// have the pushed catalog in force take no work in and don't count.
func (n *node) shapesAgreed(ctx context.Context) (bool, error) {
	members, err := control.Members(ctx, n.bus)
	if err != nil {
		return false, err
	}
	for _, m := range members {
		if w := m.Writing; m.Present && m.Node != n.switches.Who().Node && w != nil && !w.Behind && w.Shapes != n.shapes() {
			n.log.Debug("another process has other shapes", "node", m.Node, "catalog", w.Catalog)
			return false, nil
		}
	}
	return true, nil
}

// overtakenAgent stops the intake of a process that can't have the pushed catalog in force while others have it: what
// it made would be of an older shape. Where nobody has it, the last good one is the best there is.
func (n *node) overtakenAgent(ctx context.Context) error {
	tick := time.NewTicker(behindBeat)
	defer tick.Stop()
	for {
		overtaken := false
		if n.catalog.Behind() && n.catalog.Catalog() != nil {
			agreed, err := n.shapesAgreed(ctx)
			overtaken = err == nil && !agreed
		}
		if was := n.overtaken.Swap(overtaken); overtaken && !was {
			n.log.Error("the pushed catalog can't be had here, and others have it: no work is taken in until it can, or is rolled back")
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}
