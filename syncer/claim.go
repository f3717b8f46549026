package syncer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"vitrine/internal/bus"
	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/internal/shape"
	"vitrine/internal/slug"
)

// claimRounds is how often claims of a slug are made again at once that another syncer's came before.
const claimRounds = 8

// claiming is one slug of a page, and the jobs whose entities claim it.
type claiming struct {
	key  kv.RecordKey // in the kind of slugs
	page *catalog.Page
	jobs []*job

	record kv.Record
	state  kv.State
}

// claim enters the entities into the claims of their slugs, where a page's path has a slug and no id. It comes after the put of the blobs
// that say the slugs, and before these are marked built: an entity that is clean has claimed its slug, and a crash between leaves it dirty.
//
// Claims are only added, so that an old fold which comes late takes nothing from anybody: see slug.Claims. Each is an atomic write of the
// slug's record, over the one that was read.
func (f *Worker) claim(ctx context.Context, kind *catalog.Kind, jobs []*job) error {
	var todo []*claiming
	for _, p := range f.Catalog().Alone(kind.Name) {
		todo = append(todo, claims(p, jobs)...)
	}
	for round := 0; len(todo) > 0; round++ {
		if round == claimRounds {
			suspendClaiming(todo, "claim the slug", item.ErrChanged)
			break
		}
		var err error
		todo, err = f.claimOnce(ctx, todo)
		if err != nil {
			return err
		}
	}
	return nil
}

// claims lists the slugs of a page that jobs claim.
func claims(p *catalog.Page, jobs []*job) (all []*claiming) {
	byKey := map[string]*claiming{}
	for _, j := range jobs {
		body := j.latest(p.Blob)
		if body == nil {
			continue
		}
		text := shape.Slug(body, p.Slug.From)
		if text == "" {
			continue
		}
		id := slug.Key(text)
		if byKey[id] == nil {
			key := kv.RecordKey{Entity: item.Entity{Kind: catalog.SlugKind, ID: id}, Dimension: p.Name}
			byKey[id] = &claiming{key: key, page: p}
			all = append(all, byKey[id])
		}
		byKey[id].jobs = append(byKey[id].jobs, j)
	}
	return all
}

// latest is the body of a blob that the job has put, or has found in the store; nil for one that it did not look at.
func (j *job) latest(b *catalog.Blob) []byte {
	for _, put := range j.puts {
		if put.Blob == b.Name {
			return put.Value.Body
		}
	}
	return j.found[b.Name]
}

// claimOnce makes claims, and returns those that another syncer's came before.
func (f *Worker) claimOnce(ctx context.Context, all []*claiming) (again []*claiming, err error) {
	all, err = f.readClaims(ctx, all)
	if err != nil {
		return nil, err
	}
	var puts []kv.Put
	var of []*claiming
	var fold []item.Change
	for _, c := range all {
		put, needed, err := f.claimPut(ctx, c)
		switch {
		case err != nil:
			suspendClaiming([]*claiming{c}, "read the claims", err)
		case needed:
			puts, of = append(puts, put), append(of, c)
		case c.dirty(): // whoever made the claim may have ended before it said so
			fold = append(fold, c.fold())
		}
	}
	if len(puts) > 0 {
		results, err := f.Records.PutRecords(ctx, puts)
		for i, err := range kv.ItemErrors(err, len(puts)) {
			switch {
			case err != nil:
				suspendClaiming(of[i:i+1], "claim the slug", err)
			case results[i].Outcome == kv.Changed:
				again = append(again, of[i])
			default:
				fold = append(fold, of[i].fold())
			}
		}
	}
	if len(fold) > 0 {
		if err := f.Bus.PublishSyncs(ctx, fold); err != nil {
			return nil, fmt.Errorf("announce claims of slugs: %w", err)
		}
	}
	return again, nil
}

// readClaims reads records and states, and returns those that could be read.
func (f *Worker) readClaims(ctx context.Context, all []*claiming) (known []*claiming, err error) {
	keys, entities := make([]kv.RecordKey, len(all)), make([]item.Entity, len(all))
	for i, c := range all {
		keys[i], entities[i] = c.key, c.key.Entity
	}
	states, err := f.Records.States(ctx, entities)
	stateErrs := slices.Clone(kv.ItemErrors(err, len(all)))
	records, err := f.Records.Records(ctx, keys)
	for i, err := range kv.ItemErrors(err, len(all)) {
		if err := errors.Join(stateErrs[i], err); err != nil {
			suspendClaiming(all[i:i+1], "read the claims", err)
			continue
		}
		all[i].record, all[i].state = records[i], states[i]
		known = append(known, all[i])
	}
	return known, nil
}

