package node

import (
	"context"

	"vitrine/internal/item"
)

// MarksBucket is where workers note things for each other: they may not write where operators push.
const MarksBucket = "marks"

// head asks whether the catalog in force here is the one that was pushed last, also for work that is being drained.
func (n *process) head(ctx context.Context) func() error {
	ctx = context.WithoutCancel(ctx)
	return func() error { return n.catalog.Head(ctx) }
}

// laneOpen reports whether changes of a lane are taken.
func (n *process) laneOpen(lane item.Lane) bool {
	return n.switches.On("intake."+string(lane)) && !n.agreement.Overtaken()
}
