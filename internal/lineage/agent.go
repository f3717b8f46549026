package lineage

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"vitrine/internal/bus"
	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/kv"
)

// Config configures an Agent. All fields up to Log are required.
type Config struct {
	Catalog  func() *catalog.Catalog // the one in force
	Records  kv.Records
	Blobs    kv.Blobs // may be the store of records
	Upstream Lister
	Bus      *bus.Conn
	Bucket   *bus.Bucket // for the keys SeenKey and RepairKey
	Log      *slog.Logger

	Machine Machine                                              // nil if NATS is not embedded
	Gaps    func(ctx context.Context) (map[string]uint64, error) // how often notices of each other room were missed; defaults to none
	Refused func(kind string, n int)                             // called with the ids in lists that are no valid ids; defaults to nothing
	Mended  func(ctx context.Context) error                      // called when the changes that a repair announced are handled; nil for nothing

	Every   time.Duration // between looks. Defaults to 5 s
	Backoff time.Duration // after a failed step; doubled up to 64 times. Defaults to Every
	Skew    time.Duration // greatest difference between the clocks of several NATS servers. Defaults to 5 s
	Term    time.Duration // how long after the beginning of a term old masters may still take writes. Defaults to 2 s
	Lag     time.Duration // greatest lag of the upstreams' replicas: everything is announced this long after a loss of changes. Defaults to 5 s
}

// Lister lists the ids of an upstream; *upstream.Client is one.
type Lister interface {
	List(ctx context.Context, l *catalog.List, cursor string) (ids []string, next string, err error)
}

// Machine reports whether the machine crashed under the embedded NATS; *durable.Mark is one.
type Machine interface {
	Lost() bool
	Settle() error
}

// The agent's keys in the bucket.
const (
	SeenKey   = "lineage" // the lives of all stores and queues when they were last seen
	RepairKey = "repair"  // the progress of a repair
)

// Agent detects losses and repairs them. One process of a room is enough, and goes on with what another one has begun; of several that
// repair at once, the one that stored its progress last continues, and the others give up.
type Agent struct {
	Config
	name    string // random
	waits   map[string]*wait
	known   *set      // what this repair has announced; nil if none is in progress
	since   time.Time // when this process began the repair, or took it over
	awaited life      // the server whose term all processes know by now
	after   uint64    // the newest change that the last repair announced, until it is handled; 0 for none
}

// New makes an Agent; Run drives it.
func New(c Config) *Agent {
	c.Every = cmp.Or(c.Every, 5*time.Second)
	if c.Gaps == nil {
		c.Gaps = func(context.Context) (map[string]uint64, error) { return nil, nil }
	}
	c.Backoff = cmp.Or(c.Backoff, c.Every)
	c.Skew = cmp.Or(c.Skew, 5*time.Second)
	c.Term = cmp.Or(c.Term, 2*termFor)
	c.Lag = cmp.Or(c.Lag, 5*time.Second)
	return &Agent{Config: c, name: rand.Text()}
}

// Run looks and repairs until ctx ends. It leaves a last mark, so that the next start has little to replay.
func (a *Agent) Run(ctx context.Context) error {
	tick := time.NewTicker(a.Every)
	defer tick.Stop()
	for {
		if err := a.Check(ctx); err != nil && ctx.Err() == nil {
			a.Log.Warn("a store or stream that lost something is not mended yet", "error", err)
		}
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
			defer cancel()
			if err := a.lastMark(last); err != nil {
				a.Log.Debug("no last mark", "error", err)
			}
			return nil
		case <-tick.C:
		}
	}
}

// Check compares stores and streams with their last known lives, and repairs what can be repaired now.
func (a *Agent) Check(ctx context.Context) error {
	is, err := a.read(ctx)
	if err == nil && is.needsTerm() {
		is, err = a.beginTerm(ctx, is)
	}
	if err != nil {
		return err
	}
	p, err := a.plan(ctx, is)
	if err != nil {
		return err
	}
	if !p.any() {
		return errors.Join(a.settle(ctx, is), a.checkMended(ctx))
	}
	return a.mend(ctx, is, p)
}

func (a *Agent) lastMark(ctx context.Context) error {
	is, err := a.read(ctx)
	if err != nil {
		return err
	}
	p, err := a.plan(ctx, is)
	if err != nil || p.any() || is.needsTerm() {
		return err
	}
	return a.settle(ctx, is)
}

// checkMended calls Mended once the changes that the last repair announced are handled.
func (a *Agent) checkMended(ctx context.Context) error {
	if a.after == 0 || a.Mended == nil {
		return nil
	}
	done, err := a.Bus.ChangesDone(ctx, a.after)
	if err != nil || !done {
		return err
	}
	if err := a.Mended(ctx); err != nil {
		return err
	}
	a.after = 0
	return nil
}

// settle records that all is well: marks first, then the lives that were seen. A store that has another life by now
// refuses its mark, and the next look notices.
func (a *Agent) settle(ctx context.Context, is state) error {
	before := is.oldestMark()
	mark, err := a.Bus.MarkNow(ctx, before)
	if err != nil {
		return err
	}
	if !is.allMarked(mark) {
		if err := a.Records.Mark(ctx, is.records, encode(mark)); err != nil {
			if errors.Is(err, item.ErrChanged) {
				return nil
			}
			return fmt.Errorf("mark the store: %w", err)
		}
	}
	if is.seen != nil && is.seen.equal(is.lives) && steady(is.seen.Ahead, is.Ahead) {
		return nil
	}
	if _, err := a.Bucket.Put(ctx, SeenKey, encode(is.lives)); err != nil {
		return fmt.Errorf("note which stores and streams were seen: %w", err)
	}
	return nil
}
