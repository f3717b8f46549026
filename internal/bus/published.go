package bus

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// What to do where NATS does not store what is published.
var (
	errNoRoom   = errors.New("JetStream is full: give it more (max_file_store of the server, or the limits of the account and the stream); it was not stored, publish it again then")
	errNoAnswer = errors.New("NATS did not answer: it elects a leader, or can't write to its disk, of which its log has an error; publish it again")
)

// published is the error of a publish, which says what to do. It notes whether NATS stores.
func (c *Conn) published(subject string, err error) error {
	if err == nil {
		c.refusing.Store(false)
		return nil
	}
	said := reached("publish "+subject, err)
	switch {
	case errors.Is(err, context.Canceled):
		return said
	case outOfRoom(err):
		said = fmt.Errorf("%w: %w", said, errNoRoom)
	case c.nats.IsConnected() && unanswered(err):
		said = fmt.Errorf("%w: %w", said, errNoAnswer)
	}
	c.refusing.Store(true)
	return said
}

// outOfRoom reports whether JetStream refuses a message for want of room.
func outOfRoom(err error) bool {
	var answer *jetstream.APIError
	return noRoom(err) || errors.As(err, &answer) && (answer.ErrorCode == codeNoResources || answer.ErrorCode == codeStoreFailed)
}

// codeStoreFailed is the error of a stream that has reached a limit of its own, or can't be written.
const codeStoreFailed = 10077

func unanswered(err error) bool {
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, jetstream.ErrAsyncPublishTimeout) || errors.Is(err, nats.ErrTimeout)
}

// Stores reports whether NATS stored what was published last over this connection.
func (c *Conn) Stores() bool { return !c.refusing.Load() && c.cfg.Server.full() == nil }

// probe is a subject of CHANGES that nobody consumes.
const probe = "due.probe"

// CheckStores publishes a message that changes nothing, and removes it. It fails with what a change would be refused with.
func (c *Conn) CheckStores(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	ack, err := c.js.PublishMsg(ctx, &nats.Msg{Subject: probe})
	switch {
	case errors.Is(err, jetstream.ErrNoStreamResponse): // there is none yet, or its leader is being elected
		return nil
	case err != nil && errors.Is(c.nats.LastError(), nats.ErrPermissionViolation):
		return nil // who may not publish can't be refused
	case err != nil:
		return c.published(probe, err)
	}
	stream, err := c.js.Stream(ctx, Changes)
	if err == nil {
		err = stream.DeleteMsg(ctx, ack.Sequence)
	}
	if err != nil && !errors.Is(err, jetstream.ErrMsgNotFound) {
		return reached("remove "+probe, err)
	}
	return nil
}
