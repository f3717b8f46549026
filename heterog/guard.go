package heterog

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"vitrine/internal/bus"
	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/internal/upstream"
)

// Deletions is where deletions are held until they are believed; *bus.Deletions is one.
type Deletions interface {
	Suspension(ctx context.Context, kind, dimension string) (bus.Suspension, error)
	Suspend(ctx context.Context, kind, dimension string, s bus.Suspension) error
	Hold(ctx context.Context, changes []item.Change) error
}

// A misrouted path, or a wrong deployment, says 404 for everything. It differs from a shop that removes many articles
// in what nobody announced: of a control, a sample of records stored as alive, it says that they are gone as well.
//
//   - A control is made on suspicion: about a tenth of the last answers about living records were deletions. It costs one
//     batch, or controls single calls, every few seconds while deletions go on.
//   - Deletions are held if three quarters of the control are gone. A misrouted path says so of all, while a shop that
//     removes half of its articles at once is held up once in 300 times. At least controlsLeast must be gone, so that a
//     shop with hardly more records than that is never held up: it is filled again in a second.
//   - A control that is well counts for soundFor, and for soundMost deletions.
//   - The first deletions pass without a control. They are announced once more with those that are held: see believed.
const (
	suspectLeast  = 3  // deletions among the last answers
	suspectMemory = 32 // answers that are remembered
	controls      = 32
	controlsLeast = 8
	controlsSeen  = 256 // ids per dimension that a worker remembers to have been alive
	believedMost  = 256 // deletions per dimension that a worker remembers to have believed without a control
	soundFor      = 10 * time.Second
	soundMost     = 500
)

// guard is what a worker knows about deletions in its dimensions.
type guard struct {
	asking chan struct{} // holds an element while a control is made: the others wait for the result

	mu   sync.Mutex // guards dims, and what is in them
	dims map[string]*dimensionGuard
}

// dimensionGuard is one dimension.
type dimensionGuard struct {
	alive, gone int      // counts among the last answers about living records
	seen        []string // ids that were alive, in no order
	sound       time.Time
	passed      int           // deletions passed since the control
	believed    []item.Change // deletions that no control has proved right, the newest last
}

func newGuard() *guard {
	return &guard{asking: make(chan struct{}, 1), dims: map[string]*dimensionGuard{}}
}

// dimension gives a dimension. It needs mu.
func (g *guard) dimension(d *catalog.Dimension) *dimensionGuard {
	w := g.dims[name(d)]
	if w == nil {
		w = &dimensionGuard{}
		g.dims[name(d)] = w
	}
	return w
}

// learn counts answers about living records.
func (g *guard) learn(d *catalog.Dimension, alive []string, gone int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	w := g.dimension(d)
	w.alive += len(alive)
	w.gone += gone
	for _, id := range alive {
		if len(w.seen) < controlsSeen {
			w.seen = append(w.seen, id)
		} else {
			w.seen[rand.IntN(controlsSeen)] = id
		}
	}
	for w.alive+w.gone > suspectMemory {
		w.alive = w.alive / 2
		w.gone = w.gone / 2
	}
}

// suspects reports whether that many deletions, already counted by learn, call for a control.
func (g *guard) suspects(d *catalog.Dimension, deletions int) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	w := g.dimension(d)
	if w.gone < suspectLeast {
		return false
	}
	if time.Since(w.sound) < soundFor && w.passed+deletions <= soundMost {
		w.passed += deletions
		return false
	}
	return true
}

func (g *guard) cleared(d *catalog.Dimension) {
	g.mu.Lock()
	defer g.mu.Unlock()
	w := g.dimension(d)
	w.sound = time.Now()
	w.passed = 0
	w.believed = nil
}

// believe remembers deletions that pass.
func (g *guard) believe(d *catalog.Dimension, changes []item.Change) {
	g.mu.Lock()
	defer g.mu.Unlock()
	w := g.dimension(d)
	w.believed = append(w.believed, changes...)
	w.believed = w.believed[max(0, len(w.believed)-believedMost):]
}

// takeBelieved returns the deletions that passed, and forgets them.
func (g *guard) takeBelieved(d *catalog.Dimension) []item.Change {
	g.mu.Lock()
	defer g.mu.Unlock()
	w := g.dimension(d)
	believed := w.believed
	w.believed = nil
	return believed
}

func (g *guard) remembered(d *catalog.Dimension) []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return append([]string{}, g.dimension(d).seen...)
}

// withhold holds deletions that are not to be believed yet, and gives the jobs that continue. Held changes are stored
// in NATS and are done for now.
func (w *Worker) withhold(ctx context.Context, d *catalog.Dimension, jobs []*job) (rest []*job) {
	var dying []*job
	var alive []string
	for _, j := range jobs {
		switch {
		case j.err != nil || j.held.Existence != kv.Alive:
		case j.value.Existence == kv.Gone:
			dying = append(dying, j)
			continue
		default:
			alive = append(alive, j.key.Entity.ID)
		}
		rest = append(rest, j)
	}
	w.guard.learn(d, alive, len(dying))
	if len(dying) == 0 || w.Deletions == nil {
		return append(rest, dying...)
	}
	changes := make([]item.Change, len(dying))
	for i, j := range dying {
		changes[i] = j.task.Change
	}
	held, err := w.suspended(ctx, d, dying)
	switch {
	case err != nil:
		fail(dying, err)
		return rest
	case !held:
		w.guard.believe(d, changes)
		return append(rest, dying...)
	}
	if err := w.hold(ctx, d, changes); err != nil {
		fail(dying, fmt.Errorf("%w: hold deletions: %w", item.ErrOwn, err))
	}
	return rest
}

