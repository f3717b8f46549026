package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"vitrine/internal/item"
	"vitrine/internal/redact"
)

// StoredDeadLetter is a dead letter where it lies.
type StoredDeadLetter struct {
	DeadLetter
	At  string // its subject in FAILED
	Seq uint64
}

// DeadLetters lists the dead letters below a subject, such as "failed.heterog.sku.>", oldest first.
func (c *Conn) DeadLetters(ctx context.Context, subject string) iter.Seq2[StoredDeadLetter, error] {
	return func(yield func(StoredDeadLetter, error) bool) {
		for m, err := range c.stored(ctx, Failed, subject) {
			if err != nil {
				yield(StoredDeadLetter{}, err)
				return
			}
			l := StoredDeadLetter{At: m.subject, Seq: m.seq}
			if err := json.Unmarshal(m.data, &l.DeadLetter); err != nil {
				l.Subject = m.subject
				l.Reason = "not a dead letter of Vitrine: " + err.Error()
			}
			if !yield(l, nil) {
				return
			}
		}
	}
}

// LastDeadLetter is the sequence of the newest dead letter, whether it is still there or not.
func (c *Conn) LastDeadLetter(ctx context.Context) (uint64, error) {
	stream, err := c.js.Stream(ctx, Failed)
	if err != nil {
		return 0, reached("look at the stream "+Failed, err)
	}
	return stream.CachedInfo().State.LastSeq, nil
}

// Drop removes a dead letter, unless a newer one has taken its place.
func (c *Conn) Drop(ctx context.Context, l StoredDeadLetter) error {
	stream, err := c.js.Stream(ctx, Failed)
	if err != nil {
		return reached("look at the stream "+Failed, err)
	}
	if err := stream.DeleteMsg(ctx, l.Seq); err != nil && !errors.Is(err, jetstream.ErrMsgNotFound) {
		return reached("drop "+l.At, err)
	}
	return nil
}

// Retry publishes again what became a dead letter, and removes the dead letter. Its errors wrap item.ErrSubject where no
// change can be read from the subject, else item.ErrUnavailable.
func (c *Conn) Retry(ctx context.Context, l StoredDeadLetter) error {
	if err := c.publishAgain(ctx, l.Subject); err != nil {
		return err
	}
	return c.Drop(ctx, l)
}

// publishAgain publishes the change, or the entity to fold, that a subject names.
func (c *Conn) publishAgain(ctx context.Context, subject string) error {
	change, err := item.ParseChange(subject)
	if err == nil {
		return c.PublishChanges(ctx, []item.Change{change}, PublishOptions{})
	}
	change, err = item.ParseSync(subject)
	if err != nil {
		return err
	}
	return c.PublishSyncs(ctx, []item.Change{change})
}

// Replayed is a change of HISTORY. Position is where to go on after it.
type Replayed struct {
	Change   item.Change
	At       time.Time
	Position uint64
}

// parsePast reads a subject of HISTORY. Whether it was forced, or a second look, is history too.
func parsePast(subject string) (item.Change, error) {
	c, err := item.ParseChange("change." + strings.TrimPrefix(subject, "history."))
	c.Force = false
	c.Second = false
	return c, err
}

// Past lists the changes of HISTORY from a position on, or where that is 0, from a time on; oldest first, up to
// what is there at the call. What can't be read as a change is left out.
func (c *Conn) Past(ctx context.Context, from uint64, since time.Time) (total uint64, changes iter.Seq2[Replayed, error], err error) {
	stream, err := c.js.Stream(ctx, History)
	if err != nil {
		return 0, nil, reached("look at the stream "+History, err)
	}
	last := stream.CachedInfo().State.LastSeq
	cfg := jetstream.OrderedConsumerConfig{DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: from + 1}
	if from == 0 {
		cfg.DeliverPolicy = jetstream.DeliverByStartTimePolicy
		cfg.OptStartSeq = 0
		cfg.OptStartTime = &since
	}
	messages, pending, err := c.read(ctx, History, cfg, last)
	if err != nil {
		return 0, nil, err
	}
	return pending, func(yield func(Replayed, error) bool) {
		for m, err := range messages {
			if err != nil {
				yield(Replayed{}, err)
				return
			}
			change, err := parsePast(m.subject)
			if err != nil {
				continue
			}
			if !yield(Replayed{change, m.sent, m.seq}, nil) {
				return
			}
		}
	}, nil
}

