package node

import (
	"context"
	"fmt"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"

	"vitrine/internal/audit"
	"vitrine/internal/bus"
	"vitrine/internal/item"
	"vitrine/internal/leftovers"
)

// FoundLeftovers is what /leftovers answers.
type FoundLeftovers struct {
	Revision  uint64               `json:"revision"` // of the catalog in force
	Leftovers []leftovers.Leftover `json:"leftovers"`
}

// leftovers answers /leftovers.
func (a *admin) leftovers(w http.ResponseWriter, r *http.Request) {
	if a.node.catalog.Catalog() == nil || a.node.records == nil {
		writeJSON(w, nil, fmt.Errorf("%w: no catalog, or no store of records, here", item.ErrUnavailable))
		return
	}
	found, head, err := a.node.leftovers().Found(r.Context())
	writeJSON(w, FoundLeftovers{head, found}, err)
}

// leftovers creates the agent that removes what earlier catalogs left behind.
func (n *process) leftovers() *leftovers.Agent {
	return leftovers.New(leftovers.Config{
		Eras: n.catalog.Eras, Agreed: n.agreement.Agreed, Settled: n.catalogSettled, Records: n.records, Blobs: n.blobs, Bus: n.bus,
		Marks: n.bus.Bucket(MarksBucket), Log: n.log,
		OnRemoved: func(what string, removed int) { n.audits.leftovers.WithLabelValues(what).Add(float64(removed)) },
	})
}

// catalogSettled reports whether everything is built for the catalog in force: a sweep for it has ended, and the
// changes it announced are handled.
func (n *process) catalogSettled(ctx context.Context) (bool, error) {
	swept, err := audit.SweptFor(ctx, n.bus.Bucket(MarksBucket), n.agreement.Shapes())
	if err != nil || !swept {
		return false, err
	}
	depths, err := n.bus.Depths(ctx)
	if err != nil {
		return false, err
	}
	for _, stream := range []string{bus.Changes, bus.Syncs} {
		if lane := depths[stream].Lanes[item.Refresh]; lane.Waiting+lane.InFlight > 0 {
			return false, nil
		}
	}
	return n.bus.Idle(ctx, item.Refresh)
}

func newLeftoversCounter() *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "vitrine_leftovers_removed_total", Help: "What earlier catalogs left behind and was removed: record, blob, or list (its keys).",
	}, []string{"what"})
}
