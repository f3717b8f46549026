package node

import (
	"context"

	"vitrine/internal/audit"
	"vitrine/internal/lineage"
	"vitrine/internal/rooms"
)

// lineage creates the agent that repairs losses of stores and streams.
func (n *process) lineage(s *audit.Sweeper) *lineage.Agent {
	cfg := lineage.Config{
		Catalog: n.catalog.Catalog, Records: n.records, Blobs: n.blobs, Upstream: n.upstream, Bus: n.bus,
		Bucket: n.bus.Bucket(MarksBucket), Log: n.log,
		Refused: func(kind string, ids int) { n.audits.refused.WithLabelValues(kind).Add(float64(ids)) },
		Mended: func(ctx context.Context) error {
			_, err := s.Referred(ctx)
			return err
		},
	}
	cfg.Gaps = func(ctx context.Context) (map[string]uint64, error) { return rooms.Gaps(ctx, cfg.Bucket) }
	if n.running != nil {
		cfg.Machine = n.running
	}
	return lineage.New(cfg)
}
