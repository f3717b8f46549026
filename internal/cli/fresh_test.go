package cli_test

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

// BenchmarkSixDimensions announces a change of all to a new SKU whose six dimensions take 100 ms each, and
// asks for its page until it has them all.
func BenchmarkSixDimensions(b *testing.B) {
	s := newShop(b)
	fill(s, 1000)
	v := up(b, b.TempDir(), "--catalog", catalogFor(b, sixDimensions, s.URL))
	conn := v.dial()
	announce(b, conn, "all", oddID(0))
	eventually(b, func() string { return v.hasSix(oddID(0)) }) // the workers have started
	s.Slow(100 * time.Millisecond)
	for n := 1; b.Loop(); n++ {
		announce(b, conn, "all", oddID(n%1000))
		for v.hasSix(oddID(n%1000)) != "" {
			time.Sleep(time.Millisecond) // a page asked for without pause would take the workers' CPU
		}
	}
}
