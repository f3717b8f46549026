package bus

import (
	"context"
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"

	"vitrine/internal/item"
	"vitrine/internal/redact"
)

// Bare publishes and takes messages, and does nothing else with them: no board, no lanes, no verdicts. Benches measure by it
// what the messages of a loop cost at least.
type Bare struct{ conn *Conn }

// Bare gives the bare way to the same NATS.
func (c *Conn) Bare() Bare { return Bare{c} }

// PublishChanges returns when NATS holds every change.
func (b Bare) PublishChanges(ctx context.Context, changes []item.Change) error {
	for len(changes) > 0 {
		part := changes[:min(window, len(changes))]
		changes = changes[len(part):]
		err := b.publish(ctx, len(part), func(i int) *nats.Msg { return &nats.Msg{Subject: part[i].Subject()} })
		if err != nil {
			return err
		}
	}
	return nil
}

// PublishSyncs is the same for folds of entities.
func (b Bare) PublishSyncs(ctx context.Context, lane item.Lane, entities []item.Entity) error {
	return b.publish(ctx, len(entities), func(i int) *nats.Msg { return &nats.Msg{Subject: item.SyncSubject(lane, entities[i])} })
}

// Announce sends the same announcement for each entity.
func (b Bare) Announce(ctx context.Context, entities []item.Entity, body []byte) error {
	return b.publish(ctx, len(entities), func(i int) *nats.Msg { return &nats.Msg{Subject: item.BlobSubject(entities[i]), Data: body} })
}

func (b Bare) publish(ctx context.Context, n int, message func(int) *nats.Msg) error {
	futures := make([]jetstream.PubAckFuture, n)
	for i := range futures {
		f, err := b.conn.js.PublishMsgAsync(message(i))
		if err != nil {
			return reached("publish", err)
		}
		futures[i] = f
	}
	for _, f := range futures {
		if err := b.conn.awaitAck(ctx, f); err != nil {
			return err
		}
	}
	return nil
}

// BareQueue is what is taken of a stream, and how.
type BareQueue struct {
	Stream   string
	Subject  string // its messages' subjects
	Acked    bool   // each message is acknowledged once it was handled
	Batch    int    // messages that are handled together
	Parallel int    // batches in work at a time

	consumer jetstream.Consumer
}

// Open makes the consumer of a queue. What is published from then on is taken.
func (b Bare) Open(ctx context.Context, q BareQueue) (BareQueue, error) {
	cfg := jetstream.ConsumerConfig{AckPolicy: jetstream.AckNonePolicy, MemoryStorage: true, Replicas: 1, DeliverPolicy: jetstream.DeliverNewPolicy}
	if q.Acked {
		cfg = jetstream.ConsumerConfig{Durable: "bare", AckPolicy: jetstream.AckExplicitPolicy, MaxAckPending: maxAckPending}
	}
	cfg.FilterSubject = q.Subject
	var err error
	q.consumer, err = b.conn.js.CreateOrUpdateConsumer(ctx, q.Stream, cfg)
	if err != nil {
		return q, reached("make a consumer of "+q.Stream, err)
	}
	return q, nil
}

// Consume takes n messages, and hands their subjects to handle in full batches.
func (q BareQueue) Consume(ctx context.Context, n int, handle func(context.Context, []string) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(q.Parallel)
	var batch []jetstream.Msg
	for taken := 0; taken < n && ctx.Err() == nil; {
		fetched, err := q.consumer.Fetch(min(fetchMax, n-taken), jetstream.FetchMaxWait(requestTimeout))
		if err != nil {
			return reached("fetch", err)
		}
		for m := range fetched.Messages() {
			taken++
			batch = append(batch, m)
			if len(batch) == q.Batch || taken == n {
				full := batch
				batch = nil
				group.Go(redact.Guard(func() error { return q.handle(ctx, full, handle) }))
			}
		}
		if err := fetched.Error(); err != nil {
			return reached("fetch", err)
		}
	}
	return group.Wait()
}

func (q BareQueue) handle(ctx context.Context, batch []jetstream.Msg, handle func(context.Context, []string) error) error {
	subjects := make([]string, len(batch))
	for i, m := range batch {
		subjects[i] = m.Subject()
	}
	if err := handle(ctx, subjects); err != nil {
		return err
	}
	for _, m := range batch {
		if !q.Acked {
			continue
		}
		if err := m.Ack(); err != nil {
			return fmt.Errorf("acknowledge %s: %w", m.Subject(), err)
		}
	}
	return nil
}
