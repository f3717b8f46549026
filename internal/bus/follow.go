package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"vitrine/internal/item"
)

// Position is a place in one life of a stream: of BLOBS, up to where announcements were taken; of HISTORY, how far it
// had come. It may be stored; the zero Position knows nothing.
type Position struct {
	Stream time.Time `json:"stream"` // when the stream was made
	Seq    uint64    `json:"seq"`
	Time   time.Time `json:"time,omitzero"` // of the message at Seq, or of one before it
}

// follower takes announcements in order.
type follower struct {
	conn  *Conn
	at    Position
	sure  Position // up to where nothing is in doubt
	doubt uint64   // announcements up to this sequence may be successors of one that was not taken; 0 for none
	f     func([]Announcement, Position)
	gap   func()
}

// endless is the doubt while it is not known how far it goes.
const endless = math.MaxUint64

// FollowBlobs calls f with the announcements after from, as many at a time as wait, or with none where only the position
// has moved, until ctx ends; it returns nil then. It also calls f with none whenever it begins to follow: nothing that is announced from then on
// is missed.
// Where some may have been missed - from is zero, the stream was made anew or rolled back, or announcements
// aged out - it calls gap first and goes on with what comes from then on.
//
// A superseded announcement is skipped, which is no gap: its successor has the same subject and comes later. But the
// successor may say less, since two syncers may announce in another order than they wrote:
//
//	syncer A: reads gen 5 ── writes 5 ─────────────────────────────── announces 5
//	syncer B:                           writes 6 ── announces 6
//
// A follower that comes when both are through finds only the second. So where sequences are missing, those announcements
// that may be successors are handed on with Doubt: every blob of the entity may be newer than they say. A successor was
// stored before what it has superseded was missed, so that none comes after the end that the stream has when it is asked
// then. What a message says of how many are pending behind it does not suffice: NATS counts those a little after it has
// stored them, and may have delivered them by then.
func (c *Conn) FollowBlobs(ctx context.Context, from Position, f func([]Announcement, Position), gap func()) error {
	w := &follower{conn: c, at: from, sure: from, f: f, gap: gap}
	for broken := 1; ctx.Err() == nil; broken++ {
		began, blink := time.Now(), c.interrupted()
		err := w.follow(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if time.Since(began) > 10*time.Second {
			broken = 1
		}
		c.brokenOff(c.log, "following announcements", broken, err)
		if errors.Is(err, jetstream.ErrStreamNotFound) {
			if err := c.Ensure(ctx); err != nil {
				c.log.Warn("streams not made anew", "error", err)
			}
		}
		waitOr(ctx, min(backoff(broken), 2*time.Second), blink)
	}
	return nil
}

// follow takes announcements through one ephemeral consumer. That is not acked, so that whatever may have
// lost a message - an interruption, a jump in the consumer's count - ends it, and the next begins at the position.
func (w *follower) follow(ctx context.Context) error {
	blink := w.conn.interrupted()
	stream, err := w.locate(ctx)
	if err != nil {
		return err
	}
	ephemeral, err := stream.CreateConsumer(ctx, jetstream.ConsumerConfig{
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: w.at.Seq + 1,
		AckPolicy: jetstream.AckNonePolicy, MemoryStorage: true, Replicas: 1, InactiveThreshold: time.Minute,
	})
	if err != nil {
		return reached("follow "+Blobs, err)
	}
	var count uint64
	for {
		if err := w.fetch(ctx, ephemeral, blink, &count); err != nil {
			return err
		}
	}
}

// locate compares the position with the stream, and follows from its end where something was missed.
func (w *follower) locate(ctx context.Context) (jetstream.Stream, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	stream, err := w.conn.js.Stream(ctx, Blobs)
	if err != nil {
		return nil, fmt.Errorf("look at the stream %s: %w", Blobs, err)
	}
	info := stream.CachedInfo()
	s := info.State
	gap := !info.Created.Equal(w.at.Stream) || s.LastSeq < w.at.Seq || w.aged(info)
	if !gap {
		gap, err = w.refilled(ctx)
		if err != nil {
			return nil, err
		}
	}
	if gap {
		w.at = Position{info.Created, s.LastSeq, s.LastTime}
		w.sure = w.at
		w.doubt = 0
		w.gap()
	}
	w.f(nil, w.sure)
	return stream, nil
}

// aged reports whether announcements after the position may have left the stream by age. They have not where it still
// begins at the position: a message leaves by age after all that are older. Where it begins later, and the position
// is younger than any message that left by age, all that is missing was superseded. An empty stream was purged.
func (w *follower) aged(info *jetstream.StreamInfo) bool {
	if info.State.FirstSeq <= w.at.Seq+1 {
		return false
	}
	young := !w.at.Time.IsZero() && info.TimeStamp.Sub(w.at.Time) < info.Config.MaxAge // both by the server's clock
	bounded := info.Config.MaxBytes > 0 || info.Config.MaxMsgs > 0                     // an operator's: messages leave for want of room
	return !young || bounded || info.State.Msgs == 0
}

// refilled reports whether the stream was rolled back and has come past the position again. Then announcements of
// its second life, which were not taken, stand where those of the first stood:
//
//	first life    1 2 3 4 5            the follower took 5, at noon
//	rolled back   1 2 3
//	second life   1 2 3 4' 5' 6'       4' and 5' are younger than noon
//
// The first announcement younger than the one taken last must come after it. Where 4' and 5' were superseded it does,
// and nothing is missed: what superseded them comes after 5' too.
func (w *follower) refilled(ctx context.Context) (bool, error) {
	if w.at.Time.IsZero() {
		return false, nil
	}
	after := w.at.Time.Add(time.Nanosecond)
	younger, err := w.conn.js.OrderedConsumer(ctx, Blobs, jetstream.OrderedConsumerConfig{
		DeliverPolicy: jetstream.DeliverByStartTimePolicy, OptStartTime: &after, HeadersOnly: true, InactiveThreshold: requestTimeout,
	})
	if err != nil {
		return false, fmt.Errorf("look for announcements of a second life: %w", err)
	}
	batch, err := younger.FetchNoWait(1)
	if err != nil {
		return false, fmt.Errorf("look for announcements of a second life: %w", err)
	}
	msg, ok := <-batch.Messages()
	if !ok {
		return false, batch.Error()
	}
	meta, err := msg.Metadata()
	if err != nil {
		return false, fmt.Errorf("read an announcement: %w", err)
	}
	return meta.Sequence.Stream <= w.at.Seq, nil
}

func (w *follower) fetch(ctx context.Context, from jetstream.Consumer, blink <-chan struct{}, count *uint64) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	batch, err := from.Fetch(fetchMax, jetstream.FetchContext(ctx), jetstream.FetchHeartbeat(fetchHeartbeat))
	if err != nil {
		return fmt.Errorf("fetch announcements: %w", err)
	}
	for {
		select {
		case <-blink:
			return errors.New("fetch announcements: the connection was interrupted")
		case first, ok := <-batch.Messages():
			if !ok {
				if err := batch.Error(); err != nil {
					return fmt.Errorf("fetch announcements: %w", err)
				}
				return nil
			}
			if err := w.readBatch(ctx, first, batch.Messages(), count); err != nil {
				return err
			}
		}
	}
}

