package bus

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"vitrine/internal/item"
)

// Notice is a change that one of the shop's systems has announced in a room.
type Notice struct {
	Change item.Change
	Event  time.Time // when it happened
}

// Heard is what came next of a room's notices.
type Heard struct {
	Notices []Notice // oldest first; none where only the position moved, or nothing came for a while
	At      Position // up to here all was heard
	Missed  bool     // what came before At was missed, in part or as a whole
	Waiting bool     // more has come that was not taken yet
}

// noticeQuiet is how often who follows notices is called though none come.
const noticeQuiet = time.Second

// FollowNotices calls f with what the systems of the shop announced to this NATS after a position, until ctx ends (nil), f fails, or the
// connection does. HISTORY is where they stand. What the room announced to itself, or heard from another, is left out, so that
// nothing goes round. Where notices after the position are not there any more - they have aged out, or NATS lost them
// or was rolled back - f is called with Missed, and those from then on follow.
func (c *Conn) FollowNotices(ctx context.Context, from Position, f func(context.Context, Heard) error) error {
	blink := c.interrupted()
	stream, at, missed, err := c.locateNotices(ctx, from)
	if err != nil {
		return err
	}
	w := &listener{at: at, waiting: at.Seq < stream.CachedInfo().State.LastSeq, f: f, blink: blink}
	if err := f(ctx, Heard{At: at, Missed: missed, Waiting: w.waiting}); err != nil {
		return err
	}
	consumer, err := stream.CreateConsumer(ctx, jetstream.ConsumerConfig{
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: at.Seq + 1,
		AckPolicy: jetstream.AckNonePolicy, MemoryStorage: true, Replicas: 1, InactiveThreshold: time.Minute,
	})
	if err != nil {
		return reached("follow "+History, err)
	}
	for ctx.Err() == nil {
		if err := w.round(ctx, consumer); err != nil && ctx.Err() == nil {
			return err
		}
	}
	return nil
}

// FirstNotices returns where to follow the notices of c from for who has followed none and announces to own: their beginning, if c is the younger one and
// HISTORY still holds all of them, so that nothing was missed. Else it is the zero position, after which notices count as missed.
func (c *Conn) FirstNotices(ctx context.Context, own *Conn) (from Position, err error) {
	ours, err := own.historyMade(ctx)
	if err != nil {
		return from, err
	}
	stream, err := c.js.Stream(ctx, History)
	if err != nil {
		return from, reached("look at the stream "+History, err)
	}
	info := stream.CachedInfo()
	if info.State.FirstSeq <= 1 && ours.Before(info.Created) {
		from.Stream = info.Created
	}
	return from, nil
}

// SameHistory reports whether both connections lead to one stream HISTORY, and so to one NATS.
func (c *Conn) SameHistory(ctx context.Context, other *Conn) (bool, error) {
	made, err := c.historyMade(ctx)
	if err != nil {
		return false, err
	}
	others, err := other.historyMade(ctx)
	return err == nil && made.Equal(others), err
}

func (c *Conn) historyMade(ctx context.Context) (time.Time, error) {
	stream, err := c.js.Stream(ctx, History)
	if err != nil {
		return time.Time{}, reached("look at the stream "+History, err)
	}
	return stream.CachedInfo().Created, nil
}

// locateNotices compares a position with HISTORY, and returns where to follow from.
func (c *Conn) locateNotices(ctx context.Context, from Position) (stream jetstream.Stream, at Position, missed bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	stream, err = c.js.Stream(ctx, History)
	if err != nil {
		return nil, at, false, reached("look at the stream "+History, err)
	}
	info := stream.CachedInfo()
	missed = !info.Created.Equal(from.Stream) || info.State.FirstSeq > from.Seq+1
	if !missed {
		missed, err = c.rolledBack(ctx, stream, from)
		if err != nil {
			return nil, at, false, err
		}
	}
	if missed {
		from = Position{info.Created, info.State.LastSeq, info.State.LastTime}
	}
	return stream, from, missed, nil
}

// listener takes notices in order.
type listener struct {
	at      Position
	waiting bool   // more has come than was taken
	count   uint64 // messages of the consumer
	f       func(context.Context, Heard) error
	blink   <-chan struct{}
}

// round asks once for what comes next.
func (w *listener) round(ctx context.Context, consumer jetstream.Consumer) error {
	asking, cancel := context.WithCancel(ctx)
	defer cancel()
	batch, err := consumer.Fetch(fetchMax, jetstream.FetchContext(asking), jetstream.FetchHeartbeat(fetchHeartbeat))
	if err != nil {
		return reached("fetch notices", err)
	}
	quiet := time.NewTicker(noticeQuiet)
	defer quiet.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-w.blink:
			return fmt.Errorf("%w: fetch notices: the connection was interrupted", item.ErrUnavailable)
		case <-quiet.C: // heartbeats come
			if err := w.f(ctx, Heard{At: w.at, Waiting: w.waiting}); err != nil {
				return err
			}
		case first, ok := <-batch.Messages():
			if !ok {
				return batchError(batch)
			}
			if err := w.take(ctx, first, batch.Messages()); err != nil {
				return err
			}
		}
	}
}

// batchError is the error that a request for notices ended with, or nil.
func batchError(batch jetstream.MessageBatch) error {
	if err := batch.Error(); err != nil {
		return reached("fetch notices", err)
	}
	return nil
}

// take hands on first and what waits behind it.
func (w *listener) take(ctx context.Context, first jetstream.Msg, more <-chan jetstream.Msg) error {
	heard := Heard{}
	for msg := first; msg != nil; {
		meta, err := msg.Metadata()
		if err != nil {
			return fmt.Errorf("read a notice: %w", err)
		}
		w.count++
		if meta.Sequence.Consumer != w.count {
			return fmt.Errorf("notice %d came where %d was due", meta.Sequence.Consumer, w.count)
		}
		if meta.Sequence.Stream != w.at.Seq+1 { // HISTORY keeps all that came: the rest has aged out meanwhile
			heard.Missed = true
		}
		w.at.Seq = meta.Sequence.Stream
		w.at.Time = meta.Timestamp
		w.waiting = meta.NumPending > 0
		if n, ok := readNotice(msg); ok {
			heard.Notices = append(heard.Notices, n)
		}
		select {
		case msg = <-more:
		default:
			msg = nil
		}
	}
	heard.At = w.at
	heard.Waiting = w.waiting
	return w.f(ctx, heard)
}

// readNotice reads a message of HISTORY. What is the room's own concern is no notice, and neither is what can't be read: it
// is a dead letter where it was published.
func readNotice(msg jetstream.Msg) (Notice, bool) {
	if msg.Headers().Get(localHeader) != "" {
		return Notice{}, false
	}
	change, err := item.ParseChange("change" + msg.Subject()[len("history"):])
	if err != nil {
		return Notice{}, false
	}
	if msg.Headers().Get(forceHeader) == "1" {
		change.Force = true
	}
	published := publishedAt(msg.Headers())
	return Notice{change, eventTime(msg, published)}, true
}

// Pass publishes what was heard in another room, and returns when NATS holds all of it. It goes on to no further room.
func (c *Conn) Pass(ctx context.Context, notices []Notice) error {
	return c.publish(ctx, len(notices), window, func(i int) (*nats.Msg, error) {
		header := nats.Header{localHeader: {"1"}, timeHeader: {notices[i].Event.UTC().Format(time.RFC3339Nano)}}
		return &nats.Msg{Subject: notices[i].Change.Subject(), Header: header}, nil
	})
}
