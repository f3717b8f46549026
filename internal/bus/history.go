package bus

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/nats-io/nats.go/jetstream"
)

// HISTORY holds historyMost bytes where JetStream has room for them, and never fewer than historyLeast.
const (
	historyMost  = 1 << 30
	historyLeast = 8 << 20
)

// makeHistory makes HISTORY as large as JetStream has room for. Its size is a reservation, which a small JetStream refuses
// as a whole; a short HISTORY is worth more than none, and than a worker that ends.
func (c *Conn) makeHistory(ctx context.Context, cfg jetstream.StreamConfig) error {
	for {
		err := c.createStream(ctx, cfg)
		switch {
		case err == nil && cfg.MaxBytes < historyMost:
			c.log.Warn("JetStream is small, so that HISTORY is: replays and repairs go less far back", "bytes", cfg.MaxBytes, "wanted", historyMost)
			return nil
		case err == nil, !noRoom(err), cfg.MaxBytes/2 < historyLeast:
			return err
		}
		cfg.MaxBytes /= 2
	}
}

// noRoom reports whether JetStream refuses a stream because of what it reserves.
func noRoom(err error) bool {
	var answer *jetstream.APIError
	if !errors.As(err, &answer) {
		return false
	}
	switch answer.ErrorCode {
	case 10002, 10047, 10122: // of the account, of the server, of a stream in the account
		return true
	case codeNoPeers:
		return strings.Contains(answer.Description, "insufficient storage")
	}
	return false
}

// CheckHistory says in a sentence how much HISTORY holds.
func (c *Conn) CheckHistory(ctx context.Context) (string, error) {
	stream, err := c.js.Stream(ctx, History)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return "HISTORY is not made yet: a worker makes it when it starts, of 1 GiB, or as large as JetStream has room for", nil
	}
	if err != nil {
		return "", reached("look at the stream "+History, err)
	}
	if most := stream.CachedInfo().Config.MaxBytes; most > 0 && most < historyMost {
		return fmt.Sprintf("HISTORY holds %d MiB rather than 1024: JetStream had no more room, so replays and repairs go less far back; "+
			"give JetStream more (max_file_store), then: nats stream edit %s --max-bytes=1GiB", most>>20, History), nil
	}
	return "HISTORY holds 1 GiB or more", nil
}