// readBatch hands on first and what waits behind it.
func (w *follower) readBatch(ctx context.Context, first jetstream.Msg, more <-chan jetstream.Msg, count *uint64) error {
	var batch []Announcement
	for msg, ok := first, true; ok; {
		meta, err := msg.Metadata()
		if err != nil {
			return fmt.Errorf("read an announcement: %w", err)
		}
		*count++
		if meta.Sequence.Consumer != *count {
			w.deliver(ctx, batch)
			return fmt.Errorf("announcement %d came where %d was due", meta.Sequence.Consumer, *count)
		}
		if meta.Sequence.Stream > w.at.Seq+1 { // the successors of what is missing are this one, or stored behind it by now
			w.doubt = endless
		}
		w.at.Seq = meta.Sequence.Stream
		w.at.Time = meta.Timestamp
		a, err := readAnnouncement(msg)
		a.Doubt = w.at.Seq <= w.doubt
		if err != nil {
			w.conn.log.Warn("announcement not understood", "subject", item.Clip(msg.Subject(), 80), "error", err)
		} else {
			batch = append(batch, a)
		}
		select {
		case msg, ok = <-more:
		default:
			ok = false
		}
	}
	w.deliver(ctx, batch)
	return nil
}

// deliver hands on what was taken. The position stays before what is missing while anything is in doubt, so that whoever
// begins there finds it missing again.
func (w *follower) deliver(ctx context.Context, batch []Announcement) {
	if w.doubt == endless {
		if len(batch) > 0 { // they don't wait for NATS's answer
			w.f(batch, w.sure)
		}
		batch = nil
		w.limit(ctx)
	}
	moved := w.at.Seq >= w.doubt && w.sure != w.at
	if moved {
		w.sure, w.doubt = w.at, 0
	}
	if moved || len(batch) > 0 {
		w.f(batch, w.sure)
	}
}

// limit ends the doubt where the stream ends now. If that is not known, it goes on, and is limited later.
func (w *follower) limit(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	stream, err := w.conn.js.Stream(ctx, Blobs)
	if err != nil {
		w.conn.log.Warn("where announcements end is not known, and all that come are in doubt", "error", err)
		return
	}
	w.doubt = stream.CachedInfo().State.LastSeq
}

func readAnnouncement(msg jetstream.Msg) (Announcement, error) {
	e, err := item.ParseBlob(msg.Subject())
	if err != nil {
		return Announcement{}, err
	}
	a := Announcement{Entity: e}
	if err := json.Unmarshal(msg.Data(), &a.Gens); err != nil {
		return Announcement{}, fmt.Errorf("gens of %s: %w", e, err)
	}
	return a, nil
}
