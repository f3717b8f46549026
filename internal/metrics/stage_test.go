package metrics_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"vitrine/internal/bus"
	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/internal/metrics"
	"vitrine/syncer"
)

// TestTimeUntilAChangeIsVisible proves that the date that a publisher gives a change can neither reduce the sum nor
// add years to it.
func TestTimeUntilAChangeIsVisible(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := prometheus.NewRegistry()
		s := metrics.NewSyncer(r)
		now := time.Now()
		for _, event := range []time.Time{now.Add(-40 * time.Millisecond), now.Add(-3 * time.Second), now.Add(time.Hour)} {
			s.Announced(syncer.Announced{Lane: item.High, Event: event})
		}
		s.Announced(syncer.Announced{Lane: item.Refresh, Event: time.Unix(0, 0)})
		visible := series(t, r, "vitrine_change_visible_seconds")
		high, refresh, normal := visible["high"].GetHistogram(), visible["refresh"].GetHistogram(), visible["normal"].GetHistogram()
		if high.GetSampleCount() != 3 || high.GetSampleSum() != 3.04 {
			t.Errorf("high: %v in %v s, want 3 in 3.04", high.GetSampleCount(), high.GetSampleSum())
		}
		if refresh.GetSampleSum() != (24 * time.Hour).Seconds() {
			t.Errorf("a change of 1970 took %v s", refresh.GetSampleSum())
		}
		if normal == nil || normal.GetSampleCount() != 0 {
			t.Errorf("a lane without changes is not there from the start: %v", normal)
		}
		for _, b := range high.GetBucket() {
			want := uint64(1) // the change dated in the future
			if b.GetUpperBound() >= .05 {
				want++
			}
			if b.GetUpperBound() >= 5 {
				want++
			}
			if b.GetCumulativeCount() != want {
				t.Errorf("%v changes within %v s, want %v", b.GetCumulativeCount(), b.GetUpperBound(), want)
			}
		}
	})
}

func TestWorkIsCounted(t *testing.T) {
	r := prometheus.NewRegistry()
	h, s := metrics.NewHeterog(r), metrics.NewSyncer(r)
	if n := len(values(t, r, "vitrine_work_handled_total")); n != 2*len(item.Lanes())*len(bus.Verdicts()) {
		t.Errorf("%d sorts of work from the start", n)
	}
	h.Handled(bus.Handled{Lane: item.High, Verdict: "ack"})
	h.Handled(bus.Handled{Lane: item.High, Verdict: "retry", Err: item.ErrRefused})
	s.Handled(bus.Handled{Lane: item.Normal, Verdict: "ack"})
	handled := values(t, r, "vitrine_work_handled_total")
	for labels, want := range map[string]float64{"high, heterog, ack": 1, "high, heterog, retry": 1, "normal, syncer, ack": 1, "normal, heterog, ack": 0, "refresh, syncer, fail": 0} {
		if got, there := handled[labels]; !there || got != want {
			t.Errorf("%s: %v, want %v", labels, got, want)
		}
	}
	h.Handled(bus.Handled{Verdict: bus.VerdictFail, Err: fmt.Errorf("parse: %w", item.ErrSubject)}) // belongs to no lane
	h.Handled(bus.Handled{Lane: item.High, Verdict: bus.VerdictFail, Err: fmt.Errorf("fetch: %w", item.ErrRefused)})
	h.Handled(bus.Handled{Lane: item.High, Verdict: bus.VerdictFail, Err: errors.New("something that nobody has foreseen, of sku:100012")})
	letters := map[string]float64{}
	for _, stage := range []string{"heterog", "syncer"} {
		for _, reason := range []string{"subject", "unknown", "name", "id", "version", "refused", "other"} {
			letters[reason+", "+stage] = 0
		}
	}
	letters["subject, heterog"], letters["refused, heterog"], letters["other, heterog"] = 1, 1, 1
	if diff := cmp.Diff(letters, values(t, r, "vitrine_dead_letters_total")); diff != "" {
		t.Error(diff)
	}
	for _, o := range []kv.Outcome{kv.Applied, kv.Applied, kv.Same, kv.Changed, 0} {
		h.Wrote(o)
	}
	if diff := cmp.Diff(map[string]float64{"changed": 2, "same": 1, "overtaken": 1, "failed": 1}, values(t, r, "vitrine_records_written_total")); diff != "" {
		t.Error(diff)
	}
	s.Wrote(syncer.Stored)
	s.Wrote(syncer.Refused)
	if diff := cmp.Diff(map[string]float64{"stored": 1, "refused": 1, "failed": 0}, values(t, r, "vitrine_blobs_written_total")); diff != "" {
		t.Error(diff)
	}
}
