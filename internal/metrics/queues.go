package metrics

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"vitrine/internal/bus"
	"vitrine/internal/item"
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

	mu      sync.Mutex // guards all below
	known   map[string]bus.Depth
	at      time.Time          // when it was
	seconds map[string]float64 // by stream, how long what waits will take
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
		q.look(known, time.Now())
	})
	return nil
}

// look takes what the queues hold at a time.
func (q *Queues) look(known map[string]bus.Depth, at time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.seconds = map[string]float64{}
	for stream, depth := range known {
		q.seconds[stream] = remaining(q.known[stream], depth, at.Sub(q.at))
	}
	q.known, q.at = known, at
}

// remaining is how many seconds it will take to hand out what waits in the lanes high and normal, at the pace of the time since before;
// 0 where nothing was handed out in that time. Then something else is wrong: the store is away, or a switch is off.
func remaining(before, now bus.Depth, passed time.Duration) float64 {
	var waiting, handed float64
	for _, lane := range []item.Lane{item.High, item.Normal} {
		waiting += float64(now.Lanes[lane].Waiting)
		handed += float64(now.Handed[lane]) - float64(before.Handed[lane])
	}
	if before.Handed == nil || handed <= 0 || passed <= 0 {
		return 0
	}
	return waiting / handed * passed.Seconds()
}

// A backlog of fullBacklog is 1. It is mostBacklog at most: hours of work are no reason to start a hundred processes at once.
const (
	fullBacklog = 10 * time.Second
	mostBacklog = 2
)

// Backlog is how much waits in the lanes high and normal of a stream, for what works on it: 1 means that it will take ten seconds. What is
// parked does not count, since it waits for its upstream.
func (q *Queues) Backlog(stream string) float64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return min(mostBacklog, q.seconds[stream]/fullBacklog.Seconds())
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
