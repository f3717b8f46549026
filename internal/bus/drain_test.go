package bus_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"vitrine/internal/bus"
	"vitrine/internal/item"
)

// TestDrain proves that Drain waits some seconds for handlers that end after they are cancelled, and gives up on
// those that do not end.
func TestDrain(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		after time.Duration // from the cancellation to the end of the handlers; negative for an end before it
		took  time.Duration
		fails bool
	}{
		"before they are cancelled": {-time.Second, 7 * time.Second, false},
		"slow to notice":            {9 * time.Second, 17 * time.Second, false},
		"never":                     {time.Hour, 18 * time.Second, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				consumer, err := bus.NewConsumer(bus.ConsumerConfig{
					Conn: &bus.Conn{}, Stage: "heterog", Stream: bus.Changes, Timing: bus.Timing{Drain: 8 * time.Second}, Parse: item.ParseChange,
					Group:  func(item.Change) (string, int) { return "", 1 },
					Handle: func(_ context.Context, batch []bus.Task) []error { return none(batch) },
				})
				if err != nil {
					t.Fatal(err)
				}
				began, workers := time.Now(), make(chan struct{})
				ended := time.AfterFunc(8*time.Second+c.after, func() { close(workers) })
				defer ended.Stop()
				cancelled := false
				err = bus.Drain(consumer, workers, func() { cancelled = true })
				if took := time.Since(began); took != c.took || (err != nil) != c.fails || cancelled != (c.after >= 0) {
					t.Errorf("%s, error %v, cancelled: %t", took, err, cancelled)
				}
			})
		})
	}
}
