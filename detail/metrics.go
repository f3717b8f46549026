package detail

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"vitrine/detail/blobcache"
	"vitrine/internal/label"
	"vitrine/templates"
)

// mostNames is how many pages, live parts and places in templates are told apart. All others are label.Other.
const mostNames = 100

// Names of the metrics that signals of rules are computed from.
const (
	RequestsMetric = namePrefix + requestsTotal
	ShedMetric     = namePrefix + shedTotal
)

const (
	namespace  = "vitrine"
	subsystem  = "detail"
	namePrefix = namespace + "_" + subsystem + "_"

	requestsTotal = "requests_total"
	shedTotal     = "shed_total"
)

// metrics are named vitrine_detail_*.
type metrics struct {
	requests *prometheus.CounterVec // route, code
	rules    *prometheus.CounterVec // page: rules that could not be evaluated
	renders  *prometheus.CounterVec // template, line: where pages failed
	negative *prometheus.CounterVec // path: negative amounts and quantities of pages that were made
	parts    *prometheus.CounterVec // part, state: live parts by what they showed

	// Bounds of the labels that come from the catalog and the templates.
	pageNames, partNames, places *label.Bound

	fastPath          prometheus.Counter // requests that the fast path answered
	fallbacks         prometheus.Counter // pages that fallback templates rendered
	panics            prometheus.Counter // of handlers
	former            prometheus.Counter // pages in the form of before the last change
	stale             prometheus.Counter // answers that may be older than what was announced
	shed              prometheus.Counter // responses of 5xx because a switch is off
	refused           prometheus.Counter // pages that were not made because too many were being made
	pageHit, pageMiss prometheus.Counter // of the cache of pages
	pageOK            prometheus.Counter // requests for pages that were answered by 200
	pageRefused       prometheus.Counter // the same by 429

	trips prometheus.Histogram // batches asked of tiers, one after another, for each page that was not in memory
}

func newMetrics(blobs *blobcache.Cache) *metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: namespace, Subsystem: subsystem, Name: name, Help: help}, labels)
	}
	single := func(name, help string) prometheus.Counter { return counter(name, help).WithLabelValues() }
	m := &metrics{
		requests: counter(requestsTotal, "Requests by route and status code.", "route", "code"),
		rules:    counter("rule_errors_total", "Rules that could not be evaluated and so did not match.", "page"),
		renders:  counter("template_errors_total", "Pages that the templates in force failed on, by where.", "template", "line"),
		negative: counter("negative_values_total", "Pages made whose amount or quantity is negative, which the theme treats as absent.", "path"),
		parts:    counter("live_parts_total", "Live parts by the state they were shown in.", "part", "state"),

		pageNames: label.NewBound(mostNames), partNames: label.NewBound(mostNames), places: label.NewBound(mostNames),
	}
	m.pageRefused = m.requests.WithLabelValues("page", "429")
	m.pageOK = m.requests.WithLabelValues("page", "200")
	m.fastPath = single("hot_total", "Requests that were answered inside the connection's read, without net/http.")
	m.fallbacks = single("template_stand_ins_total", "Pages that earlier templates or the theme rendered, since those in force failed on them.")
	m.panics = single("panics_total", "Handlers that panicked.")
	m.former = single("former_pages_total", "Pages that were answered in the form of before a change of catalog, templates or switches.")
	m.stale = single("stale_answers_total", "Answers marked X-Vitrine-Stale: they may be older than what was announced.")
	m.shed = single(shedTotal, "Answers of 5xx because a switch is off, which are no errors.")
	m.refused = single("pages_refused_total", "Pages that were not made, since too many were being made.")
	m.trips = prometheus.NewHistogram(prometheus.HistogramOpts{
		Namespace: namespace, Subsystem: subsystem, Name: "page_trips", Buckets: []float64{0, 1, 2, 3, 5, 8},
		Help: "Batches asked of the tiers, one after another, for each page that was not in memory whole."})
	m.pageHit, m.pageMiss = blobs.HitsAndMisses(pageTier)
	return m
}

