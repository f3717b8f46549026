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

// Answer has f answer who asks on a subject, until stop is called.
func (c *Conn) Answer(ctx context.Context, subject string, f func() []byte) (stop func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	sub, err := c.nats.Subscribe(subject, func(m *nats.Msg) {
		if m.Reply == "" {
			return
		}
		if err := m.Respond(f()); err != nil {
			c.log.Debug("not answered", "subject", subject, "error", err)
		}
	})
	if err == nil {
		err = c.nats.FlushWithContext(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: answer on %s: %w", item.ErrUnavailable, subject, err)
	}
	return func() { _ = sub.Unsubscribe() }, nil // fails only where the connection is gone
}

// Ask asks whoever answers on a subject, and calls f with each answer until it says that these are all; else it fails with
// ctx's error.
func (c *Conn) Ask(ctx context.Context, subject string, f func(body []byte) (done bool)) error {
	inbox := c.nats.NewInbox()
	sub, err := c.nats.SubscribeSync(inbox)
	if err == nil {
		defer func() { _ = sub.Unsubscribe() }() // fails only where the connection is gone
		err = c.nats.PublishRequest(subject, inbox, nil)
	}
	for done := false; err == nil && !done; {
		var m *nats.Msg
		m, err = sub.NextMsgWithContext(ctx)
		if err == nil {
			done = m.Header.Get("Status") == "503" || f(m.Data) // 503: nobody answers here
		}
	}
	if err != nil {
		return fmt.Errorf("%w: ask %s: %w", item.ErrUnavailable, subject, err)
	}
	return nil
}
