package node

import (
	"context"

	"vitrine/internal/item"
	"vitrine/switches"
)

// MarksBucket is where workers store notes for each other: they may not write to operators' buckets.
const MarksBucket = "marks"

// head checks whether the catalog in force here is the one pushed last. It also works while a process drains.
func (n *process) head(ctx context.Context) func() error {
	ctx = context.WithoutCancel(ctx)
	return func() error { return n.catalog.Head(ctx) }
}

// openLanes returns a function that reports whether changes of a lane are accepted.
func (n *process) openLanes() func(item.Lane) bool {
	intake := map[item.Lane]*switches.Switch{
		item.High:    n.switches.Must(switches.IntakeHigh),
		item.Normal:  n.switches.Must(switches.IntakeNormal),
		item.Refresh: n.switches.Must(switches.IntakeRefresh),
	}
	return func(lane item.Lane) bool { return intake[lane].On() && !n.gaveWay() }
}

// gaveWay reports whether what there is to do is for other processes: this one has a binary or a catalog that is overtaken, or talks to a master
// of Redis from which another one has taken over. It would hold changes that it can't do.
func (n *process) gaveWay() bool {
	if n.agreement.Overtaken() {
		return true
	}
	s, ok := n.records.(interface{ AtOldMaster(context.Context) bool })
	return ok && s.AtOldMaster(n.ctx)
}
