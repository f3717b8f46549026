// Package refresh announces that entities may have changed, in bulk.
package refresh

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"vitrine/internal/bus"
	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/lineage"
	"vitrine/internal/upstream"
)

// Done is what was announced; refresh --json prints it.
type Done struct {
	Entities int  `json:"entities"`
	Changes  int  `json:"changes"` // one per dimension, as workers will see them
	Calls    int  `json:"calls"`   // upstream calls that these take at most
	Stored   int  `json:"stored"`  // of the entities, those that no upstream lists and the store has
	Refused  int  `json:"refused"` // ids in the lists that can't be an entity's
	DryRun   bool `json:"dry_run"`

	Minutes float64 `json:"minutes,omitempty"` // of a dry run: how long the calls take, by one that was timed of each dimension
}

// Besides says in words how many of the entities no upstream lists, and how many ids were refused; "" where there are none.
func (d Done) Besides() string {
	text := ""
	if d.Stored > 0 {
		text += fmt.Sprintf(", of which %d are not listed", d.Stored)
	}
	if d.Refused > 0 {
		text += fmt.Sprintf(" (and not %d ids that can't be an entity's)", d.Refused)
	}
	return text
}

// Config of an Announcer.
type Config struct {
	Upstream *upstream.Client // whose lists are walked
	Bus      *bus.Conn
	Log      *slog.Logger
	// Lane and Options of what is announced.
	Lane    item.Lane
	Options bus.PublishOptions
	// DryRun has nothing announced, and the time of the upstreams' calls estimated.
	DryRun bool
	// Progress is called with how far it is. Defaults to nil, for nobody.
	Progress func(string)
}

// Announcer announces entities in bulk, a change of "all" each. An entity is announced once.
type Announcer struct {
	cfg       Config
	done      Done
	announced map[item.Entity]bool
	took      map[*catalog.Dimension]time.Duration // one call, of a dry run
	busy      map[string]time.Duration             // place → for how long it would be asked
	paced     map[string]float64                   // upstream → seconds that its rate takes
}

// New makes an announcer that has announced nothing yet.
func New(cfg Config) *Announcer {
	if cfg.Progress == nil {
		cfg.Progress = func(string) {}
	}
	return &Announcer{cfg: cfg, done: Done{DryRun: cfg.DryRun}, announced: map[item.Entity]bool{}}
}

// Done is what was announced until now.
func (a *Announcer) Done() Done { return a.done }

// Announced reports whether e was announced. In a dry run nothing was.
func (a *Announcer) Announced(e item.Entity) bool { return a.announced[e] && !a.cfg.DryRun }

// List announces all entities of a kind that its upstream lists. Ids that can't be an entity's are left out and counted. It fails
// with what the upstream or NATS fails with; what was announced by then stays announced.
func (a *Announcer) List(ctx context.Context, kind *catalog.Kind) error {
	return lineage.EachListed(ctx, patient{a.cfg.Upstream, a.cfg.Progress}, kind, "", func(page lineage.Listed) error {
		a.done.Refused += len(page.Refused)
		if len(page.Refused) > 0 {
			a.cfg.Log.Warn("the upstream lists ids that can't be an entity's; they are left out", "kind", kind.Name, "ids", len(page.Refused), "first", fmt.Sprintf("%.80q", page.Refused[0]))
		}
		return a.Entities(ctx, kind, page.Entities)
	})
}

// IDs announces entities of a kind by their ids. An id that can't be an entity's is an error, and then none is announced.
func (a *Announcer) IDs(ctx context.Context, kind *catalog.Kind, ids []string) error {
	entities := make([]item.Entity, len(ids))
	for i, id := range ids {
		var err error
		entities[i], err = item.NewEntity(kind.Name, id)
		if err != nil {
			return err
		}
	}
	return a.Entities(ctx, kind, entities)
}

// Entities announces entities of one kind, without those that were announced before. It fails with item.ErrUnavailable, or
// with ctx's error.
func (a *Announcer) Entities(ctx context.Context, kind *catalog.Kind, entities []item.Entity) error {
	changes := make([]item.Change, 0, len(entities))
	for _, e := range entities {
		if !a.announced[e] {
			a.announced[e] = true
			changes = append(changes, item.Change{Lane: a.cfg.Lane, Entity: e, Dimension: item.All})
		}
	}
	a.done.Entities += len(changes)
	for _, d := range kind.Dimensions {
		calls := (len(changes) + d.BatchMax - 1) / d.BatchMax
		a.done.Changes += len(changes)
		a.done.Calls += calls
		if a.cfg.DryRun && len(changes) > 0 {
			a.estimate(ctx, d, changes[0].Entity.ID, calls)
		}
	}
	a.cfg.Progress(fmt.Sprintf("%s: %d entities", kind.Name, a.done.Entities))
	if a.cfg.DryRun {
		return nil
	}
	return again(ctx, a.cfg.Progress, func() error { return a.cfg.Bus.PublishChanges(ctx, changes, a.cfg.Options) })
}

// estimate adds the time that calls take. It times one call of each dimension.
func (a *Announcer) estimate(ctx context.Context, d *catalog.Dimension, id string, calls int) {
	if a.took == nil {
		a.took = map[*catalog.Dimension]time.Duration{}
		a.busy = map[string]time.Duration{}
		a.paced = map[string]float64{}
	}
	if _, timed := a.took[d]; !timed {
		began := time.Now()
		a.cfg.Upstream.Fetch(ctx, d, []upstream.Ask{{ID: id, Lane: item.Refresh}})
		a.took[d] = time.Since(began)
	}
	place := d.From.Place(d.Pool)
	a.busy[place] += a.took[d] * time.Duration(calls) / time.Duration(d.From.Places(d.Pool))
	a.done.Minutes = max(a.done.Minutes, a.busy[place].Minutes()) // pools are asked side by side
	if d.From.Rate > 0 {
		a.paced[d.From.Name] += float64(calls) / d.From.Rate
		a.done.Minutes = max(a.done.Minutes, a.paced[d.From.Name]/60)
	}
}
