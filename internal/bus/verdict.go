package bus

import (
	"context"
	"errors"
	"time"

	"vitrine/internal/item"
)

// action is what becomes of a task's messages.
type action byte

const (
	ack   action = iota + 1 // done
	again                   // delivered again after a delay
	retry                   // published again at a time: the same, for changes, of which very many may wait
	back                    // given to another process, or to the next one, at once
	park                    // set aside until its place takes work again
	fail                    // a dead letter
)

func (a action) String() string {
	return [...]string{"", "ack", "again", "retry", "back", "park", "fail"}[a]
}

type verdict struct {
	action action
	delay  time.Duration
}

// What own stores and queues refuse is tried again soon, by few.
const (
	ownBackoff = 5 * time.Second
	ownPause   = 200 * time.Millisecond
)

// rule says how often a class of errors is tried, and whether at once. 0 attempts are those of the config.
type rule struct {
	class    error
	attempts int
	atOnce   bool
	endless  bool // its handler knows when to give up
}

// rules is the one table from classes of errors to actions; the first match counts.
func rules() [10]rule {
	return [...]rule{
		{class: item.ErrOwn, endless: true},
		{class: item.ErrSubject, attempts: 1},
		{class: item.ErrUnknown, attempts: 1},
		{class: item.ErrName, attempts: 1},
		{class: item.ErrID, attempts: 1},
		{class: item.ErrRefused, attempts: 3}, // a deploy of its owner may mend it
		{class: item.ErrVersion, attempts: 3},
		{class: item.ErrChanged, atOnce: true},
		{class: item.ErrBehind, endless: true},
		{class: item.ErrUnavailable},
	}
}

// judge decides over a task by its error. Cancelled work of a consumer that stops is no failure.
func (c *Consumer) judge(ctx context.Context, w *work, err error) verdict {
	if err == nil {
		return verdict{action: ack}
	}
	if ctx.Err() != nil && w.fatal == nil {
		return verdict{action: back}
	}
	if errors.Is(err, item.ErrNotAsked) && w.place.Name != "" && w.fatal == nil {
		return verdict{action: park}
	}
	r := match(err)
	attempts := c.cfg.Attempts
	if r.attempts > 0 {
		attempts = min(attempts, r.attempts)
	}
	switch {
	case w.fatal != nil || w.task.Attempt >= attempts && !r.endless:
		return verdict{action: fail}
	case r.atOnce:
		return verdict{action: back}
	case r.class == item.ErrOwn:
		return verdict{again, min(c.cfg.Backoff(w.task.Attempt), ownBackoff)}
	case c.cfg.Stream == Changes:
		return verdict{retry, c.cfg.Backoff(w.task.Attempt)}
	}
	return verdict{again, c.cfg.Backoff(w.task.Attempt)}
}

func match(err error) rule {
	for _, r := range rules() {
		if errors.Is(err, r.class) {
			return r
		}
	}
	return rule{}
}

// stopping is a context for the last words of a worker: it outlives the cancelling of ctx.
func stopping(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), patience)
}
