// Package audit finds what no message can repair: dirty entities that nobody announced, blobs that differ from the fold
// of their records, records and blobs of a shape that the catalog no longer declares, and, by sampling, records that
// differ from their upstreams. Repairs are ordinary changes in the refresh lane.
package audit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"vitrine/internal/bus"
	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/internal/pause"
	"vitrine/internal/shape"
)

// Config configures a Sweeper.
type Config struct {
	Catalog  func() *catalog.Catalog // the one in force
	Records  Records
	Blobs    Blobs
	Upstream Fetcher // for Sample
	Bus      Publisher
	Log      *slog.Logger
	Every    time.Duration             // between sweeps. Defaults to 5 minutes
	Page     int                       // entities read at once. Defaults to 500
	Settle   time.Duration             // between two looks at a record that differs from its upstream. Defaults to 2 s
	Pace     func() int64              // how often Run sweeps, in percent; defaults to 100
	DryRun   bool                      // count only, repair nothing
	Repaired func(cause string, n int) // called after each repair; defaults to nothing
	Agreed   func() bool               // false while some processes have other shapes: then records are not reshaped; defaults to true
}

// Records is what a Sweeper needs of the records store.
type Records interface {
	kv.Scanner
	kv.StateReader
	kv.RecordReader
	kv.Builder
}

// Publisher announces repairs; *bus.Conn is one.
type Publisher interface {
	PublishChanges(ctx context.Context, changes []item.Change, opt bus.PublishOptions) error
	PublishSyncs(ctx context.Context, syncs []item.Change) error
	// Waiting reports, by position, whether a change of the same entity and dimension is queued or in work.
	Waiting(ctx context.Context, changes []item.Change) ([]bool, error)
}

// Sweeper is the agent. One process of a room is enough; more are harmless.
type Sweeper struct {
	Config
	rest time.Duration // how long to rest after each page, as a multiple of the time that the page took; 0 is none
}

// idleRest leaves the store idle for 9 seconds of 10 while Run sweeps. A sweep of a million entities takes minutes; one
// of a few thousand still ends within a second.
const idleRest = 9

// New makes a Sweeper.
func New(c Config) *Sweeper {
	c.Every = cmp.Or(c.Every, 5*time.Minute)
	c.Page = cmp.Or(c.Page, 500)
	c.Settle = cmp.Or(c.Settle, 2*time.Second)
	if c.Agreed == nil {
		c.Agreed = func() bool { return true }
	}
	return &Sweeper{Config: c}
}

// Found is the result of a sweep.
type Found struct {
	Entities int // looked at
	Dirty    int // with blobs or relations that lag behind their records, or blobs of another shape than the catalog's
	Blobs    int // that differ from the fold of their records; only if blobs are compared
	Reshaped int // records of another shape than the catalog's
	Referred int // entities that records refer to and that have no records; only if blobs are compared
}

// compareEvery is how many sweeps there are for each one that compares every blob with its records.
const compareEvery = 12

// Run sweeps at intervals until ctx ends.
func (s *Sweeper) Run(ctx context.Context) error {
	slow := &Sweeper{s.Config, idleRest}
	timer := time.NewTicker(s.Every)
	defer timer.Stop()
	credit := int64(0)
	reshape := &spaced{}
	for n := 1; ; n++ {
		for credit = min(200, credit+s.pace()); credit < 100; credit += s.pace() {
			select {
			case <-ctx.Done():
				return nil
			case <-timer.C:
			}
		}
		credit -= 100
		found, err := slow.sweep(ctx, reshape.next(), n%compareEvery == 0)
		reshape.finished(found, err)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			s.Log.Warn("sweep broken off; the next one starts over", "error", err)
		case found.Dirty+found.Blobs+found.Reshaped+found.Referred > 0:
			s.Log.Info("sweep found something to mend", "entities", found.Entities, "dirty", found.Dirty, "blobs", found.Blobs, "reshaped", found.Reshaped, "referred", found.Referred)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		}
	}
}

// Sweep looks at every entity once. It finds blobs and relations that lag behind their records, and records and blobs
// of another shape than the catalog's.
func (s *Sweeper) Sweep(ctx context.Context) (Found, error) {
	return s.sweep(ctx, shape.MustRefetch, false)
}

// SweepAnew is the sweep that a new catalog needs. It also requests missing records, since their dimension may be new,
// and all records of the lapsed dimensions, given as "kind.dimension".
func (s *Sweeper) SweepAnew(ctx context.Context, lapsed map[string]bool) (Found, error) {
	missing := func(d *catalog.Dimension, state kv.State) bool {
		return state.Shapes[d.Name] != d.Shape || lapsed[d.Kind.Name+"."+d.Name]
	}
	return s.sweep(ctx, missing, false)
}

