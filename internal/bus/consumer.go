package bus

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"sync"
	"time"

	"vitrine/internal/item"
	"vitrine/internal/redact"
)

// Task is one change to work on. Changes that waited together are one task: Event is the latest of theirs,
// Force is set if one had it.
type Task struct {
	Change  item.Change
	Event   time.Time // when the change happened, else when it was published
	Force   bool
	Attempt int   // 1 at the first; those before it had wrong answers. Silence does not count
	Doubt   Doubt // of answers that were older than the record
	Second  bool  // it is the second look that ErrLookAgain has asked for
}

// Place is where work is done, an upstream; at most Limit of its batches are in work at a time.
type Place struct {
	Name  string // "" is no place in particular
	Limit int
}

// Handled tells what became of a task. One of a message in no lane has none.
type Handled struct {
	Lane    item.Lane
	Place   string // "" is no place in particular
	Verdict string // ack, again, retry, look, back, park, fail
	Err     error  // what its handler said, or what is wrong with it from the start; nil for ack and in what was never handled
	Took    time.Duration
}

// ConsumerConfig describes a stage's work. Conn, Stage, Stream, Parse, Group and Handle are required.
type ConsumerConfig struct {
	Conn   *Conn
	Stage  string // a name; a part of the durable consumers' names
	Stream string // Changes or Syncs

	Parse   func(subject string) (item.Change, error)       // an error makes a dead letter at once
	Check   func(item.Change) error                         // the same, for what the catalog does not know; defaults to nil for all
	Group   func(item.Change) (key string, max int)         // tasks of one lane with equal keys may be handled together, max at a time
	Place   func(item.Change) Place                         // where a task is done; defaults to no place in particular
	Places  func() []Place                                  // all that have a name; defaults to none
	Open    func(item.Lane) bool                            // false: the lane's changes wait in NATS; defaults to true
	Takes   func(place string) int                          // batches that it takes now; at 0 its work is parked. Defaults to any number
	Handle  func(ctx context.Context, tasks []Task) []error // one error per task, by position; nil acks
	Handled func(Handled)                                   // told after each task, for metrics; defaults to nothing

	Concurrency int                             // batches in work that have no place in particular; defaults to 64
	Buffer      int                             // tasks waiting per lane; defaults to 8192
	Attempts    int                             // with wrong answers, before a dead letter; defaults to 10
	Backoff     func(attempt int) time.Duration // before the next attempt; defaults to 100 ms doubling to 60 s, ±20%
	Drain       time.Duration                   // for what is in work when Run is stopped; defaults to 8 s
	Second      time.Duration                   // until the second look; defaults to 4 s
	Stranded    time.Duration                   // until work parked for an upstream that is no more is taken up; defaults to 20 s
	AckWait     time.Duration                   // after which NATS gives the work of a dead process to another; defaults to 30 s
	Log         *slog.Logger                    // defaults to silence
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

// abandon is how long a handler may take to return after its context was cancelled.
const abandon = time.Second

// NewConsumer checks cfg and sets its defaults.
func NewConsumer(cfg ConsumerConfig) (*Consumer, error) {
	cfg.Concurrency, cfg.Buffer = cmp.Or(cfg.Concurrency, 64), cmp.Or(cfg.Buffer, 8192)
	cfg.Attempts, cfg.Drain, cfg.AckWait = cmp.Or(cfg.Attempts, 10), cmp.Or(cfg.Drain, 8*time.Second), cmp.Or(cfg.AckWait, 30*time.Second)
	cfg.Second, cfg.Stranded = cmp.Or(cfg.Second, 4*time.Second), cmp.Or(cfg.Stranded, 20*time.Second)
	cfg.Log = orSilent(cfg.Log)
	if cfg.Backoff == nil {
		cfg.Backoff = backoff
	}
	if cfg.Check == nil {
		cfg.Check = func(item.Change) error { return nil }
	}
	if cfg.Place == nil {
		cfg.Place = func(item.Change) Place { return Place{} }
	}
	if cfg.Places == nil {
		cfg.Places = func() []Place { return nil }
	}
	if cfg.Open == nil {
		cfg.Open = func(item.Lane) bool { return true }
	}
	if cfg.Takes == nil {
		cfg.Takes = func(string) int { return math.MaxInt }
	}
	if cfg.Handled == nil {
		cfg.Handled = func(Handled) {}
	}
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	c := &Consumer{
		cfg: cfg, log: cfg.Log.With("stage", cfg.Stage), gate: newGate(), parked: make(chan struct{}, 1),
		board: newBoard(cfg.Buffer, func() bool { return len(cfg.Places()) > 1 }),
	}
	for _, lane := range item.Lanes() {
		c.lanes = append(c.lanes, &intake{consumer: c, lane: lane})
	}
	return c, nil
}

func (cfg ConsumerConfig) validate() error {
	switch {
	case cfg.Conn == nil || cfg.Parse == nil || cfg.Group == nil || cfg.Handle == nil:
		return errors.New("consumer: Conn, Parse, Group and Handle are required")
	case cfg.Stream != Changes && cfg.Stream != Syncs:
		return fmt.Errorf("consumer: %q is not a work queue with lanes", cfg.Stream)
	case cfg.Concurrency < 1 || cfg.Buffer < 1 || cfg.Attempts < 1 || cfg.Drain < 0 || cfg.Second < 0 || cfg.Stranded < 0 || cfg.AckWait < 0:
		return errors.New("consumer: Concurrency, Buffer, Attempts, Drain, Second, Stranded and AckWait must be positive")
	}
	return item.CheckName(cfg.Stage)
}

// backoff doubles from 100 ms to 60 s, ±20%, so that what failed together does not come back together.
func backoff(attempt int) time.Duration {
	return jitter(min(100*time.Millisecond<<min(attempt-1, 10), time.Minute))
}

// Run works until ctx ends: then it stops the intake, gives back what waits, and finishes what is in work
// within Drain, after which it cancels the handlers' context. nil means that all of them have returned.
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
	patience := time.NewTimer(c.cfg.Drain)
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
	for wait(ctx, c.cfg.AckWait/2) {
		for _, m := range c.board.held() {
			m.settle(c.log, "extend", m.msg.InProgress)
		}
	}
}
