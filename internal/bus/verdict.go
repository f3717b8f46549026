package bus

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"vitrine/internal/item"
	"vitrine/internal/redact"
)

// action is what becomes of a task's messages.
type action byte

const (
	ack   action = iota + 1 // done
	again                   // delivered again after a delay
	retry                   // published again at a time: the same, for changes, of which very many may wait
	look                    // done, and published once more a while later
	back                    // given to another process, or to the next one, at once
	park                    // set aside until its place takes work again
	drop                    // done, since nobody wants it any more
	fail                    // a dead letter
)

func (a action) String() string {
	return [...]string{"", "ack", "again", "retry", "look", "back", "park", "drop", VerdictFail}[a]
}

// VerdictFail is the verdict of Handled that makes a dead letter.
const VerdictFail = "fail"

// Verdicts are all that Handled can have.
func Verdicts() (all []string) {
	for a := ack; a <= fail; a++ {
		all = append(all, a.String())
	}
	return all
}

// verdict is an action, when it is due, and what the message that stands for the work from then on has to carry.
type verdict struct {
	action action
	delay  time.Duration
	past   past
}

// past is what was learned about a change by the attempts up to now. It travels with the change, since the next
// attempt may be another process's.
type past struct {
	wrong  int    // answers that were wrong; only these are attempts
	silent int    // attempts that nobody answered, in a row
	doubt  Doubt  // answers older than the record, in a row
	reason string // why the last attempt failed, for whoever looks into the queue
}

// Doubt is kept of an upstream whose answers are older than the record.
type Doubt struct {
	Version string    // of the record; of another version held, the doubt begins anew
	Since   time.Time // when the first such answer came
	Answers int       // how many came
}

// ErrSecondLook is no failure: the change found nothing new, though somebody announced it. It is done, and handled once
// more a few seconds later: a replica that lags says then what it did not know yet.
var ErrSecondLook = errors.New("nothing new yet")

// Doubted is item.ErrBehind with what the next attempt has to know.
type Doubted struct {
	Doubt Doubt
	Err   error
}

func (d *Doubted) Error() string { return d.Err.Error() }
func (d *Doubted) Unwrap() error { return d.Err }

// How long work waits for the next attempt, at most, so that all is right within a minute once its upstream, or our
// own store, answers again.
const (
	silentBackoff = 30 * time.Second // after silence; while the breaker is open, work is parked instead
	doubtBackoff  = 15 * time.Second // after an answer older than the record: five and more within the minute of doubt
	ownBackoff    = 5 * time.Second  // after a failure of our own store or queue
)

// response is how a class of errors is met.
type response byte

const (
	wrong    response = iota // an attempt: after the last one, a dead letter
	silent                   // nobody answered: tried again for ever
	behind                   // its handler knows when to believe
	needless                 // it is dropped
	own                      // our own store, queue or catalog is away, or another writer was faster: tried again soon, for ever
)

// rule says how a class of errors is met. 0 attempts are those of the config.
type rule struct {
	class    error
	response response
	attempts int
}

// rules is the one table from classes of errors to actions; the first match counts.
func rules() [12]rule {
	return [...]rule{
		{item.ErrOwn, own, 0},
		{item.ErrCatalog, own, 0},
		{item.ErrRemoved, needless, 0},
		{item.ErrSubject, wrong, 1},
		{item.ErrUnknown, wrong, 1},
		{item.ErrName, wrong, 1},
		{item.ErrID, wrong, 1},
		{item.ErrRefused, wrong, 3}, // a deploy of its upstream may mend it
		{item.ErrVersion, wrong, 3},
		{item.ErrChanged, own, 0},
		{item.ErrBehind, behind, 0},
		{item.ErrUnavailable, silent, 0},
	}
}

// judge decides over a task by its error. Cancelled work of a consumer that stops is no failure.
func (c *Consumer) judge(ctx context.Context, w *work, err error) verdict {
	switch {
	case err == nil:
		return verdict{action: ack}
	case errors.Is(err, ErrSecondLook) && w.fatal == nil:
		return verdict{action: look, delay: jitter(c.cfg.Timing.Second)}
	case ctx.Err() != nil && w.fatal == nil:
		return verdict{action: back}
	case errors.Is(err, item.ErrNotAsked) && w.place.Name != "" && w.fatal == nil:
		return verdict{action: park}
	}
	r := match(err)
	next := past{wrong: w.task.Attempt - 1, reason: reasonOf(err)}
	switch {
	case r.response == needless:
		return verdict{action: drop}
	case w.fatal != nil && r.response != own:
		return verdict{action: fail}
	case r.response == own: // by deliveries: nothing is written for it
		return verdict{action: again, delay: min(c.cfg.Timing.Backoff(w.deliveries()), ownBackoff)}
	case r.response == silent:
		next.silent = w.silent + 1
		return verdict{c.later(), min(c.cfg.Timing.Backoff(next.silent), silentBackoff), next}
	case r.response == behind:
		next.doubt = doubtOf(err)
		return verdict{c.later(), min(c.cfg.Timing.Backoff(max(next.doubt.Answers, 1)), doubtBackoff), next}
	}
	attempts := c.cfg.Attempts
	if r.attempts > 0 {
		attempts = min(attempts, r.attempts)
	}
	next.wrong++
	if next.wrong >= attempts {
		return verdict{action: fail}
	}
	return verdict{c.later(), c.cfg.Timing.Backoff(next.wrong), next}
}

// later is how work is put off: changes by a schedule, which may wait in any number.
func (c *Consumer) later() action {
	if c.cfg.Stream == Changes {
		return retry
	}
	return again
}

// reasonMax is how many bytes of an error travel with the work that it puts off.
const reasonMax = 500

// reasonOf is an error as a header: on one line.
func reasonOf(err error) string {
	return item.Clip(redact.Shown(strings.Join(strings.Fields(err.Error()), " ")), reasonMax)
}

func doubtOf(err error) Doubt {
	var d *Doubted
	if errors.As(err, &d) {
		return d.Doubt
	}
	return Doubt{}
}

func match(err error) rule {
	for _, r := range rules() {
		if errors.Is(err, r.class) {
			return r
		}
	}
	return rule{}
}

// jitter is d, ±20%, so that what came together does not come back together.
func jitter(d time.Duration) time.Duration {
	return time.Duration(float64(d) * (0.8 + 0.4*rand.Float64()))
}

// stopping is a context for the last words of a worker: it outlives the cancelling of ctx.
func stopping(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), requestTimeout)
}

// String is the doubt as a header; readDoubt reads it.
func (d Doubt) String() string {
	return fmt.Sprintf("%d %s %s", d.Answers, d.Since.UTC().Format(time.RFC3339Nano), d.Version)
}

// readDoubt gives no doubt for what it can't read: anybody may have written it.
func readDoubt(s string) Doubt {
	if s == "" { // as a rule
		return Doubt{}
	}
	var d Doubt
	var since string
	if _, err := fmt.Sscanf(s, "%d %s %s", &d.Answers, &since, &d.Version); err != nil || d.Answers < 1 {
		return Doubt{}
	}
	at, err := time.Parse(time.RFC3339Nano, since)
	if err != nil {
		return Doubt{}
	}
	d.Since = at
	return d
}
