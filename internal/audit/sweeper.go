// Package audit finds what no message can mend: entities that are dirty though nobody announced it, blobs that
// are not what their records fold to, records and blobs of a shape that the catalog no longer declares, and,
// by a sample, records that are not what their owners say. Repairs go the normal way, in the refresh lane.
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
)

// Config of a Sweeper.
type Config struct {
	Catalog  func() *catalog.Catalog // the one in force
	Records  Records
	Blobs    Blobs
	Upstream Fetcher // for Sample
	Bus      Publisher
	Log      *slog.Logger
	Every    time.Duration             // between sweeps. Defaults to 5 minutes
	Page     int                       // entities read at once. Defaults to 500
	Settle   time.Duration             // between two looks at a record that differs from its owner. Defaults to 2 s
	Pace     func() int64              // percent of how often Run sweeps; defaults to 100
	DryRun   bool                      // count, and repair nothing
	Repaired func(cause string, n int) // told after each repair; defaults to nothing
}

// Records is what a Sweeper needs of the records store.
type Records interface {
	kv.Scanner
	kv.StateReader
	kv.RecordReader
	kv.Builder
}

// Publisher sends repairs on their way; *bus.Conn is one.
type Publisher interface {
	PublishChanges(ctx context.Context, changes []item.Change, opt bus.PublishOptions) error
	PublishSyncs(ctx context.Context, syncs []item.Change) error
	// Waiting reports, by position, whether a change of the same entity and dimension waits somewhere or is in work.
	Waiting(ctx context.Context, changes []item.Change) ([]bool, error)
}

// Sweeper is the agent. One process of a room is enough; more do no harm.
type Sweeper struct{ Config }

// New makes a Sweeper.
func New(c Config) *Sweeper {
	c.Every = cmp.Or(c.Every, 5*time.Minute)
	c.Page = cmp.Or(c.Page, 500)
	c.Settle = cmp.Or(c.Settle, 2*time.Second)
	return &Sweeper{c}
}

// Found is what a sweep came across.
type Found struct {
	Entities int // looked at
	Dirty    int // with blobs or relations behind their records
	Blobs    int // that are not what their records fold to; only where blobs are compared
	Reshaped int // records of another shape than the catalog's
}

// compareEvery: of so many sweeps one compares every blob with its records.
const compareEvery = 12

// Run sweeps now and then, until ctx ends.
func (s *Sweeper) Run(ctx context.Context) error {
	timer := time.NewTicker(s.Every)
	defer timer.Stop()
	credit := int64(0)
	for n := 1; ; n++ {
		for credit = min(200, credit+s.pace()); credit < 100; credit += s.pace() {
			select {
			case <-ctx.Done():
				return nil
			case <-timer.C:
			}
		}
		credit -= 100
		sweep := func() (Found, error) { return s.Sweep(ctx, false) }
		if n%compareEvery == 0 {
			sweep = func() (Found, error) { return s.Compare(ctx) }
		}
		found, err := sweep()
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			s.Log.Warn("sweep broken off; the next one starts over", "error", err)
		case found.Dirty+found.Blobs > 0:
			s.Log.Info("sweep found something to mend", "entities", found.Entities, "dirty", found.Dirty, "blobs", found.Blobs)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		}
	}
}

// Sweep looks at every entity once. A thorough sweep also has blobs compared with their shape and asks
// the owners for records of another shape than the catalog's; it is what a new catalog needs.
func (s *Sweeper) Sweep(ctx context.Context, thorough bool) (found Found, err error) {
	err = s.each(ctx, func(entities []item.Entity) error { return s.page(ctx, entities, thorough, &found) })
	return found, err
}

// Compare is a Sweep that also compares every blob with what its records fold to.
func (s *Sweeper) Compare(ctx context.Context) (found Found, err error) {
	err = s.each(ctx, func(entities []item.Entity) error {
		return errors.Join(s.page(ctx, entities, false, &found), s.compare(ctx, entities, &found))
	})
	return found, err
}

// each calls f with all entities, a page at a time. A part of the store that is away is passed over, and told in the end.
func (s *Sweeper) each(ctx context.Context, f func([]item.Entity) error) error {
	var away error // the first
	for cursor := ""; ; {
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
		if cursor = next; cursor == "" {
			return away
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

func (s *Sweeper) page(ctx context.Context, entities []item.Entity, thorough bool, found *Found) error {
	states, away := s.Records.States(ctx, entities)
	errs := kv.ItemErrors(away, len(entities))
	var syncs []item.Change
	var known []item.Entity
	for i, e := range entities {
		if errs[i] != nil {
			continue
		}
		kind, err := s.Catalog().Kind(e.Kind)
		if errors.Is(err, item.ErrUnknown) {
			continue // left over from an older catalog
		}
		known = append(known, e)
		found.Entities++
		dirty := Dirty(kind, states[i])
		if dirty {
			found.Dirty++
		}
		if dirty || thorough {
			syncs = append(syncs, item.Change{Lane: item.Refresh, Entity: e})
		}
	}
	if s.DryRun {
		return away
	}
	if err := s.Bus.PublishSyncs(ctx, syncs); err != nil {
		return fmt.Errorf("announce to the syncer: %w", err)
	}
	if !thorough {
		s.repaired("dirty", len(syncs))
	}
	if !thorough {
		return away
	}
	return errors.Join(away, s.reshaped(ctx, known, found))
}

// reshaped asks for records again that were made for another shape.
func (s *Sweeper) reshaped(ctx context.Context, entities []item.Entity, found *Found) error {
	var keys []kv.RecordKey
	var shapes []uint32
	for _, e := range entities {
		kind, err := s.Catalog().Kind(e.Kind)
		if err != nil {
			continue
		}
		for _, d := range kind.Dimensions {
			keys, shapes = append(keys, kv.RecordKey{Entity: e, Dimension: d.Name}), append(shapes, d.Shape)
		}
	}
	records, away := s.Records.Records(ctx, keys)
	errs := kv.ItemErrors(away, len(keys))
	var changes []item.Change
	for i, r := range records {
		if errs[i] == nil && r.Shape != shapes[i] { // an absent or damaged record has shape 0
			changes = append(changes, item.Change{Lane: item.Refresh, Entity: keys[i].Entity, Dimension: keys[i].Dimension})
		}
	}
	found.Reshaped += len(changes)
	if err := s.Bus.PublishChanges(ctx, changes, bus.PublishOptions{}); err != nil {
		return fmt.Errorf("announce records of another shape: %w", err)
	}
	return away
}

// Dirty tells whether an entity's blobs or relations are behind its records.
func Dirty(kind *catalog.Kind, s kv.State) bool {
	for _, b := range kind.Blobs {
		if s.Gen(b.Dimensions()) > s.Built[b.Name] {
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
