package bus_test

import (
	"context"
	"testing"
	"time"

	"go.uber.org/goleak"

	"vitrine/internal/bus"
	"vitrine/internal/item"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for an event before it fails.
const patience = time.Minute

func embed(t *testing.T, dir, addr string) *bus.Server {
	t.Helper()
	s, err := bus.Embed(t.Context(), bus.EmbedConfig{Dir: dir, Addr: addr})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Shutdown)
	return s
}

func dial(t *testing.T, cfg bus.Config) *bus.Conn {
	t.Helper()
	c, err := bus.Dial(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	if err := c.Ensure(t.Context()); err != nil {
		t.Fatal(err)
	}
	return c
}

func connect(t *testing.T) *bus.Conn {
	t.Helper()
	return dial(t, bus.Config{Server: embed(t, t.TempDir(), "")})
}

func receive[T any](t *testing.T, what string, c <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-c:
	case <-time.After(patience):
		t.Fatalf("never came: %s", what)
	}
	return v
}

func change(lane item.Lane, id string) item.Change {
	return item.Change{Lane: lane, Entity: item.Entity{Kind: "sku", ID: id}, Dimension: "price"}
}

func publish(t *testing.T, c *bus.Conn, changes ...item.Change) {
	t.Helper()
	if err := c.PublishChanges(t.Context(), changes, bus.PublishOptions{}); err != nil {
		t.Fatal(err)
	}
}

// consume runs a consumer of CHANGES. stop ends it and returns the result of Run.
func consume(t *testing.T, cfg bus.ConsumerConfig) (stop func() error) {
	t.Helper()
	cfg.Stage = "heterog"
	cfg.Stream = bus.Changes
	cfg.Parse = item.ParseChange
	if cfg.Group == nil {
		cfg.Group = func(item.Change) (string, int) { return "", 1 }
	}
	if cfg.Timing.Backoff == nil {
		cfg.Timing.Backoff = func(int) time.Duration { return time.Millisecond }
	}
	consumer, err := bus.NewConsumer(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- consumer.Run(ctx) }()
	stopped := false
	stop = func() error {
		if stopped {
			return nil
		}
		stopped = true
		cancel()
		return receive(t, "the end of Run", ended)
	}
	t.Cleanup(func() { _ = stop() })
	return stop
}

func none(tasks []bus.Task) []error { return make([]error, len(tasks)) }

// moving returns the number of unfinished changes, without parked ones.
func moving(t *testing.T, c *bus.Conn) uint64 {
	t.Helper()
	n, err := c.Moving(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func left(t *testing.T, c *bus.Conn) uint64 {
	t.Helper()
	n, err := c.Left(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return n
}
