package control

import (
	"context"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"vitrine/detail"
	"vitrine/detail/blobcache"
	"vitrine/internal/bus"
	"vitrine/internal/item"
	"vitrine/internal/metrics"
	"vitrine/internal/upstream"
)

// signals are the inputs of rules, as they were over the last second.
type signals struct {
	metrics prometheus.Gatherer
	last    time.Time
	cpu     time.Duration
	values  map[string]float64
	before  map[string]float64 // the counters a second ago

	mu    sync.Mutex // guards calls
	calls map[string]*callCount
}

type callCount struct{ all, failed float64 }

// observe counts a call of an upstream.
func (s *signals) observe(c upstream.Call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	count := s.calls[c.Upstream]
	if count == nil {
		count = &callCount{}
		s.calls[c.Upstream] = count
	}
	count.all++
	if c.Status == 0 || c.Status >= 500 {
		count.failed++
	}
}

func (s *signals) get(name string) (float64, bool) {
	v, ok := s.values[name]
	return v, ok
}

// measure reads the process's own metrics, and computes rates from its counters.
func (s *signals) measure() {
	now, cpu := time.Now(), metrics.CPUTime()
	values, counters := map[string]float64{}, map[string]float64{}
	if passed := now.Sub(s.last); !s.last.IsZero() && passed > 0 {
		values["cpu"] = (cpu - s.cpu).Seconds() / passed.Seconds() / metrics.Processors()
	}
	s.last = now
	s.cpu = cpu
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	values["memory"] = float64(memory.Sys-memory.HeapReleased) / (1 << 20)
	s.gather(counters)
	since := func(name string) float64 { return counters[name] - s.before[name] }
	if answers := since("answers"); answers > 0 {
		values["errors"] = max(0, since("errors")) / answers // the two counters are not read at the same moment
	} else {
		values["errors"] = 0
	}
	for name := range counters {
		if tier, ok := strings.CutPrefix(name, "batches."); ok && since(name) > 0 {
			values["latency."+tier] = 1000 * since("seconds."+tier) / since(name)
		}
		if up, ok := strings.CutPrefix(name, "calls."); ok && since(name) > 0 {
			values["upstream."+up] = since("failed."+up) / since(name)
		}
	}
	s.before = counters
	s.values = values
}

// gather sums up the counters on which signals are based.
func (s *signals) gather(counters map[string]float64) {
	families, err := s.metrics.Gather()
	if err != nil {
		return
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			label := map[string]string{}
			for _, l := range m.GetLabel() {
				label[l.GetName()] = l.GetValue()
			}
			switch f.GetName() {
			case detail.RequestsMetric:
				counters["answers"] += m.GetCounter().GetValue()
				if strings.HasPrefix(label["code"], "5") {
					counters["errors"] += m.GetCounter().GetValue()
				}
			case detail.ShedMetric: // shed by a switch; otherwise a rule that sheds would keep its switch thrown
				counters["errors"] -= m.GetCounter().GetValue()
			case blobcache.SecondsMetric:
				counters["batches."+label["tier"]] += float64(m.GetHistogram().GetSampleCount())
				counters["seconds."+label["tier"]] += m.GetHistogram().GetSampleSum()
			}
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, c := range s.calls {
		counters["calls."+name], counters["failed."+name] = c.all, c.failed
	}
}

// queue asks NATS for the length of the queues, which is unknown while NATS is away.
func (s *signals) queue(ctx context.Context, conn *bus.Conn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), pushWithin)
	defer cancel()
	depths, err := conn.Depths(ctx)
	if err != nil {
		return
	}
	lanes := depths[bus.Changes].Lanes
	s.values["queue"] = float64(lanes[item.High].Waiting + lanes[item.Normal].Waiting)
}