// claimPut is the record with the claims of the jobs. needed is false where it has them.
func (f *Worker) claimPut(ctx context.Context, c *claiming) (put kv.Put, needed bool, err error) {
	held, err := f.heldClaims(ctx, c.key, c.record)
	if err != nil {
		return put, false, err
	}
	ids := make([]string, len(c.jobs))
	for i, j := range c.jobs {
		ids[i] = j.entity().ID
	}
	now, more := held.With(ids...)
	needed = more || c.record.Existence != kv.Alive || c.state.Damaged
	return claimsPut(c.key, c.record.Stamp, c.page.Slug.Index.Of[0], now), needed, nil
}

// heldClaims are the claims in a record or, where that is lost or damaged, in the blob that was folded from it.
func (f *Worker) heldClaims(ctx context.Context, key kv.RecordKey, record kv.Record) (slug.Claims, error) {
	if record.Existence == kv.Alive && !record.Damaged {
		return slug.ParseClaims(record.Body), nil
	}
	blobs, err := f.Blobs.Blobs(ctx, []kv.BlobKey{{Entity: key.Entity, Blob: key.Dimension}})
	if err != nil {
		return nil, err
	}
	body, _ := shape.Lookup(blobs[0].Body, catalog.Path{key.Dimension})
	return slug.ParseClaims([]byte(body.Raw)), nil
}

func claimsPut(key kv.RecordKey, over uint64, d *catalog.Dimension, now slug.Claims) kv.Put {
	value := kv.Value{Header: kv.Header{Existence: kv.Alive, Fetched: time.Now(), Shape: d.Shape}, Body: now.Encode()}
	return kv.Put{RecordKey: key, Expect: over, Value: value}
}

// dirty reports whether the blob of the slug may lack a claim that its record has.
func (c *claiming) dirty() bool {
	b := c.page.Slug.Index
	return c.state.Gen(b.Dimensions()) > c.state.Built[b.Name]
}

// fold has the blob of the slug folded, in the lane of the first job.
func (c *claiming) fold() item.Change {
	return item.Change{Lane: c.jobs[0].task.Change.Lane, Entity: c.key.Entity}
}

func suspendClaiming(all []*claiming, what string, err error) {
	for _, c := range all {
		for _, j := range c.jobs {
			j.suspend(what, fmt.Errorf("%s: %w", c.key.Entity, err))
		}
	}
}

// restore writes records of claims again, of which the record or the state is damaged: there is no upstream to ask for them. The entities
// are dirty then, and folded.
func (f *Worker) restore(ctx context.Context, damaged []item.Change) error {
	for _, c := range damaged {
		key := kv.RecordKey{Entity: c.Entity, Dimension: c.Dimension}
		d, err := f.Catalog().Dimension(c.Entity.Kind, c.Dimension)
		if err != nil {
			return err
		}
		records, err := f.Records.Records(ctx, []kv.RecordKey{key})
		if err != nil {
			return fmt.Errorf("read %s: %w", key, err)
		}
		held, err := f.heldClaims(ctx, key, records[0])
		if err != nil {
			return fmt.Errorf("read %s: %w", key, err)
		}
		if len(held) == 0 && !records[0].Damaged {
			continue // this page has no claims of the slug
		}
		if _, err := f.Records.PutRecords(ctx, []kv.Put{claimsPut(key, records[0].Stamp, d, held)}); err != nil {
			return fmt.Errorf("restore %s: %w", key, err)
		}
		if err := f.Bus.PublishSyncs(ctx, []item.Change{{Lane: c.Lane, Entity: c.Entity}}); err != nil {
			return fmt.Errorf("announce restored claims: %w", err)
		}
	}
	return nil
}

// askAgain has damaged records written anew: by their upstreams or, of claims, from what is left of them.
func (f *Worker) askAgain(ctx context.Context, kind *catalog.Kind, damaged []item.Change, opt bus.PublishOptions) error {
	if kind.Internal() {
		return f.restore(ctx, damaged)
	}
	return f.Bus.PublishChanges(ctx, damaged, opt)
}
