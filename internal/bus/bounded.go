package bus

import (
	"context"

	"github.com/nats-io/nats.go/jetstream"
)

// bounded is JetStream whose requests for a stream take no longer than requestTimeout. The library's own bound is for contexts without a
// deadline only, and a request is never answered if the server dies that has it, or if the stream has no leader: a command that may take half
// an hour would wait that long.
type bounded struct{ jetstream.JetStream }

// Stream looks a stream up.
func (b bounded) Stream(ctx context.Context, name string) (jetstream.Stream, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	return b.JetStream.Stream(ctx, name)
}
