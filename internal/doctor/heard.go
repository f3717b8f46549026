package doctor

import (
	"context"
	"errors"
	"fmt"
	"time"

	"vitrine/internal/bus"
	"vitrine/internal/node"
	"vitrine/internal/pause"
	"vitrine/internal/rooms"
)

const (
	hearsWithin = 5 * time.Second        // in which the note of a room moves that is heard
	hearsEvery  = 200 * time.Millisecond // it is looked at
)

// checkHeard says whether this room hears what is announced in another one, whose NATS ends at end; the zero position if it is not reached.
func (x *checkRun) checkHeard(ctx context.Context, conn *bus.Conn, room string, end bus.Position) {
	h, err := hear(ctx, conn.Bucket(node.MarksBucket), room)
	switch {
	case err != nil:
		err = fmt.Errorf("%s: %w", room, err)
	case h.complete:
	case h.moves:
		x.warn("heard", fmt.Sprintf("%s is heard with a delay%s", room, behind(h.note, end)))
		return
	case h.note.Holder == "":
		err = fmt.Errorf("%s: nobody hears it%s%s: does a heterog with rooms: run here? Its log says what is wrong", room, since(h.note), behind(h.note, end))
	default:
		err = fmt.Errorf("%s: it is not heard%s%s: the log of the heterog that should hear it says why", room, since(h.note), behind(h.note, end))
	}
	x.report("heard", room+" is heard up to now", err)
}

// heard is what became of a room's note while it was watched.
type heard struct {
	note     rooms.Note
	complete bool // it moved with nothing left to be heard
	moves    bool // it moved
}

// hear watches the note about a room.
func hear(ctx context.Context, marks *bus.Bucket, room string) (h heard, err error) {
	first, err := noteOf(ctx, marks, room)
	h.note = first
	for began := time.Now(); err == nil && !h.complete && time.Since(began) < hearsWithin; {
		err = pause.For(ctx, hearsEvery)
		if err == nil {
			h.note, err = noteOf(ctx, marks, room)
		}
		h.complete = !h.note.At.Equal(first.At)
		h.moves = h.note.Heard != first.Heard
	}
	return h, err
}

func noteOf(ctx context.Context, marks *bus.Bucket, room string) (rooms.Note, error) {
	notes, err := rooms.Heard(ctx, marks)
	if err != nil {
		return rooms.Note{}, err
	}
	n, ok := notes[room]
	if !ok {
		return n, errors.New("it was never heard: does a heterog with rooms: run here?")
	}
	return n, nil
}

func since(n rooms.Note) string {
	if n.At.IsZero() {
		return ""
	}
	return " since " + ago(n.At)
}

// behind says what is still to be heard of a room whose announcements end there. Both times are by that room's clock.
func behind(n rooms.Note, end bus.Position) string {
	switch {
	case end.Stream.IsZero() || end.Reaches(n.Heard) && n.Heard.Reaches(end):
		return ""
	case !end.Stream.Equal(n.Heard.Stream):
		return ", and its NATS has lost its files meanwhile"
	case end.Seq < n.Heard.Seq:
		return ", and its NATS was rolled back meanwhile"
	}
	return fmt.Sprintf(", and %d of its messages are still to come, of %s", end.Seq-n.Heard.Seq, end.Time.Sub(n.Heard.Time).Round(time.Second))
}
