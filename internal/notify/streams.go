package notify

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"vitrine/internal/bus"
	"vitrine/internal/catalog"
	"vitrine/internal/pause"
	"vitrine/internal/redact"
)

// Streams delivers the messages of other systems' streams. *bus.Conn is one, and describes FollowForeign.
type Streams interface {
	FollowForeign(ctx context.Context, name, subject string, handle func(context.Context, []bus.Foreign) error) error
}

// catalogCheck is the interval between two comparisons of the catalog in force with the one whose sources are followed. retryPause is the
// pause after a failure of NATS.
const (
	catalogCheck = time.Second
	retryPause   = 5 * time.Second
)

// Follow takes the messages of those sources of the catalog in force that publish on NATS. It turns to the sources of a new catalog within
// a second or so, and returns nil when ctx ends. Any number of processes may follow the sources: each message goes to one of them.
// Failures of NATS are logged, and Follow tries again.
func (r *Receiver) Follow(ctx context.Context, streams Streams) error {
	for ctx.Err() == nil {
		cat := r.cfg.Catalog()
		within, stop := context.WithCancel(ctx)
		group, within := errgroup.WithContext(within)
		if cat != nil {
			for _, s := range cat.Sources {
				if s.Subject != "" {
					group.Go(redact.Guard(func() error { r.followSource(within, streams, s); return nil }))
				}
			}
		}
		for r.cfg.Catalog() == cat && pause.For(ctx, catalogCheck) == nil {
		}
		stop()
		if err := group.Wait(); err != nil {
			return err
		}
	}
	return nil
}

// followSource follows one source until ctx ends, and begins again after each failure.
func (r *Receiver) followSource(ctx context.Context, streams Streams, s *catalog.Source) {
	for ctx.Err() == nil {
		err := streams.FollowForeign(ctx, s.Name, s.Subject, func(ctx context.Context, batch []bus.Foreign) error { return r.handle(ctx, s, batch) })
		if ctx.Err() != nil {
			return
		}
		if errors.Is(err, bus.ErrNoStream) {
			err = fmt.Errorf("%w: what is published there would be lost while nobody listens: make a stream for it", err)
		}
		r.warn("source "+s.Name+" on NATS is not followed now; trying again", err)
		_ = pause.For(ctx, retryPause)
	}
}

// handle publishes the changes that a batch of messages stands for. A message that cannot be read is logged and dropped, because it would be
// no better the next time. handle fails with an error that wraps item.ErrUnavailable if NATS or the catalog is unavailable; then the whole
// batch is delivered again.
func (r *Receiver) handle(ctx context.Context, s *catalog.Source, batch []bus.Foreign) error {
	var all notified
	r.cfg.Heard(s.Name)
	for _, m := range batch {
		n, err := r.read(s, request{header: m.Header, body: m.Body})
		switch {
		case unavailable(err):
			return err
		case err != nil:
			r.warn("a message of a source can't be read", fmt.Errorf("source %s: %s: %w", s.Name, m.Subject, err))
			r.cfg.Counted(Refused, 0, 1)
			continue
		}
		all.changes = append(all.changes, n.changes...)
		all.refused = append(all.refused, n.refused...)
		if n.event.After(all.event) {
			all.event = n.event
		}
	}
	if err := r.publish(ctx, all); err != nil {
		return err
	}
	r.cfg.Counted(Taken, len(all.changes), len(all.refused))
	return nil
}
