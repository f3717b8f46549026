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

// Streams gives messages of other systems' streams; *bus.Conn is one.
type Streams interface {
	FollowForeign(ctx context.Context, name, subject string, handle func(context.Context, []bus.Foreign) error) error
}

// wireLook is how often the catalog in force is compared with the one whose sources are followed; wireAgain the pause after a
// failure of NATS.
const (
	wireLook  = time.Second
	wireAgain = 5 * time.Second
)

// Follow takes what the sources on NATS of the catalog in force publish, until ctx ends. Any number of processes may follow
// them: each message goes to one.
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
		for r.cfg.Catalog() == cat && pause.For(ctx, wireLook) == nil {
		}
		stop()
		if err := group.Wait(); err != nil {
			return err
		}
	}
	return nil
}

// followSource follows one source, and begins again after each failure.
func (r *Receiver) followSource(ctx context.Context, streams Streams, s *catalog.Source) {
	for ctx.Err() == nil {
		err := streams.FollowForeign(ctx, s.Name, s.Subject, func(ctx context.Context, batch []bus.Foreign) error { return r.wired(ctx, s, batch) })
		if ctx.Err() != nil {
			return
		}
		if errors.Is(err, bus.ErrNoStream) {
			err = fmt.Errorf("%w: what is published there would be lost while nobody listens: make a stream for it", err)
		}
		r.warn("source "+s.Name+" on NATS is not followed now; trying again", err)
		_ = pause.For(ctx, wireAgain)
	}
}

// wired publishes what a batch of messages means. A message that means nothing is logged and done with: it would be the same
// the next time. It fails if NATS or the catalog is away; then all of them come again.
func (r *Receiver) wired(ctx context.Context, s *catalog.Source, batch []bus.Foreign) error {
	var all notified
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
