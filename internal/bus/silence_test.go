package bus_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"

	"vitrine/internal/bus"
	"vitrine/internal/item"
	"vitrine/internal/netcut"
	"vitrine/internal/poll"
	"vitrine/internal/testlog"
)

// TestASilentNATSIsAskedAgain proves that missed heartbeats, as on a machine short of CPU, do not break off
// consuming, and that it goes on when NATS answers again.
func TestASilentNATSIsAskedAgain(t *testing.T) {
	t.Parallel() // four seconds pass before heartbeats count as missed
	server := embed(t, t.TempDir(), "127.0.0.1:0")
	cable := netcut.New(t, strings.TrimPrefix(server.URL(), "nats://"))
	log := &testlog.Buffer{}
	handled := make(chan string, 1)
	consume(t, bus.ConsumerConfig{
		Conn: dial(t, bus.Config{URL: "nats://" + cable.Addr, Log: slog.New(slog.NewTextHandler(log, nil))}),
		Log:  slog.New(slog.NewTextHandler(log, nil)),
		Handle: func(_ context.Context, batch []bus.Task) []error {
			handled <- batch[0].Change.Entity.ID
			return make([]error, len(batch))
		},
	})
	upstream := dial(t, bus.Config{Server: server})
	for _, lane := range []item.Lane{item.High, item.Normal, item.Refresh} { // each lane has its consumer then
		publish(t, upstream, change(lane, "1"))
		receive(t, "a change before the silence", handled)
	}
	cable.Cut()
	poll.Until(t, "heartbeats are missed", func() bool { return strings.Contains(log.String(), "NATS was silent") })
	cable.Resume()
	publish(t, upstream, change(item.High, "2"))
	receive(t, "a change after the silence", handled)
	if strings.Contains(log.String(), "broken off") {
		t.Errorf("the log mentions a connection that was broken off: %s", log.String())
	}
}
