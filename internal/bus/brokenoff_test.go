package bus_test

import (
	"log/slog"
	"strings"
	"testing"

	"vitrine/internal/bus"
	"vitrine/internal/netcut"
	"vitrine/internal/poll"
	"vitrine/internal/testlog"
)

// TestALostConnectionIsLoggedOnce proves that who follows NATS does not fill the log with attempts while the connection is lost.
func TestALostConnectionIsLoggedOnce(t *testing.T) {
	t.Parallel()
	server := embed(t, t.TempDir(), "127.0.0.1:0")
	cable := netcut.New(t, strings.TrimPrefix(server.URL(), "nats://"))
	log := &testlog.Buffer{}
	c := dial(t, bus.Config{URL: "nats://" + cable.Addr, Log: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	began, ended := make(chan struct{}, 100), make(chan error, 2)
	go func() {
		ended <- c.FollowBlobs(t.Context(), bus.Position{}, func([]bus.Announcement, bus.Position) {}, func() { began <- struct{}{} })
	}()
	go func() {
		ended <- c.Bucket("switches").Follow(t.Context(), bus.BucketPosition{}, func() { began <- struct{}{} }, func(bus.Entry) error { return nil })
	}()
	receive(t, "one of the two follows", began)
	receive(t, "the other follows", began)
	cable.Break()
	said := func(level string) (n int) {
		for line := range strings.Lines(log.String()) {
			if strings.Contains(line, "broken off") && strings.Contains(line, "level="+level) {
				n++
			}
		}
		return n
	}
	poll.Until(t, "five attempts", func() bool { return said("DEBUG")+said("WARN") >= 5 })
	if n := said("WARN"); n > 2 { // at most the one by which each notices
		t.Errorf("%d attempts are warnings: %s", n, log.String())
	}
	if !strings.Contains(log.String(), "disconnected from NATS") {
		t.Errorf("the log does not say that NATS is away: %s", log.String())
	}
}