// Compare is a Sweep that also compares every blob with the fold of its records, and looks for referred entities
// without records.
func (s *Sweeper) Compare(ctx context.Context) (Found, error) {
	return s.sweep(ctx, shape.MustRefetch, true)
}

// spaced announces records of another shape in fewer and fewer sweeps as long as there are some. Otherwise a record
// that its upstream refuses to give would be requested every five minutes for ever.
type spaced struct{ pause, left int }

func (p *spaced) next() mustRefetch {
	if p.left > 0 {
		return never
	}
	return shape.MustRefetch
}

func (p *spaced) finished(found Found, err error) {
	switch {
	case err != nil:
	case p.left > 0:
		p.left--
	case found.Reshaped > 0:
		p.pause = min(2*p.pause+1, compareEvery-1)
		p.left = p.pause
	default:
		p.pause = 0
	}
}

// mustRefetch reports, from an entity's state, whether a record must be fetched again.
type mustRefetch func(*catalog.Dimension, kv.State) bool

func never(*catalog.Dimension, kv.State) bool { return false }

func (s *Sweeper) sweep(ctx context.Context, refetch mustRefetch, compare bool) (found Found, err error) {
	referred := s.newReferredCheck()
	err = s.each(ctx, func(entities []item.Entity) error {
		err := s.page(ctx, entities, refetch, &found)
		if compare {
			missing, lost := referred.page(ctx, entities)
			found.Referred += missing
			err = errors.Join(err, lost, s.compare(ctx, entities, &found))
		}
		return err
	})
	return found, err
}

// each calls f with all entities, a page at a time. A part of the store that is unavailable is skipped, and reported at
// the end.
func (s *Sweeper) each(ctx context.Context, f func([]item.Entity) error) error {
	var away error // the first error
	for cursor := ""; ; {
		began := time.Now()
		entities, next, err := s.Records.ScanEntities(ctx, cursor, s.Page)
		if err != nil && (next == "" || ctx.Err() != nil) {
			return cmp.Or(away, fmt.Errorf("scan entities: %w", err))
		}
		away = cmp.Or(away, err)
		err = f(entities)
		if partial := (*kv.PartialError)(nil); err != nil && !errors.As(err, &partial) {
			return err
		}
		away = cmp.Or(away, err)
		cursor = next
		if cursor == "" {
			return away
		}
		if err := pause.For(ctx, s.rest*time.Since(began)); err != nil {
			return err
		}
	}
}

func (s *Sweeper) pace() int64 {
	if s.Pace == nil {
		return 100
	}
	return s.Pace()
}

func (s *Sweeper) repaired(cause string, n int) {
	if s.Repaired != nil && n > 0 {
		s.Repaired(cause, n)
	}
}

// page looks at some entities.
func (s *Sweeper) page(ctx context.Context, entities []item.Entity, refetch mustRefetch, found *Found) error {
	states, away := s.Records.States(ctx, entities)
	errs := kv.ItemErrors(away, len(entities))
	var syncs, changes []item.Change
	for i, e := range entities {
		if errs[i] != nil {
			continue
		}
		kind, err := s.Catalog().Kind(e.Kind)
		if errors.Is(err, item.ErrUnknown) {
			continue // a kind of an older catalog
		}
		found.Entities++
		if Dirty(kind, states[i]) {
			syncs = append(syncs, item.Change{Lane: item.Refresh, Entity: e})
		}
		for _, d := range kind.Dimensions {
			if refetch(d, states[i]) {
				changes = append(changes, item.Change{Lane: item.Refresh, Entity: e, Dimension: d.Name})
			}
		}
	}
	found.Dirty += len(syncs)
	found.Reshaped += len(changes)
	if s.DryRun {
		return away
	}
	if err := s.Bus.PublishSyncs(ctx, syncs); err != nil {
		return fmt.Errorf("announce to the syncer: %w", err)
	}
	s.repaired("dirty", len(syncs))
	if !s.Agreed() {
		return away
	}
	if err := s.Bus.PublishChanges(ctx, changes, bus.PublishOptions{}); err != nil {
		return fmt.Errorf("announce records of another shape: %w", err)
	}
	s.repaired("shape", len(changes))
	return away
}

// Dirty reports whether an entity's blobs or relations lag behind its records, or its blobs have another shape than the
// catalog's.
func Dirty(kind *catalog.Kind, s kv.State) bool {
	for _, b := range kind.Blobs {
		if s.Gen(b.Dimensions()) > s.Built[b.Name] || shape.MustReshape(b, s) {
			return true
		}
	}
	for _, d := range kind.Dimensions {
		if !s.Wanted[d.Name].Equal(s.Applied[d.Name]) {
			return true
		}
	}
	return s.Damaged
}
