package node

import (
	"vitrine/internal/bus"
	"vitrine/internal/control"
	"vitrine/internal/metrics"
	"vitrine/internal/upstream"
)

// measured holds the metrics that several parts of the process feed.
type measured struct {
	upstreamMetrics *metrics.Upstreams
	storeMetrics    *metrics.Stores // nil until there is a store to ask
}

// observe counts a call of an upstream.
func (n *process) observe(c upstream.Call) {
	n.automaton.Observe(c)
	n.upstreamMetrics.Observe(c)
}

// measure registers the metrics of every process. The catalog and NATS must be available.
func (n *process) measure() {
	metrics.Process{
		Connected: n.bus.Connected,
		Stores:    n.bus.Stores,
		Switches: func() uint64 {
			var r control.Report
			n.board.Describe(&r)
			return r.Revision
		},
		Catalog: func() uint64 {
			if c := n.catalog.Catalog(); c != nil {
				return c.Revision
			}
			return 0
		},
	}.Register(n.metrics)
}

// measureQueues adds the metrics of the queues, once for all stages of the process, and the load of each of its roles that works on them.
func (n *process) measureQueues(roles ...string) {
	queues := metrics.NewQueues(n.metrics, n.bus.Depths)
	n.start(queues.Run)
	streams := map[string]string{"heterog": bus.Changes, "syncer": bus.Syncs}
	for _, role := range roles {
		n.start(metrics.NewLoad(n.metrics, role, func() float64 { return queues.Backlog(streams[role]) }).Run)
	}
}
