package blobcache

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"vitrine/internal/kv"
)

// SecondsMetric is the name of the metric of how long tiers take, from which signals of rules are computed.
const SecondsMetric = "vitrine_detail_tier_seconds"

// metrics are named vitrine_detail_*, like all of the detail server.
type metrics struct {
	keys      *prometheus.CounterVec   // by tier and result: hit, miss and damaged for each key, error and skipped for each batch
	latency   *prometheus.HistogramVec // by tier
	hit, miss prometheus.Counter       // of memory; each read counts them, so they are looked up once
}

func newMetrics() *metrics {
	m := &metrics{
		keys: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: "vitrine", Subsystem: "detail", Name: "tier_keys_total", Help: "Keys asked of a tier, by what came of it.",
		}, []string{"tier", "result"}),
		latency: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    SecondsMetric,
			Help:    "Time of one batch asked of a tier.",
			Buckets: []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1},
		}, []string{"tier"}),
	}
	m.hit, m.miss = m.keys.WithLabelValues(LocalTier, "hit"), m.keys.WithLabelValues(LocalTier, "miss")
	return m
}

// Collectors returns the metrics of the cache.
func (c *Cache) Collectors() []prometheus.Collector {
	size := prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "vitrine", Subsystem: "detail", Name: "local_bytes", Help: "Bytes in the local cache."}, c.local.bytes)
	return []prometheus.Collector{c.metrics.keys, c.metrics.latency, size}
}

// HitsAndMisses returns the counters of a tier that is asked before the cache.
func (c *Cache) HitsAndMisses(tier string) (hits, misses prometheus.Counter) {
	return c.metrics.keys.WithLabelValues(tier, "hit"), c.metrics.keys.WithLabelValues(tier, "miss")
}

// batch counts one batch asked of a tier.
func (m *metrics) batch(tier string, took time.Duration, blobs []kv.Blob, err error) {
	switch {
	case errors.Is(err, errOpen) || errors.Is(err, errBudget):
		m.keys.WithLabelValues(tier, "skipped").Inc()
		return
	case err != nil:
		m.keys.WithLabelValues(tier, "error").Inc()
	}
	m.latency.WithLabelValues(tier).Observe(took.Seconds())
	for _, b := range blobs {
		m.keys.WithLabelValues(tier, outcome(b)).Inc()
	}
}

func outcome(b kv.Blob) string {
	switch {
	case b.Damaged:
		return "damaged"
	case b.Existence == kv.Absent:
		return "miss"
	}
	return "hit"
}
