package metrics_test

import (
	"context"
	"log/slog"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"vitrine/internal/kv/rediskv"
	"vitrine/internal/metrics"
	"vitrine/internal/poll"
	"vitrine/internal/redistest"
)

// agent polls something at its start and then at every beat.
type agent interface {
	Run(ctx context.Context) error
}

// during runs an agent until ok returns true, so that it has polled at least once since.
func during(t *testing.T, a agent, what string, ok func() bool) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	defer func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	poll.Until(t, what, ok)
}

// TestRedisUp proves that a Redis that has ended or hangs is reported as down, delays no scrape, and is reported as
// up again when it is back.
func TestRedisUp(t *testing.T) {
	ends, hangs, stays := redistest.Single(t), redistest.Single(t), redistest.Single(t)
	r := prometheus.NewRegistry()
	stores := metrics.NewStores(r)
	for name, server := range map[string]*redistest.Server{"records": ends, "blobs": hangs, "replica": stays} {
		s, err := rediskv.Open(t.Context(), rediskv.Config{URL: server.URL, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		stores.Add(name, s.Ping)
	}
	up := func(records, blobs, replica float64) func() bool {
		want := map[string]float64{"records": records, "blobs": blobs, "replica": replica}
		return func() bool { return cmp.Equal(want, values(t, r, "vitrine_redis_up")) }
	}
	during(t, stores, "all answer", up(1, 1, 1))
	ends.Stop()
	hangs.Pause()
	during(t, stores, "two of them do not", up(0, 0, 1))
	ends.Start()
	hangs.Resume()
	during(t, stores, "all answer again", up(1, 1, 1))
}