// storedMessage is a message of a stream that is no work queue.
type storedMessage struct {
	subject string
	data    []byte
	seq     uint64
	sent    time.Time
}

// stored lists the messages of a stream below a subject that are there at the call.
func (c *Conn) stored(ctx context.Context, name, subject string) iter.Seq2[storedMessage, error] {
	failed := func(err error) iter.Seq2[storedMessage, error] {
		return func(yield func(storedMessage, error) bool) { yield(storedMessage{}, err) }
	}
	stream, err := c.js.Stream(ctx, name)
	if err != nil {
		return failed(reached("look at the stream "+name, err))
	}
	state := stream.CachedInfo().State
	if state.Msgs == 0 {
		return func(func(storedMessage, error) bool) {}
	}
	cfg := jetstream.OrderedConsumerConfig{FilterSubjects: []string{subject}, DeliverPolicy: jetstream.DeliverAllPolicy}
	messages, _, err := c.read(ctx, name, cfg, state.LastSeq)
	if err != nil {
		return failed(err)
	}
	return messages
}

const (
	readerForgotten = time.Minute // after which NATS removes the consumer of a reader that could not do so itself
	forgetWithin    = time.Second
)

// read lists messages up to a sequence, in order. pending is how many there are. Its consumer is removed with the end of the list.
func (c *Conn) read(ctx context.Context, name string, cfg jetstream.OrderedConsumerConfig, last uint64) (list iter.Seq2[storedMessage, error], pending uint64, err error) {
	cfg.InactiveThreshold = readerForgotten
	consumer, err := c.js.OrderedConsumer(ctx, name, cfg)
	if err != nil {
		return nil, 0, reached("read the stream "+name, err)
	}
	info, err := consumer.Info(ctx)
	if err != nil {
		return nil, 0, reached("read the stream "+name, err)
	}
	pending = info.NumPending
	if pending == 0 {
		c.forgetReader(ctx, name, consumer)
		return func(func(storedMessage, error) bool) {}, 0, nil
	}
	return func(yield func(storedMessage, error) bool) {
		defer c.forgetReader(ctx, name, consumer)
		for left := pending; left > 0; {
			batch, err := consumer.Fetch(int(min(left, fetchMax)), jetstream.FetchMaxWait(requestTimeout))
			if err != nil {
				yield(storedMessage{}, reached("read the stream "+name, err))
				return
			}
			got := 0
			for msg := range batch.Messages() {
				got++
				meta, err := msg.Metadata()
				if err != nil {
					yield(storedMessage{}, fmt.Errorf("read the stream %s: %w", name, err))
					return
				}
				if meta.Sequence.Stream > last || !yield(storedMessage{msg.Subject(), msg.Data(), meta.Sequence.Stream, meta.Timestamp}, nil) {
					return
				}
			}
			if err := batch.Error(); err != nil {
				yield(storedMessage{}, reached("read the stream "+name, err))
				return
			}
			if got == 0 {
				return // the rest was removed meanwhile
			}
			left -= min(left, uint64(got))
		}
	}, pending, nil
}

// forgetReader removes the consumer of who has read, or counted, enough.
func (c *Conn) forgetReader(ctx context.Context, stream string, consumer jetstream.Consumer) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), forgetWithin)
	defer cancel()
	if err := c.js.DeleteConsumer(ctx, stream, consumer.CachedInfo().Name); err != nil {
		c.log.Debug("a consumer that is no longer needed is left to NATS", "stream", stream, "error", err)
	}
}

// NextChanges gives the next changes that are published, until there are most of them or ctx ends.
func (c *Conn) NextChanges(ctx context.Context, most int) (changes []Replayed, err error) {
	messages := make(chan *nats.Msg, most)
	sub, err := c.nats.Subscribe("history.>", func(m *nats.Msg) {
		defer redact.Crash()
		select {
		case messages <- m:
		default: // as many as are wanted wait
		}
	})
	if err != nil {
		return nil, fmt.Errorf("%w: follow changes: %w", item.ErrUnavailable, err)
	}
	defer func() {
		if err := sub.Unsubscribe(); err != nil {
			c.log.Debug("stop following changes", "error", err)
		}
	}()
	for len(changes) < most {
		select {
		case m := <-messages:
			if change, err := parsePast(m.Subject); err == nil {
				changes = append(changes, Replayed{Change: change, At: time.Now()})
			} else {
				most--
			}
		case <-ctx.Done():
			return changes, nil
		}
	}
	return changes, nil
}
