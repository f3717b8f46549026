package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"vitrine/internal/item"
	"vitrine/internal/pause"
	"vitrine/internal/redact"
)

// Task is one change to work on. Changes of the same entity and dimension that waited together are one task. Its Event, Published
// and Subject are those of the latest, and Force is set if one of them had it.
type Task struct {
	Change    item.Change
	Event     time.Time // when the change happened, else when it was published
	Published time.Time // when NATS stored it
	Subject   string    // in CHANGES
	Force     bool
	Attempt   int   // 1 at the first; those before it had wrong answers. Silence does not count
	Doubt     Doubt // of answers that were older than the record
	Second    bool  // it is the second look that ErrSecondLook has asked for
	Merged    bool  // it stands for several changes that waited here; those that NATS merged are reported by Conn.Repeated
}

// Place is where work is done: an upstream. At most Limit of its batches are in work at a time.
type Place struct {
	Name  string // "" is no place in particular
	Limit int
}

// Handled says what became of a task.
type Handled struct {
	Lane    item.Lane // "" for a message in no lane
	Place   string    // "" is no place in particular
	Verdict string    // ack, again, retry, look, back, park, drop, fail
	Err     error     // what its handler said, or what is wrong with it from the start; nil for ack and in what was never handled
	Took    time.Duration
}

// Consumer drives a stage: it takes changes from its lanes, high first, and hands them to Handle in batches.
type Consumer struct {
	cfg    ConsumerConfig
	log    *slog.Logger
	board  *board
	gate   *gate
	lanes  []*intake
	parked chan struct{} // holds a mark when something was parked
}

// abandon is how long a handler may take to return after its context was cancelled: on a machine that has no time for it,
// seconds.
const abandon = 10 * time.Second

// NewConsumer checks cfg and sets its defaults. It fails where something required is missing or a number is negative.
func NewConsumer(cfg ConsumerConfig) (*Consumer, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	c := &Consumer{
		cfg: cfg, log: cfg.Log.With("stage", cfg.Stage), gate: newGate(), parked: make(chan struct{}, 1),
		board: newBoard(cfg.Buffer, &cfg.Conn.urgent, cfg.places),
	}
	for _, lane := range item.Lanes() {
		c.lanes = append(c.lanes, &intake{consumer: c, lane: lane})
	}
	return c, nil
}

// Run works until ctx ends. Then it stops the intake, gives back what waits, and lets handlers finish within Drain. Those that
// have not returned by then have their context cancelled, and those that don't return even so are given up after abandon. It fails
// where one was given up, or with what NATS fails with.
func (c *Consumer) Run(ctx context.Context) error {
	strays, err := c.catchUnroutable(ctx)
	if err != nil {
		return err
	}
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	intakes := c.start(len(c.lanes), func(i int) { c.lanes[i].run(ctx) })
	orphans := c.start(len(c.lanes), func(i int) { c.lanes[i].watchOrphans(ctx) })
	parked := c.start(1, func(int) { c.runParked(ctx) })
	workers := c.start(1, func(int) { c.work(work, ctx) })
	keeper := c.start(1, func(int) { c.extendAcks(work) })

	<-ctx.Done()
	strays()
	<-intakes
	<-orphans
	<-parked
	c.giveBack(c.board.close())
	err = c.drain(workers, cancel)
	cancel()
	<-keeper
	return errors.Join(err, c.cfg.Conn.flush())
}

// start runs f(0) … f(n-1), each in its goroutine; the channel is closed when all have returned.
func (c *Consumer) start(n int, f func(int)) <-chan struct{} {
	var group sync.WaitGroup
	for i := range n {
		group.Go(func() {
			defer redact.Crash()
			f(i)
		})
	}
	done := make(chan struct{})
	go func() {
		defer redact.Crash()
		group.Wait()
		close(done)
	}()
	return done
}

func (c *Consumer) drain(workers <-chan struct{}, cancel func()) error {
	patience := time.NewTimer(c.cfg.Timing.Drain)
	defer patience.Stop()
	select {
	case <-workers:
		return nil
	case <-patience.C:
	}
	cancel()
	patience.Reset(abandon)
	select {
	case <-workers:
		return nil
	case <-patience.C:
		return fmt.Errorf("consumer %s: handlers still run %s after they were cancelled", c.cfg.Stage, abandon)
	}
}

func (c *Consumer) giveBack(waiting []*work) {
	for _, w := range waiting {
		for _, m := range w.messages {
			m.settle(c.log, "give back", m.msg.Nak)
		}
	}
}

// extendAcks extends the acknowledgement time of all that this process holds, until ctx ends.
func (c *Consumer) extendAcks(ctx context.Context) {
	for pause.For(ctx, c.cfg.Timing.AckWait/2) == nil {
		for _, m := range c.board.held() {
			m.settle(c.log, "extend", m.msg.InProgress)
		}
	}
}
