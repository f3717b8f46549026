package poller

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"vitrine/internal/bus"
	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/internal/lease"
	"vitrine/internal/pause"
	"vitrine/internal/redact"
	"vitrine/internal/upstream"
)

// Config configures a Poller. Catalog, Upstream, Records, Bus, Notes and Log are required.
type Config struct {
	Catalog  func() *catalog.Catalog // returns the catalog in force; nil while there is none
	Upstream Upstream
	Records  Records
	Bus      Publisher
	Notes    lease.Notes
	Log      *slog.Logger
	Counted  func(poll, outcome string, m Cost) // called after each turn, with what it cost; defaults to nothing
	Clock    func() time.Time                   // defaults to time.Now
	Page     int                                // entities of the store that are read at once. Defaults to 500
	Takeover time.Duration                      // after which the turn of a process that is dead is taken over. Defaults to that of leases
}

// Upstream asks for lists. *upstream.Client is one, and describes the methods.
type Upstream interface {
	Page(ctx context.Context, l *catalog.List, at upstream.Position) (upstream.Page, error)
	List(ctx context.Context, l *catalog.List, cursor string) (ids []string, next string, err error)
}

// Records is what a Poller needs of the records store.
type Records interface {
	kv.Scanner
	kv.RecordReader
}

// Publisher publishes changes, and returns once NATS has stored them. *bus.Conn is one.
type Publisher interface {
	PublishChanges(ctx context.Context, changes []item.Change, opt bus.PublishOptions) error
}

// The outcomes of turns, as they are counted.
const (
	Done   = "done"
	Failed = "failed" // it is tried again, later each time
	Anew   = "anew"   // the upstream refused the position: the whole list is announced
)

// Outcomes returns all outcomes.
func Outcomes() []string { return []string{Done, Failed, Anew} }

// Poller runs the polls of the catalog in force. Any number of processes may run one.
type Poller struct {
	Config

	mu    sync.Mutex // guards turns
	turns map[string]*lease.Lease
}

// New makes a Poller.
func New(c Config) *Poller {
	if c.Counted == nil {
		c.Counted = func(string, string, Cost) {}
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	c.Page = cmp.Or(c.Page, 500)
	return &Poller{Config: c, turns: map[string]*lease.Lease{}}
}

// look is the interval between two comparisons of the catalog in force with the one whose polls are run, and the longest
// time between two looks at a poll's note. lookLeast is the shortest.
const (
	look      = time.Second
	lookMost  = 15 * time.Second
	lookLeast = 100 * time.Millisecond
)

// Run polls until ctx ends. It turns to the polls of a new catalog within a second or so; turns in progress are broken off
// for it, and taken again.
func (p *Poller) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		cat := p.Catalog()
		within, stop := context.WithCancel(ctx)
		group, within := errgroup.WithContext(within)
		if cat != nil {
			for _, poll := range cat.Polls {
				group.Go(redact.Guard(func() error { p.follow(within, cat, poll); return nil }))
			}
		}
		for p.Catalog() == cat && pause.For(ctx, look) == nil {
		}
		stop()
		if err := group.Wait(); err != nil {
			return err
		}
	}
	return nil
}

// follow takes a poll's turns until ctx ends.
func (p *Poller) follow(ctx context.Context, cat *catalog.Catalog, poll *catalog.Poll) {
	for ctx.Err() == nil {
		wait, err := p.Turn(ctx, cat, poll)
		if err != nil && ctx.Err() == nil {
			p.Log.Warn("a poll failed; it is tried again", "poll", poll.Name, "error", err)
		}
		_ = pause.For(ctx, min(max(wait, lookLeast), lookMost))
	}
}

// Turn polls once if a turn is due and no other process has it. It returns how long it is until the next one. One goroutine takes
// the turns of a poll.
func (p *Poller) Turn(ctx context.Context, cat *catalog.Catalog, poll *catalog.Poll) (wait time.Duration, err error) {
	_, wait, err = p.due(ctx, poll)
	if err != nil || wait > 0 {
		return wait, err
	}
	var failed error
	had, err := p.lease(poll).Try(ctx, func(ctx context.Context) error {
		wait, failed = p.take(ctx, cat, poll)
		return nil
	})
	switch {
	case err != nil:
		return lookMost, fmt.Errorf("take the turn: %w", err)
	case !had:
		return look, nil
	}
	return wait, failed
}

// lease is the right to a poll's turn.
func (p *Poller) lease(poll *catalog.Poll) *lease.Lease {
	p.mu.Lock()
	defer p.mu.Unlock()
	l := p.turns[poll.Name]
	if l == nil {
		l = lease.New(lease.Config{Name: noteKey(poll.Name), Notes: p.Notes, Log: p.Log, Takeover: p.Takeover})
		p.turns[poll.Name] = l
	}
	return l
}

// due reads the note, and returns how long it is until a turn is due.
func (p *Poller) due(ctx context.Context, poll *catalog.Poll) (n Note, wait time.Duration, err error) {
	n, err = p.read(ctx, poll)
	if err != nil {
		return n, lookMost, err
	}
	return n, n.wait(poll, p.Clock()), nil
}

// take takes the turn. Another process may have had it since it was due. ctx ends when the lease may be lost.
func (p *Poller) take(ctx context.Context, cat *catalog.Catalog, poll *catalog.Poll) (wait time.Duration, err error) {
	n, wait, err := p.due(ctx, poll)
	if err != nil || wait > 0 {
		return wait, err
	}
	t := &turn{Poller: p, cat: cat, poll: poll, note: n, began: p.Clock()}
	failed := t.save(ctx)
	if failed == nil {
		failed = t.run(ctx)
	}
	if ctx.Err() != nil || lost(failed) {
		return look, nil // the turn is broken off, or another process's now
	}
	return t.end(ctx, failed)
}

// wait is how long it is until a turn is due. A time that lies further ahead than any process writes it is that of a clock
// that was wrong, and does not count.
func (n Note) wait(poll *catalog.Poll, now time.Time) time.Duration {
	if next := n.Next.Sub(now); next > 0 && next <= 2*max(poll.Every, slowest) {
		return next
	}
	return 0
}

// The pauses after failures: the first one, which doubles with each further failure, and the longest one of a poll whose
// interval is not longer itself.
const (
	quickest = 5 * time.Second
	slowest  = 5 * time.Minute
)

// pauseAfter is the time between the last turn and the next one, give or take a tenth, so that polls do not all come at once.
func pauseAfter(poll *catalog.Poll, failures int) time.Duration {
	d := poll.Every
	if failures > 0 {
		d = min(quickest<<min(failures-1, 10), max(poll.Every, slowest))
	}
	return time.Duration(float64(d) * (0.9 + 0.2*rand.Float64()))
}
