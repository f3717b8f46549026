package bus

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"vitrine/internal/item"
	"vitrine/internal/pause"
)

const (
	maxAckPending = 65536 // per lane, over all processes: above what their buffers and batches hold
	fetchMax      = 512   // messages asked for at a time
)

// intake moves the messages of one lane from NATS to the board: what is new, or what was parked for a place.
type intake struct {
	consumer *Consumer
	lane     item.Lane
	parked   string // the place; "" for what is new
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
		in.consumer.cfg.Conn.brokenOff(in.consumer.log.With("lane", in.lane), "intake", broken, err)
		_ = pause.For(ctx, min(backoff(broken), 2*time.Second))
	}
}

// pull returns when it must begin again.
func (in *intake) pull(ctx context.Context) error {
	durable, err := in.durable(ctx)
	if err != nil {
		return err
	}
	for {
		n := in.room(ctx)
		if n == 0 {
			return ctx.Err()
		}
		err := in.fetch(ctx, durable, min(n, fetchMax))
		if errors.Is(err, jetstream.ErrNoHeartbeat) {
			in.consumer.log.Info("NATS was silent, looking whether the consumer is still there", "lane", in.lane)
			err = in.stands(ctx, durable)
		}
		if err != nil {
			return err
		}
	}
}

// stands returns nil if the durable consumer is there. A machine that is short of processors misses heartbeats too: to make all
// streams anew for each of them would take what time it has.
func (in *intake) stands(ctx context.Context, durable jetstream.Consumer) error {
	for {
		asking, cancel := context.WithTimeout(ctx, requestTimeout)
		info, err := durable.Info(asking)
		cancel()
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, context.DeadlineExceeded):
			continue
		case err != nil:
			return reached("look at the consumer "+in.durableName(), err)
		case !info.Created.Equal(*in.era.Load()):
			return fmt.Errorf("the consumer %s was made anew", in.durableName())
		}
		return nil
	}
}

// room waits until there is room for more, and returns for how much; 0 when ctx ends.
func (in *intake) room(ctx context.Context) int {
	for !in.consumer.cfg.Open(in.lane) {
		if pause.For(ctx, parkEvery) != nil {
			return 0
		}
	}
	if in.parked == "" {
		return in.consumer.board.room(ctx, in.lane)
	}
	return in.consumer.parkedRoom(ctx, in.parked, in.lane)
}

// durable makes the lane's durable consumer, and its stream, where they are missing. No other stream is looked at while this one
// is there: in a cluster each stream has a leader of its own, and one that has none must not hold up the work of others.
func (in *intake) durable(ctx context.Context) (jetstream.Consumer, error) {
	durable, err := in.makeDurable(ctx)
	if !errors.Is(err, jetstream.ErrStreamNotFound) {
		return durable, err
	}
	conn := in.consumer.cfg.Conn
	if err := conn.ensureOnly(ctx, in.stream()); err != nil {
		return nil, err
	}
	if err := conn.Ensure(ctx); err != nil { // who lost one may have lost others
		in.consumer.log.Warn("streams not made anew", "error", err)
	}
	return in.makeDurable(ctx)
}

func (in *intake) makeDurable(ctx context.Context) (jetstream.Consumer, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	cfg := in.consumer.cfg
	name := in.durableName()
	durable, err := cfg.Conn.js.CreateOrUpdateConsumer(ctx, in.stream(), jetstream.ConsumerConfig{
		Durable: name, FilterSubject: in.filter(), AckPolicy: jetstream.AckExplicitPolicy,
		AckWait: cfg.Timing.AckWait, MaxAckPending: maxAckPending, MaxDeliver: -1,
	})
	if err != nil {
		return nil, reached("make the consumer "+name, err)
	}
	in.era.Store(&durable.CachedInfo().Created)
	return durable, nil
}

func (in *intake) stream() string {
	if in.parked == "" {
		return in.consumer.cfg.Stream
	}
	return Parked
}

func (in *intake) durableName() string {
	if in.parked == "" {
		return in.consumer.cfg.Stage + "-" + string(in.lane)
	}
	return in.consumer.cfg.Stage + parkedName(in.parked, in.lane)
}

