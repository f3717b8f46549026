package control

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// TestAShedRequestIsNoError proves that responses of 503 caused by a switch do not raise the signal "errors". Otherwise
// a rule that sheds load would keep itself in force.
func TestAShedRequestIsNoError(t *testing.T) {
	metrics := prometheus.NewRegistry()
	requests := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "vitrine_detail_requests_total"}, []string{"route", "code"})
	shed := prometheus.NewCounter(prometheus.CounterOpts{Name: "vitrine_detail_shed_total"})
	metrics.MustRegister(requests, shed)
	s := signals{metrics: metrics, calls: map[string]*callCount{}}
	s.measure()
	requests.WithLabelValues("item", "200").Add(60)
	requests.WithLabelValues("live", "503").Add(40)
	shed.Add(30)
	s.measure()
	if got, _ := s.get("errors"); got != 0.1 {
		t.Errorf("of 100 answers 40 are 503, 30 of them wished: errors is %v, not 0.1", got)
	}
}
