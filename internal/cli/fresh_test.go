package cli_test

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// BenchmarkChangeToPage edits a product, announces it, and requests its page until the edit shows, on a system
// without other load. The custom metrics are over all rounds.
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

// BenchmarkSixDimensions announces a new SKU as a whole. Its six dimensions take 100 ms each. The benchmark requests
// the page until it has all of them.
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
			// Requests without a pause would take the workers' CPU.
			time.Sleep(time.Millisecond)
		}
	}
}