// register adds the metrics of a server to its registry.
func (s *Server) register() error {
	gauge := func(name, help string, value func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: namespace, Subsystem: subsystem, Name: name, Help: help}, value)
	}
	counter := func(name, help string, value func() int64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{Namespace: namespace, Subsystem: subsystem, Name: name, Help: help},
			func() float64 { return float64(value()) })
	}
	m := s.metrics
	all := []prometheus.Collector{
		m.requests, m.rules, m.renders, m.negative, m.fallbacks, m.parts, m.stale, m.shed, m.refused, m.fastPath, m.panics, m.trips, m.former,
		gauge("page_bytes", "Bytes of whole pages in memory.", s.pages.Bytes),
		gauge("former_pages_left_seconds", "For how long pages may still be answered in the form of before the last change.", s.formerLeft),
		gauge("connections", "Connections that visitors and proxies have open.", func() float64 { return float64(s.admission.Connections().Count()) }),
		counter("template_uncompiled_total", "Pages that html/template rendered since the templates in force have constructs that are not compiled; from 0 with each set.", func() int64 {
			if set := s.config.Templates(); set != nil {
				return set.Uncovered()
			}
			return 0
		}),
		counter("connections_evicted_total", "Waiting connections that were closed to make room for others.", s.admission.Connections().Evicted),
	}
	if s.config.Access != nil {
		all = append(all, counter("access_log_dropped_total", "Lines that the access log did not take.", s.config.Access.Dropped))
	}
	all = append(all, s.gearMetrics()...)
	for _, c := range append(all, s.blobs.Collectors()...) {
		if err := s.config.Registry.Register(c); err != nil {
			return err
		}
	}
	return nil
}

// gearMetrics say which levels pages are compressed at, and by what figures they are chosen.
func (s *Server) gearMetrics() (all []prometheus.Collector) {
	for _, g := range s.encoder.Gears() {
		options := func(name, help string) prometheus.Opts {
			return prometheus.Opts{Namespace: namespace, Subsystem: subsystem, Name: name, Help: help,
				ConstLabels: prometheus.Labels{"coding": g.Coding().Name(), "level": strconv.Itoa(g.Level())}}
		}
		all = append(all,
			prometheus.NewCounterFunc(prometheus.CounterOpts(options("compressed_total", "Answers that were compressed, by coding and level.")), g.Pages),
			prometheus.NewGaugeFunc(prometheus.GaugeOpts(options("compression_seconds_per_byte", "Time that a level takes for a byte, as measured lately.")), g.SecondsPerByte),
			prometheus.NewGaugeFunc(prometheus.GaugeOpts(options("compression_left_ratio", "Share of the bytes that a level leaves, as measured lately.")), g.Left))
	}
	return all
}

// countPage counts a page that the fast path served.
func (m *metrics) countPage(status int) {
	if status == http.StatusOK {
		m.pageOK.Inc()
		return
	}
	m.request("page", status)
}

func (m *metrics) request(route string, code int) {
	m.requests.WithLabelValues(route, strconv.Itoa(code)).Inc()
}

// answered counts a response.
func (m *metrics) answered(route string, code int, h http.Header) {
	m.request(route, code)
	if isStale(h) {
		m.stale.Inc()
	}
}

// ruleFailed counts a rule of a page that could not be evaluated.
func (m *metrics) ruleFailed(page string) { m.rules.WithLabelValues(m.pageNames.Of(page)).Inc() }

// partShown counts a live part.
func (m *metrics) partShown(part, state string) {
	m.parts.WithLabelValues(m.partNames.Of(part), state).Inc()
}

// renderFailed counts a page that the templates in force failed on.
func (m *metrics) renderFailed(f *templates.Fault) {
	file, line := strings.ToValidUTF8(f.File, "\ufffd"), strconv.Itoa(f.Line)
	if m.places.Of(file+":"+line) == label.Other {
		file, line = label.Other, "0"
	}
	m.renders.WithLabelValues(file, line).Inc()
}
