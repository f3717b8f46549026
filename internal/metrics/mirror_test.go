package metrics_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"vitrine/internal/metrics"
)

// TestTheMirrorsAge proves that the age is 0 while the file is complete, and otherwise the time since it last was,
// however often the metric is read.
func TestTheMirrorsAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var current atomic.Bool
		r := prometheus.NewRegistry()
		m := metrics.NewMirror(r, current.Load)
		age := func() float64 { return values(t, r, "vitrine_mirror_age_seconds")[""] }
		time.Sleep(10 * time.Second)
		if age() != 10 {
			t.Errorf("%v s after a start at which nothing was there", age())
		}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- m.Run(ctx) }()
		current.Store(true)
		time.Sleep(time.Hour + 500*time.Millisecond)
		current.Store(false)
		time.Sleep(30 * time.Second)
		if got := age(); got < 30 || got > 31.5 {
			t.Errorf("%v s, 30 s after everything was there", got)
		}
		current.Store(true)
		if age() != 0 {
			t.Errorf("%v s while everything is there", age())
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}
