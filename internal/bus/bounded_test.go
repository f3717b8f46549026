package bus_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"vitrine/internal/bus"
	"vitrine/internal/bustest"
	"vitrine/internal/item"
	"vitrine/internal/netcut"
)

// TestALostRequestIsGivenUp proves that a request which nobody answers fails long before the deadline of its context, so that it can be repeated.
func TestALostRequestIsGivenUp(t *testing.T) {
	t.Parallel() // five seconds pass
	server, _ := bustest.Start(t)
	cable := netcut.New(t, strings.TrimPrefix(server.URL(), "nats://"))
	conn := dial(t, bus.Config{URL: "nats://" + cable.Addr})
	cable.Cut()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	if _, err := conn.LastDeadLetter(ctx); !errors.Is(err, item.ErrUnavailable) || ctx.Err() != nil {
		t.Errorf("%v; the context: %v", err, ctx.Err())
	}
}
