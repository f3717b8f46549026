package bus

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"vitrine/internal/item"
)

const (
	maxAckPending = 8192 // per lane, over all processes: above what their buffers and batches hold
	fetchMax      = 512  // messages asked for at a time
	fetchBeat     = 2 * time.Second
)

// intake moves the messages of one lane from NATS to the board.
type intake struct {
	consumer *Consumer
	lane     item.Lane
	era      atomic.Pointer[time.Time]
}

// run pulls until ctx ends. Whatever breaks it off - a connection lost, a consumer, a stream or all of
// JetStream deleted - is mended by making what is missing and pulling again.
func (in *intake) run(ctx context.Context) {
	for broken := 1; ctx.Err() == nil; broken++ {
		began := time.Now()
		err := in.pull(ctx)
		if ctx.Err() != nil {
			return
		}
		if time.Since(began) > 10*time.Second {
			broken = 1
		}
		in.consumer.log.Warn("intake broken off, beginning again", "lane", in.lane, "error", err)
		wait(ctx, min(backoff(broken), 2*time.Second))
	}
}

// pull returns when it must begin again.
func (in *intake) pull(ctx context.Context) error {
	durable, err := in.durable(ctx)
	if err != nil {
		return err
	}
	for {
		n := in.consumer.board.room(ctx, in.lane)
		if n == 0 {
			return ctx.Err()
		}
		if err := in.fetch(ctx, durable, min(n, fetchMax)); err != nil {
			return err
		}
	}
}

// durable makes the lane's durable consumer, and its stream, where they are missing.
func (in *intake) durable(ctx context.Context) (jetstream.Consumer, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*patience)
	defer cancel()
	cfg := in.consumer.cfg
	if err := cfg.Conn.Ensure(ctx); err != nil {
		return nil, err
	}
	name := in.durableName()
	durable, err := cfg.Conn.js.CreateOrUpdateConsumer(ctx, cfg.Stream, jetstream.ConsumerConfig{
		Durable: name, FilterSubject: in.filter(), AckPolicy: jetstream.AckExplicitPolicy,
		AckWait: cfg.AckWait, MaxAckPending: maxAckPending, MaxDeliver: -1,
	})
	if err != nil {
		return nil, reached("make the consumer "+name, err)
	}
	in.era.Store(&durable.CachedInfo().Created)
	return durable, nil
}

func (in *intake) durableName() string { return in.consumer.cfg.Stage + "-" + string(in.lane) }

func (in *intake) filter() string { return head(in.consumer.cfg.Stream) + "." + string(in.lane) + ".>" }

// fetch takes up to n messages as they come, and returns when n came or the request has ended.
func (in *intake) fetch(ctx context.Context, durable jetstream.Consumer, n int) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	blink := in.consumer.cfg.Conn.interrupted()
	batch, err := durable.Fetch(n, jetstream.FetchContext(ctx), jetstream.FetchHeartbeat(fetchBeat))
	if err != nil {
		return fmt.Errorf("fetch: %w", err)
	}
	for open := true; open; {
		select {
		case first, ok := <-batch.Messages():
			if open = ok; ok {
				in.post(first, batch.Messages())
			}
		case <-blink: // NATS has forgotten the request; take what has come, and ask again
			cancel()
			blink = nil
		}
	}
	if err := batch.Error(); err != nil {
		return fmt.Errorf("fetch: %w", err)
	}
	return nil
}

// post puts first, and what waits behind it, on the board in one step, so that they can be one batch.
func (in *intake) post(first jetstream.Msg, more <-chan jetstream.Msg) {
	works := []*work{in.read(first)}
	for {
		select {
		case m, ok := <-more:
			if ok {
				works = append(works, in.read(m))
				continue
			}
		default:
		}
		break
	}
	for _, m := range in.consumer.board.add(works) {
		m.settle(in.consumer.log, "ack", m.msg.Ack)
	}
}

// read makes work of a delivery. What can't be read or is not in the catalog is work too: a dead letter.
func (in *intake) read(msg jetstream.Msg) *work {
	m := message{msg: msg, attempt: 1, sent: time.Now(), era: *in.era.Load(), current: &in.era}
	if meta, err := msg.Metadata(); err == nil {
		m.seq, m.attempt, m.sent = meta.Sequence.Stream, int(meta.NumDelivered), meta.Timestamp
	}
	cfg := in.consumer.cfg
	change, err := cfg.Parse(msg.Subject())
	w := &work{slot: slot{Lane: in.lane}, messages: []message{m}, fatal: err, max: 1}
	if err != nil {
		w.Subject = msg.Subject()
		return w
	}
	w.key = key{Entity: change.Entity, Dimension: change.Dimension}
	w.task = Task{Change: change, Event: eventTime(msg, m.sent), Force: msg.Headers().Get(forceHeader) == "1", Attempt: m.attempt}
	if w.fatal = cfg.Check(change); w.fatal == nil {
		w.group, w.max = cfg.Group(change)
	}
	return w
}
