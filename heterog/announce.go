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

// split turns changes of "all" into one change per dimension. They are published before the change of
// "all" is acknowledged.
func (w *Worker) split(ctx context.Context, tasks []bus.Task) []error {
	out := make([]error, len(tasks))
	for i, t := range tasks {
		kind, err := w.Catalog().Kind(t.Change.Entity.Kind)
		if err != nil {
			out[i] = err
			continue
		}
		parts := make([]item.Change, len(kind.Dimensions))
		for k, d := range kind.Dimensions {
			parts[k] = item.Change{Lane: t.Change.Lane, Entity: t.Change.Entity, Dimension: d.Name}
		}
		if err := w.Bus.PublishChanges(ctx, parts, bus.PublishOptions{Event: t.Event, Force: t.Force}); err != nil {
			out[i] = fmt.Errorf("%w: split %s: %w", item.ErrOwn, t.Change.Entity, err)
		}
	}
	return out
}

// announce sends to the syncer what was put, and what was behind: the record may be newer than its blobs
// all the same, put by a worker that died before it could announce.
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
	if err := w.refs.announce(ctx, d, jobs); err != nil {
		w.Log.Warn("could not announce referred entities; a later change or refresh will", "dimension", d.Name, "error", err)
	}
}

// mustFold is false only where it is plain that the syncer has nothing to do. Changes of the other lanes
// always reach it: there it also looks whether the blobs are really in their store.
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

// announcer makes sure that what a record refers to is copied too.
type announcer struct {
	store kv.StateReader
	bus   Publisher
	known *recent
}

func newAnnouncer(store kv.StateReader, bus Publisher) *announcer {
	return &announcer{store, bus, newRecent()}
}

// announce publishes a change of "all", in the refresh lane, for each referred entity without records.
func (a *announcer) announce(ctx context.Context, d *catalog.Dimension, jobs []*job) error {
	asked := map[item.Entity]bool{}
	var entities []item.Entity
	for _, j := range jobs {
		if j.err != nil || j.result.Outcome != kv.Applied {
			continue
		}
		for _, ref := range d.Refs {
			for _, id := range j.refs[ref.Name].IDs {
				e := item.Entity{Kind: ref.Kind.Name, ID: id}
				if !asked[e] && !a.known.has(e) {
					asked[e] = true
					entities = append(entities, e)
				}
			}
		}
	}
	if len(entities) == 0 {
		return nil
	}
	states, err := a.store.States(ctx, entities)
	if err != nil {
		return fmt.Errorf("look up referred entities: %w", err)
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
	a.known.add(entities)
	return nil
}
