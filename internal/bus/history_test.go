package bus_test

import (
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/jetstream"

	"vitrine/internal/bus"
)

// TestHistoryFits proves that HISTORY is made even if JetStream may store less than the stream would reserve.
func TestHistoryFits(t *testing.T) {
	t.Parallel()
	s := outside(t, func(o *server.Options) { o.JetStreamMaxStore = 300 << 20 })
	c := dial(t, bus.Config{URL: s.ClientURL()})
	size := func() int64 {
		stream, err := bus.JetStream(c).Stream(t.Context(), bus.History)
		if err != nil {
			t.Fatal(err)
		}
		return stream.CachedInfo().Config.MaxBytes
	}
	if got := size(); got != 256<<20 {
		t.Errorf("HISTORY holds %d bytes", got)
	}
	text, err := c.CheckHistory(t.Context())
	if err != nil || !strings.Contains(text, "256 MiB rather than 1024") {
		t.Errorf("%v, error %v; want no error, a body with 256 MiB rather than 1024", text, err)
	}
	t.Run("and stays as an operator makes it", func(t *testing.T) {
		stream, err := bus.JetStream(c).Stream(t.Context(), bus.History)
		if err != nil {
			t.Fatal(err)
		}
		cfg := stream.CachedInfo().Config
		cfg.MaxBytes = 64 << 20
		if _, err := bus.JetStream(c).UpdateStream(t.Context(), cfg); err != nil {
			t.Fatal(err)
		}
		if err := c.Ensure(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := size(); got != 64<<20 {
			t.Errorf("HISTORY holds %d bytes", got)
		}
	})
	t.Run("beside others, who have reserved most", func(t *testing.T) {
		if err := bus.JetStream(c).DeleteStream(t.Context(), bus.History); err != nil {
			t.Fatal(err)
		}
		if _, err := bus.JetStream(c).CreateStream(t.Context(), jetstream.StreamConfig{Name: "OTHERS", Subjects: []string{"others"}, MaxBytes: 280 << 20}); err != nil {
			t.Fatal(err)
		}
		if err := c.Ensure(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := size(); got != 16<<20 {
			t.Errorf("HISTORY holds %d bytes", got)
		}
	})
}
