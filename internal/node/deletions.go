package node

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"vitrine/heterog"
	"vitrine/internal/bus"
	"vitrine/internal/pause"
)

// deletionWatch looks after held deletions: it counts them, and announces them again when the upstream that caused them
// answers as before.
type deletionWatch struct {
	node   *process
	worker *heterog.Worker
	held   *bus.Deletions
	gauge  *prometheus.GaugeVec
}

const deletionsEvery = 5 * time.Second

func newDeletionWatch(n *process, w *heterog.Worker) *deletionWatch {
	d := &deletionWatch{node: n, worker: w, held: n.bus.Deletions(), gauge: prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "vitrine_deletions_held", Help: "Deletions that wait, since their upstream says that much of what it had is gone.",
	}, []string{"kind", "dimension"})}
	n.metrics.MustRegister(d.gauge)
	return d
}

// Run checks held deletions until ctx ends.
func (d *deletionWatch) Run(ctx context.Context) error {
	if err := d.node.catalog.Wait(ctx); err != nil {
		return nil
	}
	defer d.gauge.Reset() // another process counts then
	pause.Every(ctx, deletionsEvery, func() {
		if err := d.check(ctx); err != nil && ctx.Err() == nil {
			d.node.log.Warn("look after held deletions", "error", err)
		}
	})
	return nil
}

func (d *deletionWatch) check(ctx context.Context) error {
	list, err := d.held.List(ctx)
	if err != nil {
		return err
	}
	d.gauge.Reset()
	for _, h := range list {
		d.gauge.WithLabelValues(h.Kind, h.Dimension).Set(float64(h.Waiting))
		switch {
		case !h.Holds(): // a worker was late
			_, err = d.held.Announce(ctx, h.Kind, h.Dimension)
		case d.worker.Recovered(ctx, h):
			var n int
			n, err = d.held.Resume(ctx, h.Kind, h.Dimension)
			d.node.log.Warn("an upstream knows again what it said was gone; deletions that waited are asked for again",
				"dimension", h.Kind+"."+h.Dimension, "changes", n)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
