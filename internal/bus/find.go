package bus

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"vitrine/internal/item"
)

// Queued is a message about an entity in one of the streams.
type Queued struct {
	Stream    string    `json:"stream"`
	Subject   string    `json:"subject"`
	Seq       uint64    `json:"seq"`
	Since     time.Time `json:"since"`         // when the message came; of an attempt that is put off or parked, when the change did
	Due       string    `json:"due,omitempty"` // of a schedule: its Nats-Schedule
	State     State     `json:"state"`
	Dimension string    `json:"dimension,omitempty"` // "all" for each; none for an entity that is to be folded
	Attempts  int       `json:"attempts,omitempty"`  // refused, or unanswered, in a row
	Reason    string    `json:"reason,omitempty"`    // why the last attempt failed
}

// State says what queued work waits for.
type State string

// The states.
const (
	Waits      State = "waiting"     // for a worker
	Parks      State = "parked"      // until its upstream takes calls again
	Refused    State = "refused"     // the answers were, so far; it is asked for again
	Unanswered State = "unanswered"  // nobody answered, or said "not now"; it is asked for again
	Older      State = "older"       // the answers are older than the record; it is asked for again
	Retries    State = "retry"       // another attempt
	Looks      State = "second look" // done, and looked at once more
	Scheduled  State = "scheduled"   // somebody has announced it for later
	Folds      State = "to fold"     // for a syncer
	Dead       State = "dead letter" // given up
	HeldBack   State = "held"        // a deletion that nobody believes yet
)

// Find lists what is queued about an entity, dead letters included.
func (c *Conn) Find(ctx context.Context, e item.Entity) (found []Queued, err error) {
	id := item.EncodeID(e.ID)
	for _, at := range []struct{ stream, subject string }{
		{Changes, "change.*." + e.Kind + ".*." + id},
		{Changes, "due.*.*." + e.Kind + ".*." + id},
		{Parked, "parked.*.*." + e.Kind + ".*." + id},
		{Syncs, "sync.*." + e.Kind + "." + id},
		{Failed, "failed.*." + e.Kind + ".*." + id},
		{Held, "held." + e.Kind + ".*." + id},
	} {
		stream, err := c.js.Stream(ctx, at.stream)
		if err != nil {
			return nil, reached("look at the stream "+at.stream, err)
		}
		info, err := stream.Info(ctx, jetstream.WithSubjectFilter(at.subject))
		if err != nil {
			return nil, reached("look at the stream "+at.stream, err)
		}
		for subject := range info.State.Subjects {
			m, err := stream.GetLastMsgForSubject(ctx, subject)
			if errors.Is(err, jetstream.ErrMsgNotFound) {
				continue // done meanwhile
			}
			if err != nil {
				return nil, reached("read "+subject, err)
			}
			found = append(found, queued(at.stream, m))
		}
	}
	return found, nil
}

// queued reads a message. Anybody may have written it.
func queued(stream string, m *jetstream.RawStreamMsg) Queued {
	q := Queued{Stream: stream, Subject: m.Subject, Seq: m.Sequence, Since: m.Time, Due: m.Header.Get(scheduleHeader), Reason: m.Header.Get(reasonHeader)}
	if tokens := strings.Split(m.Subject, "."); stream != Syncs && len(tokens) > 2 {
		q.Dimension = strings.TrimRight(tokens[len(tokens)-2], "!~") // signs of a forced change and of a second look
	}
	for _, name := range []string{timeHeader, firstHeader} {
		if t, err := time.Parse(time.RFC3339Nano, m.Header.Get(name)); err == nil && t.Before(q.Since) {
			q.Since = t
		}
	}
	wrong, silent := count(m.Header, attemptHeader), count(m.Header, silentHeader)
	switch {
	case stream == Parked:
		q.State = Parks
	case stream == Syncs:
		q.State = Folds
	case stream == Held:
		q.State = HeldBack
	case stream == Failed:
		q.State = Dead
		var l DeadLetter
		if err := json.Unmarshal(m.Data, &l); err == nil {
			q.Reason, q.Attempts, q.Since = l.Reason, l.Attempts, l.First
		}
	case !strings.HasPrefix(m.Subject, "due."):
		q.State = Waits
	case strings.HasPrefix(m.Subject, "due.look."):
		q.State = Looks
	case !strings.HasPrefix(m.Subject, "due.retry."):
		q.State = Scheduled
	case readDoubt(m.Header.Get(doubtHeader)).Answers > 0:
		q.State = Older
	case silent > 0:
		q.State = Unanswered
		q.Attempts = silent
	case wrong > 0:
		q.State = Refused
		q.Attempts = wrong
	default:
		q.State = Retries
	}
	return q
}
