package node

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"

	"vitrine/heterog"
	"vitrine/internal/bus"
	"vitrine/internal/item"
	"vitrine/internal/lineage"
	"vitrine/internal/metrics"
	"vitrine/internal/redact"
	"vitrine/syncer"
)

// runHeterog consumes changes, those of other rooms too, until ctx ends.
func (n *process) runHeterog(ctx context.Context, others map[string]string) error {
	life, measured := &lineage.Life{}, metrics.NewHeterog(n.metrics)
	w := heterog.New(heterog.Config{
		Catalog: n.catalog.Catalog, Removed: n.catalog.Removed, Head: n.head(ctx), Store: n.records, Upstream: n.upstream, Bus: n.bus, Log: n.log,
		History: n.bus, Deletions: n.bus.Deletions(), Ahead: n.bus.Ahead, Life: life.Current, Since: life.Since, Wrote: measured.Wrote,
	})
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		defer redact.Crash()
		return n.consume(ctx, bus.ConsumerConfig{
			Stage: "heterog", Stream: "CHANGES", Parse: item.ParseChange, Check: w.Check, Group: w.Group, Handle: w.Handle,
			Placement: bus.Placement{Of: w.Place, All: w.Places, Capacity: n.upstream.Capacity}, Open: n.openLanes(), Handled: measured.Handled,
		})
	})
	group.Go(redact.Guard(func() error { return life.Follow(ctx, n.bus.Bucket(MarksBucket)) }))
	deletions := newDeletionWatch(n, w)
	group.Go(redact.Guard(func() error { return n.alone(ctx, "heterog", deletions.Run) }))
	group.Go(redact.Guard(func() error { return n.poller().Run(ctx) }))
	group.Go(redact.Guard(func() error { return n.runRelays(ctx, others) }))
	return group.Wait()
}

// runSyncer consumes entities to fold, and sweeps, until ctx ends.
func (n *process) runSyncer(ctx context.Context) error {
	measured := metrics.NewSyncer(n.metrics)
	f := syncer.New(syncer.Config{
		Catalog: n.catalog.Catalog, Removed: n.catalog.Removed, Head: n.head(ctx), Records: n.records, Blobs: n.blobs, Bus: n.bus, Log: n.log,
		Wrote: measured.Wrote, Announced: measured.Announced,
	})
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		defer redact.Crash()
		return n.consume(ctx, bus.ConsumerConfig{
			Stage: "syncer", Stream: "SYNC", Parse: item.ParseSync, Check: f.Check, Group: f.Group, Handle: f.Handle, Handled: measured.Handled,
			Open: func(item.Lane) bool { return !n.gaveWay() },
		})
	})
	group.Go(redact.Guard(func() error { return n.runAgents(ctx) }))
	return group.Wait()
}

func (n *process) consume(ctx context.Context, cfg bus.ConsumerConfig) error {
	if err := n.catalog.Wait(ctx); err != nil {
		return nil // stopped before there was anything to do
	}
	cfg.Conn = n.bus
	cfg.Log = n.log
	cfg.Timing.Drain = drain
	n.agreement.Writes()
	c, err := bus.NewConsumer(cfg)
	if err != nil {
		return fmt.Errorf("consume %s: %w", cfg.Stream, err)
	}
	return c.Run(ctx)
}
