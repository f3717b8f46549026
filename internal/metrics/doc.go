// Package metrics declares what a process tells Prometheus of its work, its queues, its stores and its upstreams. What a
// detail server tells of its pages is declared in package detail.
//
// No label takes an id, or a name that somebody from outside can choose at will: lanes, verdicts, reasons and outcomes are
// fixed sets, each of which is there from the start, at 0; upstreams are those of the catalog in force, up to a bound. What has to be asked of
// a server is asked by an agent, so that a scrape waits for nobody.
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
