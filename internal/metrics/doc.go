// Package metrics declares the Prometheus metrics of a process's work, queues, stores and upstreams. Package detail
// declares those of its pages.
//
// No label holds an id, or a name that outsiders can choose: lanes, verdicts, reasons and outcomes are fixed sets,
// which are all exported from the start, at 0. Upstreams are those of the catalog in force, up to a bound. An agent
// asks servers for their figures, so that a scrape never waits.
package metrics

import "github.com/prometheus/client_golang/prometheus"

const namespace = "vitrine"

func counters(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}, labels)
}

func gauge(name, help string, value func() float64) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: namespace, Name: name, Help: help}, value)
}

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(namespace+"_"+name, help, labels, nil)
}

// number is 1 for true.
func number(is bool) float64 {
	if is {
		return 1
	}
	return 0
}
