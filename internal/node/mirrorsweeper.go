package node

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"

	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/leftovers"
	"vitrine/internal/mirror"
)

// mirrorSweeper creates the agent that removes from a server's own file what workers have removed from the store.
func (n *process) mirrorSweeper(own *mirror.File) *mirror.Sweeper {
	swept := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "vitrine_mirror_swept_total", Help: "What a sweep of this server's own file found that the store has no more: blobs removed, entities asked for.",
	}, []string{"what"})
	n.metrics.MustRegister(swept)
	for _, what := range []string{mirror.Removed, mirror.Asked} {
		swept.WithLabelValues(what)
	}
	return mirror.NewSweeper(mirror.SweeperConfig{
		File: own, From: n.blobs, Log: n.log,
		Catalog: func(ctx context.Context) (*catalog.Catalog, error) {
			err := n.catalog.Head(ctx)
			return n.catalog.Catalog(), err
		},
		Removals: func(ctx context.Context) (uint64, error) { return leftovers.Removals(ctx, n.bus.Bucket(MarksBucket)) },
		Ask:      func(ctx context.Context, entities []item.Entity) error { return n.ask(ctx, item.Refresh, entities) },
		OnSwept:  func(what string, found int) { swept.WithLabelValues(what).Add(float64(found)) },
	})
}
