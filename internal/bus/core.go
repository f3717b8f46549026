package bus

import (
	"context"
	"fmt"

	"github.com/nats-io/nats.go"

	"vitrine/internal/item"
	"vitrine/internal/redact"
)

// Broadcast sends a message to all who are subscribed now. It is not stored. Its error wraps item.ErrUnavailable.
func (c *Conn) Broadcast(subject string, body []byte) error {
	if err := c.nats.Publish(subject, body); err != nil {
		return fmt.Errorf("%w: broadcast on %s: %w", item.ErrUnavailable, subject, err)
	}
	return nil
}

// Subscribe calls f with each message that is broadcast on a subject, which may hold wildcards, until stop is called. It
// returns when NATS has the subscription. Its error wraps item.ErrUnavailable.
func (c *Conn) Subscribe(ctx context.Context, subject string, f func(subject string, body []byte)) (stop func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	sub, err := c.nats.Subscribe(subject, func(m *nats.Msg) {
		defer redact.Crash()
		f(m.Subject, m.Data)
	})
	if err == nil {
		err = c.nats.FlushWithContext(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: subscribe to %s: %w", item.ErrUnavailable, subject, err)
	}
	return func() {
		if err := sub.Unsubscribe(); err != nil {
			c.log.Debug("unsubscribe", "subject", subject, "error", err)
		}
	}, nil
}

// Respond replies with what f returns to each request on a subject, until stop is called. It returns when NATS has the
// subscription. Its error wraps item.ErrUnavailable.
func (c *Conn) Respond(ctx context.Context, subject string, f func() []byte) (stop func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	sub, err := c.nats.Subscribe(subject, func(m *nats.Msg) {
		defer redact.Crash()
		if m.Reply == "" {
			return
		}
		if err := m.Respond(f()); err != nil {
			c.log.Debug("reply not sent", "subject", subject, "error", err)
		}
	})
	if err == nil {
		err = c.nats.FlushWithContext(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: respond on %s: %w", item.ErrUnavailable, subject, err)
	}
	return func() { _ = sub.Unsubscribe() }, nil // fails only where the connection is gone
}

// Request asks on a subject, and calls f with each reply until f reports that there are no more to wait for. It fails with an
// error that wraps item.ErrUnavailable, and ctx's error where that ended first.
func (c *Conn) Request(ctx context.Context, subject string, f func(body []byte) (done bool)) error {
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
		return fmt.Errorf("%w: request on %s: %w", item.ErrUnavailable, subject, err)
	}
	return nil
}
