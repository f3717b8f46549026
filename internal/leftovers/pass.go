package leftovers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/internal/pause"
)

// Leftover is what the stores have under one name that the catalog in force does not have.
type Leftover struct {
	Name
	Count int       `json:"count"` // entities that have it; of a list, its members
	Goes  time.Time `json:"goes"`  // when it is no longer needed
}

// pass is one walk through the stores. A part of them that is unavailable is skipped, and reported at the end.
type pass struct {
	Config
	plan
	keep   time.Duration
	now    time.Time
	remove bool // otherwise the pass only counts
	rest   time.Duration

	found    map[Name]int                  // leftovers
	removed  map[string]int                // by type
	referred map[Name]bool                 // lists that states of entities still name, in dimensions that stay
	lists    map[Name]map[item.Entity]bool // targets of leftover lists
	away     error                         // the first error of an unavailable part
}

// newPass plans a pass. One that removes requires that all processes have the catalog in force.
func (c Config) newPass(ctx context.Context, keep time.Duration, remove bool) (*pass, error) {
	eras, now, err := c.Eras(ctx)
	if err != nil {
		return nil, err
	}
	p := &pass{
		Config: c, keep: keep, now: now, remove: remove,
		found: map[Name]int{}, removed: map[string]int{}, referred: map[Name]bool{}, lists: map[Name]map[item.Entity]bool{},
	}
	p.plan, err = newPlan(eras)
	if err != nil || !remove {
		return p, err
	}
	return p, p.confirm(ctx)
}

// confirm checks that what was planned is still valid. Its errors end the pass.
func (p *pass) confirm(ctx context.Context) error {
	eras, _, err := p.Eras(ctx)
	if err != nil {
		return fmt.Errorf("%w: %w", errEnd, err)
	}
	if len(eras) == 0 || eras[len(eras)-1].Revision != p.head {
		return fmt.Errorf("%w: %w", errEnd, errMoved)
	}
	agreed, err := p.Agreed(ctx)
	if err == nil && !agreed {
		err = fmt.Errorf("%w: not all processes have the catalog in force", item.ErrUnavailable)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", errEnd, err)
	}
	return nil
}

// due reports whether a name is to be removed, and counts it.
func (p *pass) due(n Name) bool {
	at, left := p.goes(n, p.keep)
	if !left {
		return false
	}
	p.found[n]++
	return p.remove && !at.After(p.now)
}

// run walks the states first, since they alone say which records there are; then the blobs, then the lists.
func (p *pass) run(ctx context.Context) error {
	for _, step := range []func(ctx context.Context, cursor string) (string, error){p.entities, p.blobs, p.relations} {
		for cursor := ""; ; {
			began := time.Now()
			next, err := step(ctx, cursor)
			partial := (*kv.PartialError)(nil)
			if err != nil && (ctx.Err() != nil || errors.Is(err, errEnd) || next == "" && !errors.As(err, &partial)) {
				return err
			}
			p.away = cmp.Or(p.away, err)
			cursor = next
			if cursor == "" {
				break
			}
			if err := pause.For(ctx, p.rest*time.Since(began)); err != nil {
				return err
			}
		}
	}
	return p.away
}

// entities looks at a page of states.
func (p *pass) entities(ctx context.Context, cursor string) (next string, err error) {
	entities, next, away := p.Records.ScanEntities(ctx, cursor, p.Page)
	states, err := p.Records.States(ctx, entities)
	errs := kv.ItemErrors(err, len(entities))
	away = cmp.Or(away, err)
	var removals []kv.Removal
	var keys []kv.RecordKey
	for i, e := range entities {
		if errs[i] != nil {
			continue
		}
		r := kv.Removal{Entity: e, Records: map[string]uint64{}, Built: p.built(e.Kind, states[i])}
		for _, d := range dimensions(states[i]) {
			if p.due(Name{e.Kind, Record, d, ""}) {
				r.Records[d] = 0
				keys = append(keys, kv.RecordKey{Entity: e, Dimension: d})
			} else {
				p.refer(e.Kind, states[i], d)
			}
		}
		if len(r.Records)+len(r.Built) > 0 {
			removals = append(removals, r)
		}
	}
	return next, cmp.Or(p.removeRecords(ctx, removals, keys), away)
}

