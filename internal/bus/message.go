package bus

import (
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"vitrine/internal/item"
)

// message is a delivery.
type message struct {
	msg     jetstream.Msg
	seq     uint64 // in the stream
	attempt int
	sent    time.Time
	era     time.Time                  // when the durable consumer that delivered it was made
	current *atomic.Pointer[time.Time] // the era of the lane now
}

// settle sends an answer for the message, unless its durable consumer is gone: sequences begin again in a
// stream made anew, and an old acknowledgement would then remove a new message that nobody handled.
// A failed answer is no harm: NATS delivers the message again.
func (m message) settle(log *slog.Logger, what string, answer func() error) {
	if now := m.current.Load(); now == nil || !now.Equal(m.era) {
		return
	}
	if err := answer(); err != nil {
		log.Debug("answer to NATS not sent", "answer", what, "subject", m.msg.Subject(), "error", err)
	}
}

// replaces reports whether m stands in the stream in the place of old.
func (m message) replaces(old message) bool {
	return m.msg.Subject() == old.msg.Subject() && m.era.Equal(old.era) && m.seq >= old.seq
}

// key is what must not be in work twice at a time. Subject is set only where no change could be read from it.
type key struct {
	item.Entity
	Dimension string
	Subject   string
}

// slot is a key's place in a lane.
type slot struct {
	key
	Lane item.Lane
}

// work is a task and the messages that asked for it. It is changed only on the board, while it waits.
type work struct {
	slot
	task     Task
	silent   int // attempts in a row that nobody answered, before this one
	place    Place
	parked   bool      // came from PARKED
	posted   time.Time // when it was put on the board
	first    time.Time // when it was first published, over retries and parking
	group    string
	max      int
	fatal    error     // why it is a dead letter without being handled
	messages []message // the newest last
}

// merge takes the messages of other, which came later, and returns those that are replaced in the stream.
func (w *work) merge(other *work) (replaced []message) {
	w.task.Force = w.task.Force || other.task.Force
	w.task.Attempt = min(w.task.Attempt, other.task.Attempt)
	w.task.Second = w.task.Second && other.task.Second
	w.task.Merged = w.task.Merged || other.task.Merged || !w.has(other)
	if other.task.Published.After(w.task.Published) {
		w.task.Published = other.task.Published
		w.task.Subject = other.task.Subject
	}
	w.silent = min(w.silent, other.silent)
	if other.task.Doubt.Answers > w.task.Doubt.Answers {
		w.task.Doubt = other.task.Doubt
	}
	if other.first.Before(w.first) {
		w.first = other.first
	}
	if other.task.Event.After(w.task.Event) {
		w.task.Event = other.task.Event
	}
	for _, m := range other.messages {
		replaced = append(replaced, w.add(m)...)
	}
	return replaced
}

// has reports whether the messages of other are in w already: delivered again.
func (w *work) has(other *work) bool {
	return !slices.ContainsFunc(other.messages, func(m message) bool {
		return !slices.ContainsFunc(w.messages, func(old message) bool { return m.replaces(old) && old.replaces(m) })
	})
}

// change is the task's, as it is published.
func (w *work) change() item.Change {
	c := w.task.Change
	c.Force = w.task.Force
	c.Second = w.task.Second
	return c
}

// deliveries is how often the newest message of the work was delivered.
func (w *work) deliveries() int { return w.messages[len(w.messages)-1].attempt }

func (w *work) add(m message) (replaced []message) {
	for i, old := range w.messages {
		switch {
		case m.replaces(old):
			w.messages[i] = m
			if m.seq == old.seq {
				return nil // the same message, delivered again
			}
			return []message{old}
		case old.replaces(m):
			return []message{m}
		}
	}
	w.messages = append(w.messages, m)
	return nil
}