// hold stores deletions until they are believed, and with them those that were believed too soon: they are in force, and asked for
// again with the others.
func (w *Worker) hold(ctx context.Context, d *catalog.Dimension, changes []item.Change) error {
	believed := w.guard.takeBelieved(d)
	err := w.Deletions.Hold(ctx, slices.Concat(changes, believed))
	if err != nil {
		w.guard.believe(d, believed)
	}
	return err
}

// suspended reports whether deletions of a dimension are held. If a control says so, they are held from now on.
func (w *Worker) suspended(ctx context.Context, d *catalog.Dimension, dying []*job) (bool, error) {
	select {
	case w.guard.asking <- struct{}{}:
		defer func() { <-w.guard.asking }()
	case <-ctx.Done():
		return false, ctx.Err()
	}
	s, err := w.Deletions.Suspension(ctx, d.Kind.Name, d.Name)
	switch {
	case err != nil:
		return false, fmt.Errorf("%w: are deletions held: %w", item.ErrOwn, err)
	case s.Holds() || s.Passes(w.now()) || !w.guard.suspects(d, len(dying)):
		return s.Holds(), nil
	}
	gone, err := w.makeControl(ctx, d, dying)
	if err != nil || len(gone) == 0 {
		return false, err
	}
	s = bus.Suspension{Since: w.now().UTC(), Controls: gone}
	if err := w.Deletions.Suspend(ctx, d.Kind.Name, d.Name, s); err != nil {
		return false, fmt.Errorf("%w: suspend deletions: %w", item.ErrOwn, err)
	}
	return true, nil
}

// makeControl gives the records of a control that are gone, if they are enough to hold deletions; otherwise none.
func (w *Worker) makeControl(ctx context.Context, d *catalog.Dimension, dying []*job) ([]string, error) {
	ids, err := w.control(ctx, d, dying)
	if err != nil {
		return nil, err
	}
	gone, asked := w.stillGone(ctx, d, ids)
	switch {
	case len(ids) >= controlsLeast && asked == 0:
		return nil, fmt.Errorf("%w: %s says that much of %s is gone, and nothing of the rest", item.ErrUnavailable, d.From.Name, name(d))
	case len(gone) < controlsLeast || !most(len(gone), asked):
		w.guard.cleared(d)
		return nil, nil
	}
	w.Log.Error("an upstream says that much of what it had is gone; deletions wait: see vitrine queue deletions",
		"dimension", name(d), "upstream", d.From.Name, "gone", len(gone), "of", asked)
	return gone, nil
}

func most(gone, asked int) bool { return gone*4 >= asked*3 }

// control draws records that are alive and that no present change concerns: some that this worker has seen, some from
// the beginning of the store.
func (w *Worker) control(ctx context.Context, d *catalog.Dimension, dying []*job) (ids []string, err error) {
	drawn := map[string]bool{}
	for _, j := range dying {
		drawn[j.key.Entity.ID] = true
	}
	candidates := w.guard.remembered(d)
	cursor := ""
	for page := 0; page < 8 && len(candidates) < 2*controlsSeen; page++ {
		var entities []item.Entity
		entities, cursor, err = w.Store.ScanEntities(ctx, cursor, 512)
		if err != nil {
			return nil, fmt.Errorf("%w: look for records to compare with: %w", item.ErrOwn, err)
		}
		for _, e := range entities {
			if e.Kind == d.Kind.Name {
				candidates = append(candidates, e.ID)
			}
		}
		if cursor == "" {
			break
		}
	}
	rand.Shuffle(len(candidates), func(i, k int) { candidates[i], candidates[k] = candidates[k], candidates[i] })
	var keys []kv.RecordKey
	for _, id := range candidates {
		if !drawn[id] {
			drawn[id] = true
			keys = append(keys, kv.RecordKey{Entity: item.Entity{Kind: d.Kind.Name, ID: id}, Dimension: d.Name})
		}
	}
	for len(keys) > 0 && len(ids) < controls {
		n := min(len(keys), 2*controls)
		records, err := w.Store.Records(ctx, keys[:n])
		if err != nil {
			return nil, fmt.Errorf("%w: read records to compare with: %w", item.ErrOwn, err)
		}
		for i, r := range records {
			if r.Existence == kv.Alive && len(ids) < controls {
				ids = append(ids, keys[i].Entity.ID)
			}
		}
		keys = keys[n:]
	}
	return ids, nil
}

// stillGone asks the upstream of a dimension for ids. It gives those that the upstream does not know, and the number it
// answered about.
func (w *Worker) stillGone(ctx context.Context, d *catalog.Dimension, ids []string) (gone []string, asked int) {
	if len(ids) == 0 {
		return nil, 0
	}
	asks := make([]upstream.Ask, len(ids))
	for i, id := range ids {
		asks[i] = upstream.Ask{ID: id}
	}
	alive := kv.Record{Value: kv.Value{Header: kv.Header{Existence: kv.Alive}}}
	for i, a := range w.Upstream.Fetch(ctx, d, asks) {
		value, _, err := a.Value(d, alive)
		if err != nil {
			continue
		}
		asked++
		if value.Existence == kv.Gone {
			gone = append(gone, ids[i])
		}
	}
	return gone, asked
}

// Recovered reports whether the upstream of a dimension with held deletions answers as before, that is, knows most of
// the control again. It deletes nothing.
func (w *Worker) Recovered(ctx context.Context, held bus.HeldDimension) bool {
	d, err := w.Catalog().Dimension(held.Kind, held.Dimension)
	if err != nil {
		return false
	}
	ids := held.Controls[:min(len(held.Controls), controlsLeast)]
	gone, asked := w.stillGone(ctx, d, ids)
	return asked > 0 && !most(len(gone), asked)
}