// built lists the blobs that are to be removed from a state. Only the blobs themselves are counted.
func (p *pass) built(kind string, s kv.State) map[string]uint64 {
	old := map[string]uint64{}
	for blob, gen := range s.Built {
		if at, left := p.goes(Name{kind, Blob, blob, ""}, p.keep); left && p.remove && !at.After(p.now) {
			old[blob] = gen
		}
	}
	return old
}

// refer records the refs of a dimension that stays: their lists stay, too.
func (p *pass) refer(kind string, s kv.State, dimension string) {
	for _, refs := range []kv.Refs{s.Wanted[dimension], s.Applied[dimension]} {
		for name := range refs {
			p.referred[Name{Kind: kind, What: List, Name: name}] = true
		}
	}
}

// dimensions lists all dimensions that a state mentions.
func dimensions(s kv.State) []string {
	all := map[string]bool{}
	for d := range s.Gens {
		all[d] = true
	}
	for d := range s.Shapes {
		all[d] = true
	}
	for _, refs := range []map[string]kv.Refs{s.Wanted, s.Applied} {
		for d := range refs {
			all[d] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}

func (p *pass) removeRecords(ctx context.Context, removals []kv.Removal, keys []kv.RecordKey) error {
	if len(removals) == 0 {
		return nil
	}
	records, err := p.Records.Records(ctx, keys)
	errs := kv.ItemErrors(err, len(keys))
	stamps := map[kv.RecordKey]uint64{}
	for i, k := range keys {
		if errs[i] == nil {
			stamps[k] = records[i].Stamp
		}
	}
	for _, r := range removals {
		for d := range r.Records {
			stamp, ok := stamps[kv.RecordKey{Entity: r.Entity, Dimension: d}]
			r.Records[d] = stamp
			if !ok {
				delete(r.Records, d)
			}
		}
	}
	if err := p.confirm(ctx); err != nil {
		return err
	}
	removed, failed := p.Records.Remove(ctx, removals)
	for _, n := range removed {
		p.report(Record, n)
	}
	return cmp.Or(failed, err)
}

// blobs looks at a page of blobs.
func (p *pass) blobs(ctx context.Context, cursor string) (next string, err error) {
	keys, next, away := p.Blobs.ScanBlobs(ctx, cursor, p.Page)
	keys = slices.DeleteFunc(keys, func(k kv.BlobKey) bool { return !p.due(Name{k.Entity.Kind, Blob, k.Blob, ""}) })
	if len(keys) == 0 {
		return next, away
	}
	held, err := p.Blobs.Blobs(ctx, keys)
	errs := kv.ItemErrors(err, len(keys))
	var seen []kv.BlobSeen
	for i, k := range keys {
		if errs[i] == nil {
			seen = append(seen, kv.BlobSeen{BlobKey: k, Gen: genOf(held[i])})
		}
	}
	if err := p.confirm(ctx); err != nil {
		return next, err
	}
	removed, failed := p.Blobs.RemoveBlobs(ctx, seen)
	for _, ok := range removed {
		if ok {
			p.report(Blob, 1)
		}
	}
	return next, cmp.Or(failed, err, away)
}

// genOf is the gen up to which a blob is removed. The gen of a damaged one is unknown.
func genOf(b kv.Blob) uint64 {
	if b.Damaged {
		return math.MaxUint64
	}
	return b.Stamp
}

func (p *pass) report(what string, n int) {
	if n > 0 {
		p.removed[what] += n
		p.OnRemoved(what, n)
	}
}
