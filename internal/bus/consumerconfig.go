package bus

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"time"

	"vitrine/internal/item"
)

// ConsumerConfig describes a stage's work. Conn, Stage, Stream, Parse, Group and Handle are required.
type ConsumerConfig struct {
	Conn   *Conn
	Stage  string // a name; a part of the durable consumers' names
	Stream string // Changes or Syncs

	Parse   func(subject string) (item.Change, error)       // an error makes a dead letter at once
	Check   func(item.Change) error                         // the same, for what the catalog does not know; defaults to nil for all
	Group   func(item.Change) (key string, max int)         // tasks of one lane with equal keys may be handled together, max at a time
	Open    func(item.Lane) bool                            // false: the lane's changes wait in NATS; defaults to true
	Handle  func(ctx context.Context, tasks []Task) []error // one error per task, by position; nil acks
	Handled func(Handled)                                   // called after each task, for metrics; defaults to nothing

	Placement   Placement
	Timing      Timing
	Concurrency int          // batches in work that have no place in particular; defaults to 64
	Buffer      int          // tasks waiting per lane; defaults to 8192
	Attempts    int          // with wrong answers, before a dead letter; defaults to 10
	Log         *slog.Logger // defaults to silence
}

// Placement says where tasks are done, and how much each place takes. Its zero value knows no place in particular.
type Placement struct {
	Of       func(item.Change) Place // where a task is done; defaults to no place in particular
	All      func() []Place          // all places that have a name; defaults to none
	Capacity func(place string) int  // how many batches a place takes now; at 0 its work is parked. Defaults to any number
}

// Timing holds what a consumer waits for and how long.
type Timing struct {
	Backoff  func(attempt int) time.Duration // before the next attempt; defaults to 100 ms doubling to 60 s, ±20%
	Second   time.Duration                   // until the second look; defaults to 4 s
	Stranded time.Duration                   // until work parked for an upstream that is no more is taken up; defaults to 20 s
	AckWait  time.Duration                   // after which NATS gives the work of a dead process to another; defaults to 30 s
	Drain    time.Duration                   // for what is in work when Run is stopped; defaults to 8 s
}

func (cfg ConsumerConfig) withDefaults() ConsumerConfig {
	cfg.Concurrency = cmp.Or(cfg.Concurrency, 64)
	cfg.Buffer = cmp.Or(cfg.Buffer, 8192)
	cfg.Attempts = cmp.Or(cfg.Attempts, 10)
	cfg.Placement = cfg.Placement.withDefaults()
	cfg.Timing = cfg.Timing.withDefaults()
	cfg.Log = orSilent(cfg.Log)
	if cfg.Check == nil {
		cfg.Check = func(item.Change) error { return nil }
	}
	if cfg.Open == nil {
		cfg.Open = func(item.Lane) bool { return true }
	}
	if cfg.Handled == nil {
		cfg.Handled = func(Handled) {}
	}
	return cfg
}

func (p Placement) withDefaults() Placement {
	if p.Of == nil {
		p.Of = func(item.Change) Place { return Place{} }
	}
	if p.All == nil {
		p.All = func() []Place { return nil }
	}
	if p.Capacity == nil {
		p.Capacity = func(string) int { return math.MaxInt }
	}
	return p
}

// places lists where work is done: all places that have a name, or else no place in particular.
func (cfg ConsumerConfig) places() []Place {
	if named := cfg.Placement.All(); len(named) > 0 {
		return named
	}
	return []Place{{Limit: cfg.Concurrency}}
}

func (t Timing) withDefaults() Timing {
	if t.Backoff == nil {
		t.Backoff = backoff
	}
	t.Second = cmp.Or(t.Second, 4*time.Second)
	t.Stranded = cmp.Or(t.Stranded, 20*time.Second)
	t.AckWait = cmp.Or(t.AckWait, 30*time.Second)
	t.Drain = cmp.Or(t.Drain, 8*time.Second)
	return t
}

func (cfg ConsumerConfig) validate() error {
	t := cfg.Timing
	switch {
	case cfg.Conn == nil || cfg.Parse == nil || cfg.Group == nil || cfg.Handle == nil:
		return errors.New("consumer: Conn, Parse, Group and Handle are required")
	case cfg.Stream != Changes && cfg.Stream != Syncs:
		return fmt.Errorf("consumer: %q is not a work queue with lanes", cfg.Stream)
	case cfg.Concurrency < 1 || cfg.Buffer < 1 || cfg.Attempts < 1 || t.Second < 0 || t.Stranded < 0 || t.AckWait < 0 || t.Drain < 0:
		return errors.New("consumer: Concurrency, Buffer, Attempts and Timing must be positive")
	}
	return item.CheckName(cfg.Stage)
}

// backoff doubles from 100 ms to 60 s, ±20%, so that what failed together does not come back together.
func backoff(attempt int) time.Duration {
	return jitter(min(100*time.Millisecond<<min(attempt-1, 10), time.Minute))
}
