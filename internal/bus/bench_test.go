package bus_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"vitrine/internal/bus"
	"vitrine/internal/item"
)

// BenchmarkLatency measures the time of a single change from its publication to its handler.
func BenchmarkLatency(b *testing.B) {
	c, tasks, stop := benchConsumer(b, 1)
	defer stop()
	for b.Loop() {
		if err := c.PublishChanges(b.Context(), []item.Change{change(item.High, "1")}, bus.PublishOptions{}); err != nil {
			b.Fatal(err)
		}
		<-tasks
	}
}

// BenchmarkThroughput publishes and handles trivial tasks.
func BenchmarkThroughput(b *testing.B) {
	c, tasks, stop := benchConsumer(b, 100)
	defer stop()
	const n = 20_000
	changes := make([]item.Change, n)
	for i := range changes {
		changes[i] = change(item.Normal, fmt.Sprint(i))
	}
	for b.Loop() {
		began := time.Now()
		if err := c.PublishChanges(b.Context(), changes, bus.PublishOptions{}); err != nil {
			b.Fatal(err)
		}
		for got := 0; got < n; {
			got += <-tasks
		}
		b.ReportMetric(n/time.Since(began).Seconds(), "tasks/s")
	}
}

func benchConsumer(b *testing.B, size int) (*bus.Conn, <-chan int, func()) {
	s, err := bus.Embed(b.Context(), bus.EmbedConfig{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	c, err := bus.Dial(b.Context(), bus.Config{Server: s})
	if err != nil {
		b.Fatal(err)
	}
	if err := c.Ensure(b.Context()); err != nil {
		b.Fatal(err)
	}
	tasks := make(chan int, 1<<16)
	consumer, err := bus.NewConsumer(bus.ConsumerConfig{
		Conn: c, Stage: "heterog", Stream: bus.Changes, Parse: item.ParseChange,
		Group: func(item.Change) (string, int) { return "g", size },
		Handle: func(_ context.Context, batch []bus.Task) []error {
			tasks <- len(batch)
			return make([]error, len(batch))
		},
	})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	ended := make(chan error, 1)
	go func() { ended <- consumer.Run(ctx) }()
	return c, tasks, func() {
		cancel()
		if err := <-ended; err != nil {
			b.Error(err)
		}
		c.Close()
		s.Shutdown()
	}
}
