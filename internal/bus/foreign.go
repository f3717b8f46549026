package bus

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"vitrine/internal/item"
	"vitrine/internal/pause"
)

// Foreign is a message of a stream that is not Vitrine's.
type Foreign struct {
	Subject string
	Header  http.Header // names in canonical form
	Body    []byte
}

// Bounds of what is fetched of a foreign stream at once.
const (
	foreignBatch   = 256
	foreignPatient = 2 * time.Second
	foreignAgain   = 2 * time.Second // after a batch that could not be handled
)

// ErrNoStream is a subject that no stream has. What is published there is lost when nobody listens, so nobody does.
var ErrNoStream = errors.New("no stream of NATS has this subject")

// FollowForeign hands messages of a subject to handle, in batches and in order, and acknowledges a batch that handle
// takes; one that it does not take comes again. It goes on where the last process of the same name stopped: the stream keeps
// that under the durable consumer vitrine-NAME, which all processes share. It ends with ctx, or with an error of NATS.
func (c *Conn) FollowForeign(ctx context.Context, name, subject string, handle func(context.Context, []Foreign) error) error {
	stream, err := c.js.StreamNameBySubject(ctx, subject)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return fmt.Errorf("%w: %s", ErrNoStream, subject)
	}
	if err != nil {
		return reached("find the stream of "+subject, err)
	}
	consumer, err := c.js.CreateOrUpdateConsumer(ctx, stream, jetstream.ConsumerConfig{
		Durable: "vitrine-" + name, FilterSubject: subject, AckPolicy: jetstream.AckExplicitPolicy, AckWait: 30 * time.Second, MaxAckPending: 4 * foreignBatch,
	})
	if err != nil {
		return reached("make a consumer of "+stream, err)
	}
	for ctx.Err() == nil {
		if err := followBatch(ctx, consumer, handle); err != nil {
			return err
		}
	}
	return nil
}

func followBatch(ctx context.Context, consumer jetstream.Consumer, handle func(context.Context, []Foreign) error) error {
	batch, err := fetchForeign(ctx, consumer)
	if err != nil || len(batch) == 0 || ctx.Err() != nil {
		return err
	}
	messages := make([]Foreign, len(batch))
	for i, m := range batch {
		messages[i] = Foreign{m.Subject(), canonical(m.Headers()), m.Data()}
	}
	handled := handle(ctx, messages)
	for _, m := range batch {
		answer := m.Ack
		if handled != nil {
			answer = func() error { return m.NakWithDelay(foreignAgain) }
		}
		if err := answer(); err != nil {
			return reached("answer "+m.Subject(), err)
		}
	}
	if handled != nil && ctx.Err() == nil {
		_ = pause.For(ctx, foreignAgain)
		return fmt.Errorf("%w: %w", item.ErrUnavailable, handled)
	}
	return nil
}

// fetchForeign waits for a message, and takes what else is there by then.
func fetchForeign(ctx context.Context, consumer jetstream.Consumer) (batch []jetstream.Msg, err error) {
	within, cancel := context.WithTimeout(ctx, foreignPatient)
	defer cancel()
	fetched, err := consumer.Fetch(1, jetstream.FetchContext(within))
	if err != nil {
		return nil, reached("fetch", err)
	}
	for m := range fetched.Messages() {
		batch = append(batch, m)
	}
	if err := fetched.Error(); len(batch) == 0 {
		if err == nil || within.Err() != nil || errors.Is(err, nats.ErrTimeout) {
			return nil, nil
		}
		return nil, reached("fetch", err)
	}
	fetched, err = consumer.FetchNoWait(foreignBatch - 1)
	if err != nil {
		return batch, nil // the next fetch fails if there is a reason
	}
	for m := range fetched.Messages() {
		batch = append(batch, m)
	}
	return batch, nil
}

// canonical copies headers under the names that HTTP gives them.
func canonical(header nats.Header) http.Header {
	out := http.Header{}
	for name, values := range header {
		for _, value := range values {
			out.Add(name, value)
		}
	}
	return out
}
