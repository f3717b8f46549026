package metrics

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"vitrine/internal/bus"
	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/syncer"
)

// stage counts the work of one stage.
type stage struct {
	handled     *prometheus.CounterVec // lane, verdict
	deadLetters *prometheus.CounterVec // reason
}

func newStage(r prometheus.Registerer, name string) stage {
	s := stage{
		handled:     counters("work_handled_total", "Changes and folds that were handled, by what became of them.", "lane", "verdict"),
		deadLetters: counters("dead_letters_total", "Dead letters that were written, by the class of what was wrong.", "reason"),
	}
	for _, lane := range item.Lanes() {
		for _, verdict := range bus.Verdicts() {
			s.handled.WithLabelValues(string(lane), verdict)
		}
	}
	for _, r := range reasons() {
		s.deadLetters.WithLabelValues(r.name)
	}
	s.deadLetters.WithLabelValues(otherReason)
	prometheus.WrapRegistererWith(prometheus.Labels{"stage": name}, r).MustRegister(s.handled, s.deadLetters)
	return s
}

// Handled counts a task.
func (s stage) Handled(h bus.Handled) {
	if h.Lane != "" { // "" means that it came from no lane
		s.handled.WithLabelValues(string(h.Lane), h.Verdict).Inc()
	}
	if h.Verdict == bus.VerdictFail {
		s.deadLetters.WithLabelValues(reasonOf(h.Err)).Inc()
	}
}

// reason names a class of errors.
type reason struct {
	class error
	name  string
}

const otherReason = "other"

func reasons() [6]reason {
	return [...]reason{
		{item.ErrSubject, "subject"},
		{item.ErrUnknown, "unknown"},
		{item.ErrName, "name"},
		{item.ErrID, "id"},
		{item.ErrVersion, "version"},
		{item.ErrRefused, "refused"},
	}
}

func reasonOf(err error) string {
	for _, r := range reasons() {
		if errors.Is(err, r.class) {
			return r.name
		}
	}
	return otherReason
}

// Heterog counts the work of heterog.
type Heterog struct {
	stage
	records *prometheus.CounterVec // outcome
}

// NewHeterog registers the metrics.
func NewHeterog(r prometheus.Registerer) *Heterog {
	h := &Heterog{
		stage:   newStage(r, "heterog"),
		records: counters("records_written_total", "Records that were put, by outcome.", "outcome"),
	}
	for _, o := range []kv.Outcome{0, kv.Applied, kv.Same, kv.Changed} {
		h.records.WithLabelValues(recordOutcome(o))
	}
	r.MustRegister(h.records)
	return h
}

// Wrote counts a record.
func (h *Heterog) Wrote(o kv.Outcome) { h.records.WithLabelValues(recordOutcome(o)).Inc() }

func recordOutcome(o kv.Outcome) string {
	switch o {
	case kv.Applied:
		return "changed"
	case kv.Same:
		return "same"
	case kv.Changed:
		return "overtaken"
	}
	return "failed"
}

// Syncer counts the work of the syncer.
type Syncer struct {
	stage
	blobs   *prometheus.CounterVec   // outcome
	visible *prometheus.HistogramVec // lane
}

// NewSyncer registers the metrics.
func NewSyncer(r prometheus.Registerer) *Syncer {
	s := &Syncer{
		stage: newStage(r, "syncer"),
		blobs: counters("blobs_written_total", "Blobs that were put, by outcome.", "outcome"),
		visible: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: namespace, Name: "change_visible_seconds",
			Help:    "Time from a change to the announcement of the blobs that show it.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 1800},
		}, []string{"lane"}),
	}
	for _, o := range []syncer.Outcome{syncer.Stored, syncer.Refused, syncer.Failed} {
		s.blobs.WithLabelValues(string(o))
	}
	for _, lane := range item.Lanes() {
		s.visible.WithLabelValues(string(lane))
	}
	r.MustRegister(s.blobs, s.visible)
	return s
}

// Wrote counts a blob.
func (s *Syncer) Wrote(o syncer.Outcome) { s.blobs.WithLabelValues(string(o)).Inc() }

// longestChange bounds what one change adds to the sum, since its time comes from the publisher and may be anything.
const longestChange = 24 * time.Hour

// Announced observes the time of a change until its announcement.
func (s *Syncer) Announced(a syncer.Announced) {
	took := min(max(time.Since(a.Event), 0), longestChange)
	s.visible.WithLabelValues(string(a.Lane)).Observe(took.Seconds())
}
