package bus

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"vitrine/internal/failpoint"
	"vitrine/internal/item"
	"vitrine/internal/redact"
)

// work takes batches until the board is closed, and returns when all are done. The board bounds how many
// are in work. After intake has ended nothing waits at the gate.
func (c *Consumer) work(ctx, intake context.Context) {
	var batches sync.WaitGroup
	defer batches.Wait()
	for {
		c.gate.pass(intake)
		batch := c.board.next()
		if batch == nil {
			return
		}
		batches.Go(func() {
			defer redact.Crash()
			c.handle(ctx, batch)
			c.board.done(batch)
		})
	}
}

// handle works on a batch and answers NATS for each of its messages.
func (c *Consumer) handle(ctx context.Context, batch []*work) {
	began := time.Now()
	errs := c.attempt(ctx, batch)
	c.gate.note(batch[0].key, errs)
	var aside []*work
	for i, w := range batch {
		v := c.judge(ctx, w, errs[i])
		if v.action == park {
			aside = append(aside, w)
			continue
		}
		v = c.carryOut(ctx, w, v, errs[i])
		failpoint.Hit(failpoint.Acking)
		c.cfg.Handled(Handled{w.Lane, w.place.Name, v.action.String(), errs[i], time.Since(began)})
	}
	if len(aside) > 0 {
		c.setAside(ctx, aside)
	}
}

// attempt calls the handler and gives one error per work. Work that is a dead letter from the start has a
// batch for itself.
func (c *Consumer) attempt(ctx context.Context, batch []*work) (errs []error) {
	errs = make([]error, len(batch))
	tasks := make([]Task, 0, len(batch))
	at := make([]int, 0, len(batch))
	for i, w := range batch {
		errs[i] = w.fatal
		if w.fatal == nil {
			tasks = append(tasks, w.task)
			at = append(at, i)
		}
	}
	if len(tasks) == 0 {
		return errs
	}
	results := c.call(ctx, tasks)
	for i, j := range at {
		errs[j] = results[i]
	}
	return errs
}

// call shields the worker from a handler that panics or gives too few results.
func (c *Consumer) call(ctx context.Context, tasks []Task) (errs []error) {
	defer func() {
		if p := recover(); p != nil {
			c.log.Error("handler panicked", "panic", p, "first", tasks[0].Change.Entity, "tasks", len(tasks), "stack", string(debug.Stack()))
			errs = forAll(tasks, fmt.Errorf("handler panicked: %v", p))
		}
	}()
	errs = c.cfg.Handle(ctx, tasks)
	if len(errs) != len(tasks) {
		errs = forAll(tasks, fmt.Errorf("handler gave %d results for %d tasks", len(errs), len(tasks)))
	}
	return errs
}

func forAll(tasks []Task, err error) []error {
	errs := make([]error, len(tasks))
	for i := range errs {
		errs[i] = err
	}
	return errs
}

// carryOut answers NATS, and gives the verdict that it could carry out. A message goes only after its dead letter or its retry is stored.
func (c *Consumer) carryOut(ctx context.Context, w *work, v verdict, cause error) verdict {
	if err := c.moveOn(ctx, w, v, cause); err != nil {
		c.log.Warn("work not moved on, trying again", "to", v.action.String(), "subject", w.messages[0].msg.Subject(), "error", err)
		v = verdict{action: again, delay: min(c.cfg.Timing.Backoff(w.deliveries()), ownBackoff)}
	}
	c.acknowledge(w, v, cause)
	return v
}

// acknowledge settles the messages of a work. What was parked or scheduled is done with.
func (c *Consumer) acknowledge(w *work, v verdict, cause error) {
	for _, m := range w.messages {
		m.settle(c.log, v.action.String(), func() error {
			switch v.action {
			case ack, drop, park, retry, look:
				return m.msg.Ack()
			case again:
				return m.msg.NakWithDelay(v.delay)
			case back:
				return m.msg.Nak()
			default:
				return m.msg.TermWithReason(item.Clip(cause.Error(), 256))
			}
		})
	}
}

// moveOn stores what stands in the place of a message from now on.
func (c *Consumer) moveOn(ctx context.Context, w *work, v verdict, cause error) error {
	switch v.action {
	case fail:
		return c.deadLetter(ctx, w, cause)
	case retry, look:
		return c.schedule(ctx, w, v)
	}
	return nil
}
