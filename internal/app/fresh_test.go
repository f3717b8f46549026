package app_test

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// BenchmarkChangeToPage edits a product, announces it, and asks for its page again and again until the edit
// shows: what a shop sees at rest. The custom metrics are over all rounds.
func BenchmarkChangeToPage(b *testing.B) {
	s := newShop(b)
	fill(s, 100)
	v := up(b, b.TempDir(), "--catalog", catalogFor(b, shopCatalog, s.URL))
	v.refreshAll()
	eventually(b, func() string { return v.differs(s, oddID(99)) })
	conn := v.dial()
	var took []time.Duration
	for n := 0; b.Loop(); n++ {
		id := oddID(n % 100)
		s.Put(id, func(p *product) { p.Title = fmt.Sprintf("Edit %d", n) })
		began := time.Now()
		announce(b, conn, "product", id)
		for v.differs(s, id) != "" {
		}
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "ms-p50")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "ms-p99")
}
