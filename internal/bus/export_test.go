package bus

import (
	"context"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"vitrine/internal/item"
)

// ReadAll reads the bodies of a stream that is no work queue.
func ReadAll(ctx context.Context, c *Conn, name string) (bodies [][]byte, err error) {
	stream, err := c.js.Stream(ctx, name)
	if err != nil {
		return nil, err
	}
	last := stream.CachedInfo().State.LastSeq
	for seq := uint64(1); seq <= last; seq++ {
		if m, err := stream.GetMsg(ctx, seq); err == nil {
			bodies = append(bodies, m.Data)
		}
	}
	return bodies, nil
}

// Drain waits for workers as a consumer does that is being stopped.
func Drain(c *Consumer, workers <-chan struct{}, cancel func()) error {
	return c.drain(workers, cancel)
}

// JetStream is for what a test does behind the Conn's back.
func JetStream(c *Conn) jetstream.JetStream { return c.js }

// BodyTime and CheckVersion are what is parsed from strangers.
var (
	BodyTime     = bodyTime
	CheckVersion = checkVersion
)

// SyncInterval is how long a stored message may be in memory alone.
func SyncInterval(s *Server) time.Duration { return s.nats.JetStreamConfig().SyncInterval }

// Gate is what holds work back while our own store fails.
type Gate struct{ *gate }

// NewGate makes one.
func NewGate() Gate { return Gate{newGate()} }

// Pass waits until a batch may be worked on.
func (g Gate) Pass(ctx context.Context) { g.pass(ctx) }

// Note tells it how a batch that began with an id ended.
func (g Gate) Note(id string, errs ...error) {
	g.note(key{Entity: item.Entity{Kind: "sku", ID: id}}, errs)
}