func (in *intake) filter() string {
	if in.parked == "" {
		return head(in.consumer.cfg.Stream) + "." + string(in.lane) + ".>"
	}
	return "parked." + in.parked + "." + string(in.lane) + ".>"
}

// fetch takes up to n messages as they come, and returns when n came or the request has ended.
func (in *intake) fetch(ctx context.Context, durable jetstream.Consumer, n int) error {
	r, err := newRequest(in.consumer.cfg.Conn, durable, n)
	if err != nil {
		return fmt.Errorf("fetch: %w", err)
	}
	if err := in.take(ctx, r); err != nil {
		return fmt.Errorf("fetch: %w", err)
	}
	return nil
}

// take posts what arrives until the request has ended, or should have: that lasts as long as drainMax if NATS hangs. It fails with
// what the request failed with.
func (in *intake) take(ctx context.Context, r *request) (cause error) {
	ended, leave, blink := r.pull.Closed(), ctx.Done(), r.blink
	look := time.NewTicker(parkEvery)
	defer look.Stop()
	for {
		select {
		case first := <-r.arrived:
			in.post(ctx, first, r.arrived)
			continue
		case <-ended:
			if len(r.arrived) > 0 {
				in.post(ctx, <-r.arrived, r.arrived)
			}
			if len(r.failed) > 0 {
				cause = <-r.failed
			}
			return cause
		case <-r.late:
			return cause
		case <-look.C:
			if in.consumer.cfg.Open(in.lane) && time.Since(r.began) < fetchExpiry {
				continue
			}
		case <-blink: // NATS has forgotten the request; take what has come, and ask again
			blink = nil
		case <-leave:
			leave = nil
			cause = ctx.Err()
		case cause = <-r.failed:
		}
		r.end()
	}
}

// post puts first, and what waits behind it, on the board in one step, so that they can be one batch. What
// finds its place full, or not ready, is parked. All is given back once ctx has ended.
func (in *intake) post(ctx context.Context, first jetstream.Msg, more <-chan jetstream.Msg) {
	works := []*work{in.read(first)}
	for {
		select {
		case m := <-more:
			works = append(works, in.read(m))
			continue
		default:
		}
		break
	}
	if ctx.Err() != nil {
		in.consumer.giveBack(works)
		return
	}
	replaced, turnedAway := in.consumer.board.add(works, in.consumer.cfg.Placement.Capacity)
	for _, m := range replaced {
		m.settle(in.consumer.log, "ack", m.msg.Ack)
	}
	if len(turnedAway) > 0 {
		in.consumer.setAside(ctx, turnedAway)
	}
}

// read makes work of a delivery. What can't be read or is not in the catalog is work too: a dead letter.
func (in *intake) read(msg jetstream.Msg) *work {
	m := message{msg: msg, attempt: 1, sent: time.Now(), era: *in.era.Load(), current: &in.era}
	if meta, err := msg.Metadata(); err == nil {
		m.seq, m.attempt, m.sent = meta.Sequence.Stream, int(meta.NumDelivered), meta.Timestamp
	}
	cfg := in.consumer.cfg
	parse := cfg.Parse
	if in.parked != "" {
		parse = item.ParseParked
	}
	change, err := parse(msg.Subject())
	w := &work{slot: slot{Lane: in.lane}, messages: []message{m}, fatal: err, max: 1, first: m.sent, parked: in.parked != "", place: Place{Limit: cfg.Concurrency}}
	if err != nil {
		w.Subject = msg.Subject()
		return w
	}
	w.key = key{Entity: change.Entity, Dimension: change.Dimension}
	force := change.Force || msg.Headers().Get(forceHeader) == "1"
	second := change.Second
	change.Force = false
	change.Second = false
	w.task = Task{Change: change, Event: eventTime(msg, m.sent), Published: m.sent, Subject: msg.Subject(), Force: force, Second: second, Attempt: 1}
	if in.parked != "" {
		w.task.Subject = change.Subject()
	}
	if cfg.Stream == Syncs {
		w.task.Attempt = m.attempt // nothing is scheduled there that could carry it
	}
	w.readCarried(msg.Headers())
	w.fatal = cfg.Check(change)
	if w.fatal == nil {
		w.group, w.max = cfg.Group(change)
		if at := cfg.Placement.Of(change); at.Name != "" {
			w.place = at
		}
	}
	return w
}
