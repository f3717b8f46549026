package bus

import (
	"context"
	"fmt"
	"time"
	"vitrine/internal/pause"

	"github.com/nats-io/nats.go/jetstream"
)

// orphansEvery is how often a lane looks for orphans.
const orphansEvery = 5 * time.Second

// watchOrphans removes, until ctx ends, what a killed server leaves in a work queue for nobody: it writes
// acknowledgements down sooner than removals, so that after SIGKILL a message may stand in the stream
// again which its only consumer is done with.
//
//	server   consumer's ack floor 70 written ── message 65 removed, in memory ── SIGKILL
//	again    message 65 stands in the stream; the consumer goes on at 71
//
// What stands at or below the floor of the lane's one consumer was acknowledged, and is delivered no more.
// It does no harm but to be counted as waiting for ever.
func (in *intake) watchOrphans(ctx context.Context) {
	for pause.For(ctx, orphansEvery) == nil {
		if err := in.purgeOrphans(ctx); err != nil && ctx.Err() == nil {
			in.consumer.log.Debug("look for orphans", "lane", in.lane, "error", err)
		}
	}
}

func (in *intake) purgeOrphans(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	cfg := in.consumer.cfg
	durable, err := cfg.Conn.js.Consumer(ctx, cfg.Stream, in.durableName())
	if err != nil {
		return fmt.Errorf("look at the consumer: %w", err)
	}
	floor := durable.CachedInfo().AckFloor.Stream
	stream, err := cfg.Conn.js.Stream(ctx, cfg.Stream)
	if err != nil {
		return fmt.Errorf("look at the stream: %w", err)
	}
	state := stream.CachedInfo().State
	if floor < state.FirstSeq || state.Msgs == 0 || floor > state.LastSeq {
		return nil
	}
	return stream.Purge(ctx, jetstream.WithPurgeSubject(in.filter()), jetstream.WithPurgeSequence(floor+1))
}

// Forget removes the durable consumers of the work queues, which are made anew by those who consume. For an
// embedded server that has just started: whoever had work then is dead, and need not be waited for.
func (c *Conn) Forget(ctx context.Context) error {
	for _, name := range []string{Changes, Syncs, Parked} {
		stream, err := c.js.Stream(ctx, name)
		if err != nil {
			return reached("look at the stream "+name, err)
		}
		list := stream.ConsumerNames(ctx)
		var names []string
		for consumer := range list.Name() {
			names = append(names, consumer)
		}
		if err := list.Err(); err != nil {
			return reached("look at the consumers of "+name, err)
		}
		for _, consumer := range names {
			if err := stream.DeleteConsumer(ctx, consumer); err != nil {
				return reached("remove the consumer "+consumer, err)
			}
		}
	}
	return nil
}
