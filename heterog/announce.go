package heterog

import (
	"context"
	"errors"
	"fmt"

	"vitrine/internal/bus"
	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/kv"
)

// split turns changes of "all" into one change per dimension. They are published before the change of "all" is
// acknowledged.
func (w *Worker) split(ctx context.Context, tasks []bus.Task) []error {
	out := make([]error, len(tasks))
	several := w.severalOfAll(ctx, tasks)
	for i, t := range tasks {
		cat := w.Catalog()
		kind, err := cat.Kind(t.Change.Entity.Kind)
		if err != nil {
			out[i] = w.final(cat, t.Change, err)
			continue
		}
		parts := make([]item.Change, len(kind.Dimensions))
		for k, d := range kind.Dimensions {
			parts[k] = item.Change{Lane: t.Change.Lane, Entity: t.Change.Entity, Dimension: d.Name, Second: t.Second}
		}
		err = w.Bus.PublishChanges(ctx, parts, bus.PublishOptions{Event: t.Event, Force: t.Force})
		switch {
		case err != nil:
			out[i] = fmt.Errorf("%w: split %s: %w", item.ErrOwn, t.Change.Entity, err)
		case several[i]:
			out[i] = bus.ErrSecondLook
		}
	}
	return out
}

// announce announces to the syncer what was put, and answers that were behind: the record may still be newer than its
// blobs, if a worker died after its put.
func (w *Worker) announce(ctx context.Context, d *catalog.Dimension, jobs []*job) {
	var syncs []item.Change
	var sent []*job
	for _, j := range jobs {
		if (j.err == nil && j.mustFold(d)) || errors.Is(j.err, item.ErrBehind) {
			syncs = append(syncs, item.Change{Lane: j.task.Change.Lane, Entity: j.key.Entity})
			sent = append(sent, j)
		}
	}
	if len(syncs) > 0 {
		if err := w.Bus.PublishSyncs(ctx, syncs); err != nil {
			fail(sent, fmt.Errorf("%w: announce to the syncer: %w", item.ErrOwn, err))
		}
	}
	if owing, err := w.refs.announce(ctx, d, jobs); err != nil {
		fail(owing, fmt.Errorf("%w: announce referred entities: %w", item.ErrOwn, err))
	}
}

// pass hands changes of what has no upstream on to the syncer, which writes those records itself, and looks at whether they are whole.
func (w *Worker) pass(ctx context.Context, tasks []bus.Task) []error {
	syncs := make([]item.Change, len(tasks))
	for i, t := range tasks {
		syncs[i] = item.Change{Lane: item.Refresh, Entity: t.Change.Entity}
	}
	if err := w.Bus.PublishSyncs(ctx, syncs); err != nil {
		return all(tasks, fmt.Errorf("%w: announce to the syncer: %w", item.ErrOwn, err))
	}
	return make([]error, len(tasks))
}

// mustFold reports whether the syncer has anything to do. Changes of the other lanes always reach it: there it also
// checks that the blobs are really in their store.
func (j *job) mustFold(d *catalog.Dimension) bool {
	if j.task.Change.Lane != item.Normal || j.task.Force {
		return true
	}
	s := j.result.State
	for _, b := range d.Blobs {
		if s.Built[b.Name] < s.Gen(b.Dimensions()) {
			return true
		}
	}
	return !s.Wanted[d.Name].Equal(s.Applied[d.Name])
}

// announcer makes sure that entities which a record refers to are copied, too.
type announcer struct {
	store kv.StateReader
	bus   Publisher
	life  func() string
	known *recent
}

func newAnnouncer(c Config) *announcer {
	return &announcer{c.Store, c.Bus, c.Life, newRecent()}
}

// announce publishes a change of "all", in the refresh lane, for each referred entity without records. If that fails,
// owing are the jobs whose referred entities may not have been announced.
//
// It does so whatever the put answered. A worker that dies after its put leaves a change, and when that is delivered
// again the answer is the same as the record.
func (a *announcer) announce(ctx context.Context, d *catalog.Dimension, jobs []*job) (owing []*job, err error) {
	life := a.life()
	a.known.enterLife(life)
	asked := map[item.Entity]bool{}
	var entities []item.Entity
	for _, j := range jobs {
		if j.err != nil {
			continue
		}
		owes := false
		for _, e := range j.referred(d) {
			if a.known.has(e) {
				continue
			}
			owes = true
			if !asked[e] {
				asked[e] = true
				entities = append(entities, e)
			}
		}
		if owes {
			owing = append(owing, j)
		}
	}
	if len(entities) == 0 {
		return nil, nil
	}
	return owing, a.announceMissing(ctx, life, entities)
}

func (a *announcer) announceMissing(ctx context.Context, life string, entities []item.Entity) error {
	states, err := a.store.States(ctx, entities)
	if err != nil {
		return fmt.Errorf("look them up: %w", err)
	}
	var missing []item.Change
	for i, e := range entities {
		if len(states[i].Gens) == 0 {
			missing = append(missing, item.Change{Lane: item.Refresh, Entity: e, Dimension: item.All})
		}
	}
	if err := a.bus.PublishChanges(ctx, missing, bus.PublishOptions{}); err != nil {
		return err
	}
	a.known.add(life, entities)
	return nil
}

// referred lists the entities that the job's record refers to.
func (j *job) referred(d *catalog.Dimension) (entities []item.Entity) {
	for _, ref := range d.Refs {
		for _, id := range j.refs[ref.Name].IDs {
			entities = append(entities, item.Entity{Kind: ref.Kind.Name, ID: id})
		}
	}
	return entities
}
