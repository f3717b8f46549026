package node

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"vitrine/internal/poller"
)

// poller asks systems that never notify. The process has a store of records.
func (n *process) poller() *poller.Poller {
	m := newPolls()
	n.metrics.MustRegister(m.turns, m.requests, m.items, m.changes)
	return poller.New(poller.Config{
		Catalog: n.catalog.Catalog, Upstream: n.upstream, Records: n.records, Bus: n.bus, Notes: n.bus.Bucket(MarksBucket), Log: n.log,
		Counted: m.counted, Clock: func() time.Time { return time.Now().Add(n.bus.Ahead()) },
	})
}

// polls are the poller's metrics.
type polls struct {
	turns    *prometheus.CounterVec
	requests *prometheus.CounterVec
	items    *prometheus.CounterVec
	changes  *prometheus.CounterVec
}

func newPolls() polls {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "vitrine_poll_" + name, Help: help}, labels)
	}
	m := polls{
		turns:    counter("turns_total", "Polls by this process, by outcome: done, failed, anew (the upstream refused the position, and the whole list was announced).", "outcome", "poll"),
		requests: counter("requests_total", "Requests of polls.", "poll"),
		items:    counter("items_total", "Items that these listed.", "poll"),
		changes:  counter("changes_total", "Changes that polls announced.", "poll"),
	}
	return m
}

func (m polls) counted(poll, outcome string, c poller.Cost) {
	m.turns.WithLabelValues(outcome, poll).Inc()
	m.requests.WithLabelValues(poll).Add(float64(c.Requests))
	m.items.WithLabelValues(poll).Add(float64(c.Items))
	m.changes.WithLabelValues(poll).Add(float64(c.Changes))
}
