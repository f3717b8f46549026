package bus

import (
	"context"
	"math"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"vitrine/internal/item"
)

// ReadAll reads the bodies of all messages of a stream that is not a work queue.
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

// Drain waits for workers as a consumer does when it is stopped.
func Drain(c *Consumer, workers <-chan struct{}, cancel func()) error {
	return c.drain(workers, cancel)
}

// JetStream gives a test direct access to what the Conn uses.
func JetStream(c *Conn) jetstream.JetStream { return c.js }

// SetAhead has a Conn take NATS's clock for ahead of this machine's by as much.
func SetAhead(c *Conn, by time.Duration) {
	now := time.Now()
	c.clock.learn(now, now, now.Add(by))
}

// BodyTime and CheckVersion parse untrusted input.
var (
	BodyTime     = bodyTime
	CheckVersion = checkVersion
)

// SyncInterval is the longest time for which a stored message may be in memory only.
func SyncInterval(s *Server) time.Duration { return s.nats.JetStreamConfig().SyncInterval }

// Gate holds work back while our own store fails.
type Gate struct{ *gate }

func NewGate() Gate { return Gate{newGate()} }

// Pass waits until a batch may be worked on.
func (g Gate) Pass(ctx context.Context) { g.pass(ctx) }

// Note reports to the gate how a batch ended whose first task is of id.
func (g Gate) Note(id string, errs ...error) {
	g.note(key{Entity: item.Entity{Kind: "sku", ID: id}}, errs)
}

// Urgency is what the stages of a process share about their urgent work.
type Urgency struct{ urgency }

// Board holds work for workers to take.
type Board struct{ *board }

// NewBoard makes the board of a stage whose work is done among these places.
func NewBoard(u *Urgency, buffer int, among ...Place) Board {
	return Board{newBoard(buffer, &u.urgency, func() []Place { return among })}
}

// Batch is work that was taken from a board.
type Batch []*work

// Add puts one work for each id on the board, in batches of at most max at the place, and returns how many the board
// turned away to be parked.
func (b Board) Add(lane item.Lane, at Place, max int, ids ...string) (turnedAway int) {
	var works []*work
	for _, id := range ids {
		k := key{Entity: item.Entity{Kind: "sku", ID: id}}
		works = append(works, &work{slot: slot{k, lane}, place: at, group: at.Name, max: max, task: Task{Change: item.Change{Lane: lane, Entity: k.Entity}}})
	}
	_, away := b.add(works, func(string) int { return math.MaxInt })
	return len(away)
}

// Next waits for the next batch. It returns none when the board is closed.
func (b Board) Next() Batch { return b.next() }

// Done ends a batch.
func (b Board) Done(batch Batch) { b.done(batch) }

// Close wakes all callers that wait for a batch.
func (b Board) Close() { b.close() }

// Room waits until the board accepts work, and returns how much. It returns 0 when ctx ends.
func (b Board) Room(ctx context.Context, lane item.Lane) int { return b.room(ctx, lane) }

// IDs lists the ids of the batch's entities.
func (b Batch) IDs() (ids []string) {
	for _, w := range b {
		ids = append(ids, w.ID)
	}
	return ids
}

// Moving is Left without what is parked.
func (c *Conn) Moving(ctx context.Context) (uint64, error) { return c.count(ctx, Changes, Syncs) }

// ServerName is the name of the server that the connection stands to; "" while it does not.
func (c *Conn) ServerName() string { return c.nats.ConnectedServerName() }
