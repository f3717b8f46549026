package metrics

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"vitrine/internal/bus"
)

// queuesEvery is the interval at which servers are asked, and statsTimeout how long one may take to answer.
const (
	queuesEvery  = 5 * time.Second
	statsTimeout = 2 * time.Second
)

// each calls ask at once and at every beat, until ctx ends.
func each(ctx context.Context, ask func(context.Context)) {
	tick := time.NewTicker(queuesEvery)
	defer tick.Stop()
	for {
		within, cancel := context.WithTimeout(ctx, statsTimeout)
		ask(within)
		cancel()
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Queues exports the lengths of the queues, some seconds old. While NATS does not answer it exports nothing.
type Queues struct {
	depths func(context.Context) (map[string]bus.Depth, error)

	messages, stored *prometheus.Desc

	mu    sync.Mutex // guards known
	known map[string]bus.Depth
}

// NewQueues registers the metrics; Run calls depths, which gives the lengths by stream.
func NewQueues(r prometheus.Registerer, depths func(context.Context) (map[string]bus.Depth, error)) *Queues {
	q := &Queues{
		depths:   depths,
		messages: describe("queue_messages", "Messages of a work queue by lane: waiting, or in_flight (in work, or waiting for another attempt).", "stream", "lane", "state"),
		stored:   describe("queue_stored_messages", "All messages that a stream holds, with those scheduled for a later time.", "stream"),
	}
	r.MustRegister(q)
	return q
}

// Run asks until ctx ends.
func (q *Queues) Run(ctx context.Context) error {
	each(ctx, func(ctx context.Context) {
		known, err := q.depths(ctx)
		if err != nil {
			known = nil
		}
		q.mu.Lock()
		q.known = known
		q.mu.Unlock()
	})
	return nil
}

// Describe implements prometheus.Collector.
func (q *Queues) Describe(to chan<- *prometheus.Desc) {
	to <- q.messages
	to <- q.stored
}

// Collect implements prometheus.Collector.
func (q *Queues) Collect(to chan<- prometheus.Metric) {
	q.mu.Lock()
	known := q.known
	q.mu.Unlock()
	value := func(d *prometheus.Desc, n uint64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(n), labels...)
	}
	for stream, depth := range known {
		value(q.stored, depth.Stored, stream)
		for lane, count := range depth.Lanes {
			value(q.messages, count.Waiting, stream, string(lane), "waiting")
			value(q.messages, count.InFlight, stream, string(lane), "in_flight")
		}
	}
}
