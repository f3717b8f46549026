package bus

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"vitrine/internal/item"
	"vitrine/internal/pause"
)

// While Await waits, it tries again after awaitBeat, and says each awaitTell why.
const (
	awaitEvery    = 500 * time.Millisecond
	awaitLogEvery = 30 * time.Second
)

// Await is Ensure, tried until it succeeds or ctx ends. The servers of a cluster that is being started find each other one
// by one, and refuse streams until there are enough of them. What waiting does not mend, such as a NATS that is too old,
// is an error.
func (c *Conn) Await(ctx context.Context) error {
	var logged time.Time
	for {
		err := c.Ensure(ctx)
		switch {
		case err == nil, ctx.Err() != nil, !mayPass(err):
			return err
		case time.Since(logged) > awaitLogEvery:
			c.log.Warn("waiting until NATS has the streams", "error", err)
			logged = time.Now()
		}
		if pause.For(ctx, awaitEvery) != nil {
			return ctx.Err()
		}
	}
}

// The codes of JetStream by which it says that somebody else makes the same stream at this moment, or that there are not
// enough servers for it yet, or never will be.
const (
	codeNoPeers      = 10005
	codeNameInUse    = 10058
	codeNoResources  = 10023
	codeNotClustered = 10074
)

// mayPass reports whether the same may succeed later.
func mayPass(err error) bool {
	var answer *jetstream.APIError
	if errors.As(err, &answer) {
		switch answer.ErrorCode {
		case codeNoPeers, codeNameInUse, codeNoResources:
			return true
		case codeNotClustered:
			return false
		}
	}
	return errors.Is(err, item.ErrUnavailable) || errors.Is(err, jetstream.ErrBucketExists)
}
