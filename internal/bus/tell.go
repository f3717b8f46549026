package bus

import (
	"context"
	"fmt"

	"github.com/nats-io/nats.go"

	"vitrine/internal/item"
)

// Tell sends a message to whoever listens now; it is not kept.
func (c *Conn) Tell(subject string, body []byte) error {
	if err := c.nats.Publish(subject, body); err != nil {
		return fmt.Errorf("%w: tell %s: %w", item.ErrUnavailable, subject, err)
	}
	return nil
}

// Listen calls f with what is told on a subject, which may hold wildcards, until stop is called. It returns when
// NATS knows of it.
func (c *Conn) Listen(ctx context.Context, subject string, f func(subject string, body []byte)) (stop func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	sub, err := c.nats.Subscribe(subject, func(m *nats.Msg) { f(m.Subject, m.Data) })
	if err == nil {
		err = c.nats.FlushWithContext(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: listen to %s: %w", item.ErrUnavailable, subject, err)
	}
	return func() {
		if err := sub.Unsubscribe(); err != nil {
			c.log.Debug("stop listening", "subject", subject, "error", err)
		}
	}, nil
}
