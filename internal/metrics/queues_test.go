package metrics_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/prometheus/client_golang/prometheus"

	"vitrine/internal/bus"
	"vitrine/internal/bustest"
	"vitrine/internal/item"
	"vitrine/internal/metrics"
	"vitrine/internal/poll"
)

func changes(lane item.Lane, ids ...string) (all []item.Change) {
	for _, id := range ids {
		all = append(all, item.Change{Lane: lane, Entity: item.Entity{Kind: "sku", ID: id}, Dimension: "price"})
	}
	return all
}

// TestQueuesByLane proves that waiting and in-flight messages are exported by stream and lane, and that nothing is
// exported while NATS is away.
func TestQueuesByLane(t *testing.T) {
	server, conn := bustest.Start(t)
	r := prometheus.NewRegistry()
	queues := metrics.NewQueues(r, conn.Depths)
	messages := func() map[string]float64 { return values(t, r, "vitrine_queue_messages") }
	if len(messages()) != 0 {
		t.Error("queues are told that nobody has looked at:", messages())
	}
	release := hold(t, conn)
	for _, list := range [][]item.Change{changes(item.High, "1", "2", "3"), changes(item.Refresh, "1", "2")} {
		if err := conn.PublishChanges(t.Context(), list, bus.PublishOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	want := map[string]float64{"high, in_flight, CHANGES": 3, "refresh, in_flight, CHANGES": 2, "normal, in_flight, CHANGES": 0}
	poll.Until(t, "all is in work", func() bool { return handed(t, conn) == 5 })
	during(t, queues, "the work that is held is told", func() bool { return includes(messages(), want) })
	if stored := values(t, r, "vitrine_queue_stored_messages"); stored["CHANGES"] != 5 || len(stored) != 5 {
		t.Errorf("the stored messages are %v, want 5 in CHANGES alone", stored)
	}
	release()
	during(t, queues, "nothing is left", func() bool {
		got := messages()
		return len(got) == 18 && cmp.Equal(got, map[string]float64{}, cmpopts.IgnoreMapEntries(func(_ string, n float64) bool { return n == 0 }))
	})
	server.Shutdown()
	during(t, queues, "what can't be known is not told", func() bool { return len(messages()) == 0 })
}

// hold has a consumer take all changes into work that ends by release.
func hold(t *testing.T, conn *bus.Conn) (release func()) {
	t.Helper()
	held := make(chan struct{})
	consumer, err := bus.NewConsumer(bus.ConsumerConfig{
		Conn: conn, Stage: "heterog", Stream: bus.Changes, Parse: item.ParseChange,
		Group: func(c item.Change) (string, int) { return c.Entity.ID, 1 },
		Handle: func(ctx context.Context, tasks []bus.Task) []error {
			select {
			case <-held:
			case <-ctx.Done():
			}
			return make([]error, len(tasks))
		},
		Timing: bus.Timing{Drain: time.Second},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- consumer.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return func() { close(held) }
}

// handed returns how many messages of CHANGES are in flight.
func handed(t *testing.T, conn *bus.Conn) (n uint64) {
	t.Helper()
	depths, err := conn.Depths(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, lane := range depths[bus.Changes].Lanes {
		n += lane.InFlight
	}
	return n
}

func includes(all, some map[string]float64) bool {
	for labels, n := range some {
		if got, there := all[labels]; !there || got != n {
			return false
		}
	}
	return true
}

// TestTheProcessIsMeasured proves that each scrape reports whether NATS is connected at that moment.
func TestTheProcessIsMeasured(t *testing.T) {
	server, conn := bustest.Start(t)
	r := prometheus.NewRegistry()
	metrics.Process{Connected: conn.Connected, Stores: conn.Stores, Switches: func() uint64 { return 7 }, Catalog: func() uint64 { return 0 }}.Register(r)
	connected := func() float64 { return values(t, r, "vitrine_nats_connected")[""] }
	if connected() != 1 {
		t.Error("NATS is connected, and the metric says that it is not")
	}
	if values(t, r, "vitrine_switches_revision")[""] != 7 || values(t, r, "vitrine_catalog_revision")[""] != 0 {
		t.Error("revisions are wrong")
	}
	server.Shutdown()
	poll.Until(t, "it is told that NATS is away", func() bool { return connected() == 0 })
}
