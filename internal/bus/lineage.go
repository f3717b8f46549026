package bus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Mark is how far the changes had come at a moment. All its times are NATS's.
type Mark struct {
	Done    time.Time `json:"done"`    // each change that was published before had been done with; zero where that is not known
	History Position  `json:"history"` // how far HISTORY had come
}

// Settled reports whether all that was published before the mark had been done with.
func (m Mark) Settled() bool { return !m.Done.Before(m.History.Time) }

// MarkNow makes a mark. before is the mark before it, whose Done stays while there is parked work: it is not known when
// that was published first.
//
// HISTORY is looked at before CHANGES: what is done meanwhile then counts as not done. Work that goes from PARKED back
// to CHANGES between the two looks is published once more when it is due, and comes into HISTORY again.
func (c *Conn) MarkNow(ctx context.Context, before Mark) (Mark, error) {
	history, err := c.js.Stream(ctx, History)
	if err != nil {
		return Mark{}, reached("look at the stream "+History, err)
	}
	info := history.CachedInfo()
	mark := Mark{History: Position{info.Created, info.State.LastSeq, info.State.LastTime}}
	if mark.History.Time.Before(info.Created) {
		mark.History.Time = info.Created // nothing came yet
	}
	mark.Done = mark.History.Time
	oldest, found, err := c.oldest(ctx, Changes, "change.>")
	if err != nil {
		return Mark{}, err
	}
	if found && oldest.Before(mark.Done) {
		mark.Done = oldest
	}
	_, found, err = c.oldest(ctx, Parked, "parked.>")
	if err != nil {
		return Mark{}, err
	}
	if found && before.Done.Before(mark.Done) {
		mark.Done = before.Done
	}
	return mark, nil
}

// oldest is when the oldest message of a stream below a subject was stored.
func (c *Conn) oldest(ctx context.Context, name, subject string) (at time.Time, found bool, err error) {
	stream, err := c.js.Stream(ctx, name)
	if err != nil {
		return at, false, reached("look at the stream "+name, err)
	}
	m, err := stream.GetMsg(ctx, 1, jetstream.WithGetMsgSubject(subject))
	switch {
	case errors.Is(err, jetstream.ErrMsgNotFound):
		return at, false, nil
	case err != nil:
		return at, false, reached("look for the oldest of "+subject, err)
	}
	return m.Time, true, nil
}

// Since is how HISTORY relates to an earlier mark.
type Since struct {
	RolledBack bool // HISTORY is not what it was at the mark: NATS lost what came before
	Reaches    bool // HISTORY holds all that was published since Mark.Done
	Last       uint64
}

// SinceMark compares HISTORY with a mark. Where HISTORY was made anew it reaches back to no earlier mark.
func (c *Conn) SinceMark(ctx context.Context, m Mark) (Since, error) {
	history, err := c.js.Stream(ctx, History)
	if err != nil {
		return Since{}, reached("look at the stream "+History, err)
	}
	info := history.CachedInfo()
	since := Since{Last: info.State.LastSeq}
	if !info.Created.Equal(m.History.Stream) {
		return since, nil
	}
	switch at := info.State; {
	case at.Msgs > 0:
		since.Reaches = at.FirstSeq <= 1 || !at.FirstTime.After(m.Done)
	default: // it never had any, or they have all aged out, or were purged
		since.Reaches = at.LastSeq == 0 || at.LastSeq == m.History.Seq && m.Settled()
	}
	since.RolledBack, err = c.rolledBack(ctx, history, m.History)
	return since, err
}

// rolledBack reports whether a stream that keeps all its messages is behind a position, or has a younger message there.
func (c *Conn) rolledBack(ctx context.Context, stream jetstream.Stream, p Position) (bool, error) {
	if stream.CachedInfo().State.LastSeq < p.Seq {
		return true, nil
	}
	if p.Seq == 0 {
		return false, nil
	}
	m, err := stream.GetMsg(ctx, p.Seq)
	switch {
	case errors.Is(err, jetstream.ErrMsgNotFound):
		return false, nil // it has aged out
	case err != nil:
		return false, reached(fmt.Sprintf("look at message %d of %s", p.Seq, History), err)
	}
	return m.Time.After(p.Time), nil // p.Time is a little later than the message, by what NATS took to store it
}

// StreamsMade returns when the work queues were made: another time than before means that a queue is a new one, and that
// what had waited in it is lost. now is NATS's clock.
func (c *Conn) StreamsMade(ctx context.Context) (made map[string]time.Time, now time.Time, err error) {
	made = map[string]time.Time{}
	for _, name := range []string{Changes, Parked, Syncs} {
		stream, err := c.js.Stream(ctx, name)
		if err != nil {
			return nil, now, reached("look at the stream "+name, err)
		}
		made[name] = stream.CachedInfo().Created
		now = stream.CachedInfo().TimeStamp
	}
	return made, now, nil
}

// ChangesDone reports whether every change up to a sequence is done with, or parked.
func (c *Conn) ChangesDone(ctx context.Context, upTo uint64) (bool, error) {
	stream, err := c.js.Stream(ctx, Changes)
	if err != nil {
		return false, reached("look at the stream "+Changes, err)
	}
	m, err := stream.GetMsg(ctx, 1, jetstream.WithGetMsgSubject("change.>"))
	switch {
	case errors.Is(err, jetstream.ErrMsgNotFound):
		return true, nil
	case err != nil:
		return false, reached("look for the oldest change", err)
	}
	return m.Sequence > upTo, nil
}

// ChangesAt returns how far the stream of changes has come, and in which life of it.
func (c *Conn) ChangesAt(ctx context.Context) (Position, error) {
	stream, err := c.js.Stream(ctx, Changes)
	if err != nil {
		return Position{}, reached("look at the stream "+Changes, err)
	}
	info := stream.CachedInfo()
	return Position{info.Created, info.State.LastSeq, info.State.LastTime}, nil
}
