package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"vitrine/internal/item"
	"vitrine/internal/redact"
)

// The headers that a change may carry.
const (
	timeHeader  = "ce-time"       // CloudEvents 1.0, binary: when the change happened
	forceHeader = "Vitrine-Force" // "1": the same as a subject with force, which is not lost to a newer change without
	localHeader = "Vitrine-Local" // "1": a concern of this room, which other rooms are not told of
)

// PublishOptions go with every change of one call.
type PublishOptions struct {
	Event time.Time // when the change happened; zero where unknown
	Force bool      // fetch and fold though nothing seems to have changed
	// Everywhere is set for what one of the shop's systems said: the other rooms have to hear of it, too. What a room announces to
	// mend or to refresh itself is its own concern.
	Everywhere bool
}

// Announcement holds the gens of all blobs of an entity.
type Announcement struct {
	Entity item.Entity
	Gens   map[string]uint64 // blob → gen
	Doubt  bool              // only from FollowBlobs: an earlier one of the entity may have been superseded untaken
}

// PublishChanges returns when NATS holds every change. On an error some may have been stored; to publish
// all of them again is harmless.
func (c *Conn) PublishChanges(ctx context.Context, changes []item.Change, opt PublishOptions) error {
	header := nats.Header{}
	if !opt.Event.IsZero() {
		header.Set(timeHeader, opt.Event.UTC().Format(time.RFC3339Nano))
	}
	if !opt.Everywhere {
		header.Set(localHeader, "1")
	}
	most := window
	if len(changes) > 0 && changes[0].Lane == item.Refresh {
		most = bulk
	}
	return c.publish(ctx, len(changes), most, func(i int) (*nats.Msg, error) {
		c := changes[i]
		c.Force = c.Force || opt.Force
		return &nats.Msg{Subject: c.Subject(), Header: header}, nil
	})
}

// PublishSyncs asks to fold the entities of changes, each in its lane; dimensions are not looked at.
func (c *Conn) PublishSyncs(ctx context.Context, syncs []item.Change) error {
	return c.publish(ctx, len(syncs), window, func(i int) (*nats.Msg, error) {
		return &nats.Msg{Subject: item.SyncSubject(syncs[i].Lane, syncs[i].Entity)}, nil
	})
}

// Announce notifies the detail servers: body {"item":gen,"offer":gen,…}.
func (c *Conn) Announce(ctx context.Context, announcements []Announcement) error {
	return c.publish(ctx, len(announcements), window, func(i int) (*nats.Msg, error) {
		body, err := json.Marshal(announcements[i].Gens)
		if err != nil {
			return nil, err
		}
		return &nats.Msg{Subject: item.BlobSubject(announcements[i].Entity), Data: body}, nil
	})
}

// publish sends n messages, of which at most most are unanswered at a time. Each answer is waited for no longer than requestTimeout; all of them
// together may take any time that ctx allows. One message goes out synchronously, which has the lower latency.
func (c *Conn) publish(ctx context.Context, n, most int, message func(int) (*nats.Msg, error)) error {
	if err := c.cfg.Server.full(); err != nil {
		return err
	}
	if err := fenced(ctx); err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	if n > 1 {
		return c.publishMany(ctx, n, most, message)
	}
	if n == 0 {
		return nil
	}
	m, err := message(0)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	_, err = c.js.PublishMsg(ctx, m)
	return c.published(m.Subject, err)
}

// publishMany reports the first error after all answers that are due have come.
func (c *Conn) publishMany(ctx context.Context, n, most int, message func(int) (*nats.Msg, error)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	futures := make(chan jetstream.PubAckFuture, most-1) // and one that is being looked at
	settled := make(chan struct{})
	go func() {
		defer redact.Crash()
		defer close(settled)
		for f := range futures {
			if err := c.awaitAck(ctx, f); err != nil {
				cancel(err) // the first cause stays
			}
			<-c.slot
		}
	}()
	for i := 0; i < n && ctx.Err() == nil; i++ {
		if err := c.send(ctx, i, message, futures); err != nil {
			cancel(err)
		}
	}
	close(futures)
	<-settled
	err := context.Cause(ctx)
	if err == nil || errors.Is(err, item.ErrUnavailable) {
		return err
	}
	return reached("publish", err)
}

// send publishes one message and leaves its future to be answered. It holds a slot until then.
func (c *Conn) send(ctx context.Context, i int, message func(int) (*nats.Msg, error), futures chan<- jetstream.PubAckFuture) error {
	m, err := message(i)
	if err != nil {
		return err
	}
	select {
	case c.slot <- struct{}{}:
	case <-ctx.Done():
		return reached("publish "+m.Subject, ctx.Err())
	}
	f, err := c.js.PublishMsgAsync(m)
	if err != nil {
		<-c.slot
		return reached("publish "+m.Subject, err)
	}
	futures <- f // blocks while too many are unanswered
	return nil
}

func (c *Conn) awaitAck(ctx context.Context, f jetstream.PubAckFuture) error {
	select {
	case <-f.Ok():
		return c.published(f.Msg().Subject, nil)
	case err := <-f.Err():
		return c.published(f.Msg().Subject, err)
	case <-ctx.Done():
		return fmt.Errorf("publish %s: %w: %w", f.Msg().Subject, item.ErrUnavailable, context.Cause(ctx))
	}
}
