package metrics_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// series returns what a registry exports under a name, by label values in the order of the labels' names: "value,
// value".
func series(t *testing.T, r *prometheus.Registry, name string) map[string]*dto.Metric {
	t.Helper()
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]*dto.Metric{}
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() { // sorted by name
				labels = append(labels, l.GetValue())
			}
			all[strings.Join(labels, ", ")] = m
		}
	}
	return all
}

// values returns the values of counters and gauges.
func values(t *testing.T, r *prometheus.Registry, name string) map[string]float64 {
	t.Helper()
	all := map[string]float64{}
	for labels, m := range series(t, r, name) {
		all[labels] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
	}
	return all
}

// labelled returns, sorted, the values that a label has in what a registry exports under a name.
func labelled(t *testing.T, r *prometheus.Registry, name, label string) (all []string) {
	t.Helper()
	for _, m := range series(t, r, name) {
		for _, l := range m.GetLabel() {
			if l.GetName() == label {
				all = append(all, l.GetValue())
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}
