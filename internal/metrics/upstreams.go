package metrics

import (
	"maps"
	"slices"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"vitrine/internal/breaker"
	"vitrine/internal/catalog"
	"vitrine/internal/upstream"
)

// mostUpstreams is how many upstreams have labels of their own. All others, and those of no catalog in force, count as
// otherUpstream, which can't be an upstream's name.
const (
	mostUpstreams = 200
	otherUpstream = "(other)"
)

// Upstreams counts and times the calls of upstreams.
type Upstreams struct {
	calls    *prometheus.CounterVec   // upstream, pool, use, outcome
	took     *prometheus.HistogramVec // upstream, pool, use
	state    *prometheus.Desc         // upstream, pool, use, state
	breakers func() []upstream.BreakerState

	mu    sync.RWMutex // guards named; a call is counted while no name is being removed
	named map[string]bool
}

// NewUpstreams registers the metrics. breakers is called at each scrape, and not before.
func NewUpstreams(r prometheus.Registerer, breakers func() []upstream.BreakerState) *Upstreams {
	u := &Upstreams{
		breakers: breakers,
		calls:    counters("upstream_calls_total", "Calls of upstreams, by what they were for and how they ended.", "upstream", "pool", "use", "outcome"),
		took: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: namespace, Name: "upstream_call_duration_seconds", Help: "Time of a call of an upstream, to the end of its answer.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}, []string{"upstream", "pool", "use"}),
		state: describe("upstream_breaker_state", "1 for the state that a breaker is in, 0 for the others.", "upstream", "pool", "use", "state"),
	}
	r.MustRegister(u)
	return u
}

// Declare keeps the upstreams of the catalog in force, and forgets all others.
func (u *Upstreams) Declare(c *catalog.Catalog) {
	named := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(c.Upstreams)) {
		if len(named) == mostUpstreams {
			break
		}
		named[name] = true
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	for name := range u.named {
		if !named[name] {
			u.calls.DeletePartialMatch(prometheus.Labels{"upstream": name})
			u.took.DeletePartialMatch(prometheus.Labels{"upstream": name})
		}
	}
	u.named = named
}

// Observe counts a call.
func (u *Upstreams) Observe(c upstream.Call) {
	u.mu.RLock()
	defer u.mu.RUnlock()
	name, pool := c.Upstream, c.Pool
	if !u.named[name] {
		name = otherUpstream
		pool = ""
	}
	u.calls.WithLabelValues(name, pool, string(c.Use), c.Outcome()).Inc()
	u.took.WithLabelValues(name, pool, string(c.Use)).Observe(c.Took.Seconds())
}

// Describe implements prometheus.Collector.
func (u *Upstreams) Describe(to chan<- *prometheus.Desc) {
	u.calls.Describe(to)
	u.took.Describe(to)
	to <- u.state
}

// Collect implements prometheus.Collector.
func (u *Upstreams) Collect(to chan<- prometheus.Metric) {
	u.calls.Collect(to)
	u.took.Collect(to)
	u.mu.RLock()
	named := u.named
	u.mu.RUnlock()
	for _, b := range u.breakers() {
		if !named[b.Upstream] {
			continue
		}
		for _, state := range breaker.States() {
			to <- prometheus.MustNewConstMetric(u.state, prometheus.GaugeValue, number(b.State == state), b.Upstream, b.Pool, string(b.Use), state)
		}
	}
}
