package node

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"vitrine/internal/audit"
	"vitrine/internal/lease"
	"vitrine/internal/lineage"
	"vitrine/internal/redact"
	"vitrine/internal/trainer"
)

// alone runs work in this process while it has the lease of that name, which one process of the room has at a time, until ctx ends.
func (n *process) alone(ctx context.Context, name string, work func(context.Context) error) error {
	has := n.leases.WithLabelValues(name)
	l := lease.New(lease.Config{
		Name: name, Notes: n.bus.Bucket(MarksBucket), Log: n.log,
		Held: func(held bool) {
			has.Set(0)
			if held {
				has.Set(1)
			}
		},
	})
	return l.Run(ctx, work)
}

func newLeases(r prometheus.Registerer) *prometheus.GaugeVec {
	g := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "vitrine_lease_held", Help: "1 while this process has the lease of a role's agents; one process of the room has.",
	}, []string{"lease"})
	r.MustRegister(g)
	return g
}

// runAgents runs the agents that look after the stores, in one of the room's syncers at a time, until ctx ends. What this process
// serves itself it reads back by itself.
func (n *process) runAgents(ctx context.Context) error {
	if err := n.catalog.Wait(ctx); err != nil {
		return nil
	}
	sweeper := audit.New(n.auditConfig())
	losses := n.lineage(sweeper) // keeps its name over several terms: what it has begun itself it knows
	group, ctx := errgroup.WithContext(ctx)
	group.Go(redact.Guard(func() error {
		return n.alone(ctx, "syncer", func(ctx context.Context) error { return n.lookAfterStores(ctx, sweeper, losses) })
	}))
	if n.pages != "" {
		group.Go(redact.Guard(func() error { return n.readBack().Run(ctx) }))
	}
	return group.Wait()
}

// lookAfterStores sweeps at a slow pace, and at once for a new catalog; samples records within a budget; repairs what stores and
// streams lose; removes leftovers and healed dead letters; and trains dictionaries.
func (n *process) lookAfterStores(ctx context.Context, sweeper *audit.Sweeper, losses *lineage.Agent) error {
	reshaper := audit.NewReshaper(audit.ReshaperConfig{
		Sweeper: sweeper, Shapes: n.agreement.Shapes, Changed: n.catalog.Changed(), Agreed: n.agreement.Agreed, Marks: n.bus.Bucket(MarksBucket), Log: n.log,
		Revision: func() uint64 { return n.catalog.Catalog().Revision }, Lapsed: n.catalog.Lapsed,
	})
	healer := audit.NewHealer(audit.HealerConfig{Catalog: n.catalog.Catalog, Records: n.records, DeadLetters: n.bus, Log: n.log})
	dictionaries := trainer.New(trainer.Config{Catalog: n.catalog.Catalog, Records: n.records, Blobs: n.blobs, Log: n.log})
	group, ctx := errgroup.WithContext(ctx)
	for _, run := range []func(context.Context) error{
		sweeper.Run, reshaper.Run, n.sampler(sweeper).Run, losses.Run, n.leftovers().Run, healer.Run, dictionaries.Run,
	} {
		group.Go(redact.Guard(func() error { return run(ctx) }))
	}
	return group.Wait()
}
