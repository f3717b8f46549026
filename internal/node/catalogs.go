package node

import (
	"context"

	"vitrine/internal/item"
	"vitrine/switches"
)

// MarksBucket is where workers note things for each other: they may not write where operators push.
const MarksBucket = "marks"

// head asks whether the catalog in force here is the one that was pushed last, also for work that is being drained.
func (n *process) head(ctx context.Context) func() error {
	ctx = context.WithoutCancel(ctx)
	return func() error { return n.catalog.Head(ctx) }
}

// openLanes returns a function that reports whether changes of a lane are taken.
func (n *process) openLanes() func(item.Lane) bool {
	intake := map[item.Lane]*switches.Switch{
		item.High:    n.switches.Must(switches.IntakeHigh),
		item.Normal:  n.switches.Must(switches.IntakeNormal),
		item.Refresh: n.switches.Must(switches.IntakeRefresh),
	}
	return func(lane item.Lane) bool { return intake[lane].On() && !n.agreement.Overtaken() }
}
