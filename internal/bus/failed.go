package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"vitrine/internal/item"
)

// maxDeadLetterBody is how much of a message's body its dead letter keeps, in bytes.
const maxDeadLetterBody = 4 << 10

// DeadLetter is a dead letter: the body of a message of FAILED.
type DeadLetter struct {
	Subject  string    `json:"subject"` // as it was published
	Stage    string    `json:"stage"`
	Reason   string    `json:"reason"`
	Attempts int       `json:"attempts"`
	First    time.Time `json:"first"` // when it was published
	Last     time.Time `json:"last"`  // when it failed for good
	Body     string    `json:"body"`  // the first 4 KiB
}

// deadLetter stores the dead letter of w and returns when NATS holds it.
func (c *Consumer) deadLetter(ctx context.Context, w *work, cause error) error {
	m := w.messages[len(w.messages)-1]
	subject := m.msg.Subject()
	if w.parked && w.Subject == "" {
		c := w.change()
		c.Second = false // who tries it again announces something new
		subject = c.Subject()
	}
	to := item.FailedUnknown(c.cfg.Stage, subject)
	if w.Subject == "" && !errors.Is(cause, item.ErrUnknown) {
		to = item.FailedSubject(c.cfg.Stage, w.task.Change)
	}
	return c.write(ctx, to, DeadLetter{
		Subject: subject, Reason: cause.Error(), Attempts: max(w.task.Attempt, 1), First: w.first, Body: string(m.msg.Data()),
	})
}

func (c *Consumer) write(ctx context.Context, to string, l DeadLetter) error {
	ctx, cancel := stopping(ctx)
	defer cancel()
	l.Stage = c.cfg.Stage
	l.Last = time.Now().Add(c.cfg.Conn.Ahead()).UTC()
	l.Subject, l.Reason = strings.ToValidUTF8(l.Subject, "\uFFFD"), item.Clip(l.Reason, 1024)
	l.Body = strings.ToValidUTF8(l.Body[:min(len(l.Body), maxDeadLetterBody)], "\uFFFD")
	body, err := json.Marshal(l)
	if err != nil {
		return err
	}
	_, err = c.cfg.Conn.js.Publish(ctx, to, body)
	if err != nil {
		return reached("publish "+to, err)
	}
	c.log.Warn("dead letter", "subject", l.Subject, "reason", l.Reason, "attempts", l.Attempts)
	return nil
}

// catchUnroutable makes dead letters of messages whose lane does not exist: no stream takes them.
func (c *Consumer) catchUnroutable(ctx context.Context) (stop func(), err error) {
	first := head(c.cfg.Stream)
	sub, err := c.cfg.Conn.nats.QueueSubscribe(first+".>", "strays-"+c.cfg.Stage, func(m *nats.Msg) {
		if inLane(m.Subject, first) {
			return
		}
		_, cause := c.cfg.Parse(m.Subject)
		if cause == nil {
			cause = fmt.Errorf("%w: no stream takes it", item.ErrSubject)
		}
		now := time.Now().UTC()
		err := c.write(ctx, item.FailedUnknown(c.cfg.Stage, m.Subject),
			DeadLetter{Subject: m.Subject, Reason: cause.Error(), Attempts: 1, First: now, Body: string(m.Data)})
		if err != nil {
			c.log.Error("stray message lost", "subject", m.Subject, "error", err)
		} else {
			c.cfg.Handled(Handled{Verdict: VerdictFail, Err: cause})
		}
		c.refuse(m, cause)
	})
	if err != nil {
		return nil, fmt.Errorf("catch strays: %w: %w", item.ErrUnavailable, err)
	}
	return func() {
		if err := sub.Unsubscribe(); err != nil {
			c.log.Debug("stop catching strays", "error", err)
		}
	}, nil
}

// refuse informs a publisher who waits for an acknowledgement that there will be none.
func (c *Consumer) refuse(m *nats.Msg, cause error) {
	if m.Reply == "" {
		return
	}
	var answer struct {
		Error jetstream.APIError `json:"error"`
	}
	answer.Error = jetstream.APIError{Code: 400, Description: item.Clip(cause.Error(), 256)}
	if body, err := json.Marshal(answer); err == nil {
		if err := m.Respond(body); err != nil {
			c.log.Debug("refusal not sent", "subject", m.Subject, "error", err)
		}
	}
}

// inLane reports whether subject is one that the work queue takes.
func inLane(subject, head string) bool {
	lane, rest, ok := strings.Cut(strings.TrimPrefix(subject, head+"."), ".")
	if _, err := item.ParseLane(lane); err != nil {
		return false
	}
	return ok && rest != ""
}
