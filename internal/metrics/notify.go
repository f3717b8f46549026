package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"vitrine/internal/notify"
)

// Notify counts notifications that came by HTTP.
type Notify struct {
	requests *prometheus.CounterVec // outcome
	changes  *prometheus.CounterVec // outcome
}

// NewNotify registers the metrics.
func NewNotify(r prometheus.Registerer) *Notify {
	n := &Notify{
		requests: counters("notify_requests_total", "Requests to the listener of --notify, by outcome.", "outcome"),
		changes:  counters("notify_changes_total", "Changes in these requests, by whether NATS took them or they were refused.", "outcome"),
	}
	for _, outcome := range notify.Outcomes() {
		n.requests.WithLabelValues(outcome)
	}
	for _, outcome := range []string{notify.Taken, notify.Refused} {
		n.changes.WithLabelValues(outcome)
	}
	r.MustRegister(n.requests, n.changes)
	return n
}

// Counted counts a request.
func (n *Notify) Counted(outcome string, taken, refused int) {
	n.requests.WithLabelValues(outcome).Inc()
	n.changes.WithLabelValues(notify.Taken).Add(float64(taken))
	n.changes.WithLabelValues(notify.Refused).Add(float64(refused))
}
