package bus

import (
	"context"
	"math"
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

// Urgency is what the stages of a process know of each other's urgent work.
type Urgency struct{ urgency }

// Board is where work waits for workers.
type Board struct{ *board }

// NewBoard makes one of a stage with more than one place.
func NewBoard(u *Urgency, buffer int) Board {
	return Board{newBoard(buffer, &u.urgency, func() bool { return true })}
}

// Batch is work that was taken off a board.
type Batch []*work

// Add puts one work for each id on the board, for batches of max at a place, and returns how many are to be parked.
func (b Board) Add(lane item.Lane, at Place, max int, ids ...string) (turnedAway int) {
	var works []*work
	for _, id := range ids {
		k := key{Entity: item.Entity{Kind: "sku", ID: id}}
		works = append(works, &work{slot: slot{k, lane}, place: at, group: at.Name, max: max, task: Task{Change: item.Change{Lane: lane, Entity: k.Entity}}})
	}
	_, away := b.add(works, func(string) int { return math.MaxInt })
	return len(away)
}

// Next waits for the next batch; none when the board is closed.
func (b Board) Next() Batch { return b.next() }

// Done ends a batch.
func (b Board) Done(batch Batch) { b.done(batch) }

// Close wakes who waits for a batch.
func (b Board) Close() { b.close() }

// Room waits until the board takes work in, and returns how much; 0 when ctx ends.
func (b Board) Room(ctx context.Context, lane item.Lane) int { return b.room(ctx, lane) }

// IDs lists what the batch is of.
func (b Batch) IDs() (ids []string) {
	for _, w := range b {
		ids = append(ids, w.ID)
	}
	return ids
}
