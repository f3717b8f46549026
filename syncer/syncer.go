package syncer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"vitrine/internal/bus"
	"vitrine/internal/catalog"
	"vitrine/internal/failpoint"
	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/internal/shape"
)

// Config configures a Worker. All fields but Head, Removed, Wrote and Announced are required.
type Config struct {
	Catalog func() *catalog.Catalog           // the one in force
	Removed func(kind, dimension string) bool // reports whether a recent push has removed a dimension, or with "all" a kind. Defaults to never
	Head    func() error                      // nil if Catalog gives the catalog pushed last; otherwise wraps item.ErrCatalog or ErrOwn. Defaults to nil always
	Records Records
	Blobs   Blobs
	Bus     Publisher
	Log     *slog.Logger

	Wrote     func(Outcome)   // called with each put, for metrics; defaults to nothing
	Announced func(Announced) // called for each entity whose changed blobs were announced, for metrics; defaults to nothing
}

// Records is what a Worker needs of the records store.
type Records interface {
	kv.RecordReader
	kv.RecordPutter // of the claims of slugs
	kv.StateReader
	kv.Builder
	kv.Relater
}

// Blobs is what a Worker needs of the blobs store.
type Blobs interface {
	kv.BlobGetter
	kv.BlobPutter
}

// Publisher announces to the detail servers; *bus.Conn is one.
type Publisher interface {
	Announce(ctx context.Context, a []bus.Announcement) error
	PublishSyncs(ctx context.Context, syncs []item.Change) error
	PublishChanges(ctx context.Context, changes []item.Change, opt bus.PublishOptions) error
}

// Worker folds entities. It starts no goroutine: a bus.Consumer drives it.
type Worker struct{ Config }

// New makes a Worker.
func New(c Config) *Worker {
	if c.Head == nil {
		c.Head = func() error { return nil }
	}
	if c.Removed == nil {
		c.Removed = func(string, string) bool { return false }
	}
	if c.Wrote == nil {
		c.Wrote = func(Outcome) {}
	}
	if c.Announced == nil {
		c.Announced = func(Announced) {}
	}
	return &Worker{c}
}

// batch is how many entities are folded together.
const batch = 64

// Check returns an error unless the catalog in force declares the entity's kind. A kind that only this process's older
// catalog lacks may be new: then the error wraps item.ErrCatalog.
func (f *Worker) Check(c item.Change) error {
	_, err := f.kind(c.Entity.Kind)
	return err
}

func (f *Worker) kind(name string) (*catalog.Kind, error) {
	cat := f.Catalog()
	kind, err := cat.Kind(name)
	if err == nil {
		return kind, nil
	}
	if behind := f.Head(); behind != nil {
		return nil, behind
	}
	if f.Catalog() != cat { // another catalog came between the two questions
		return nil, fmt.Errorf("%w: looked up in the one before", item.ErrCatalog)
	}
	if f.Removed(name, item.All) {
		return nil, fmt.Errorf("%w: %w", item.ErrRemoved, err)
	}
	return nil, err
}

// Group groups entities of one kind.
func (f *Worker) Group(c item.Change) (key string, limit int) { return c.Entity.Kind, batch }

// Handle folds entities of one kind. It gives one error per task, nil for an entity that is stored, announced and
// marked built. Errors wrap item.ErrOwn, ErrUnavailable, ErrRefused, ErrChanged, ErrCatalog, ErrRemoved or ErrUnknown.
// An entity whose part of a store is unavailable does not delay the others.
func (f *Worker) Handle(ctx context.Context, tasks []bus.Task) []error {
	kind, err := f.kind(tasks[0].Change.Entity.Kind)
	if err != nil {
		return all(tasks, err)
	}
	jobs := newJobs(tasks)
	for _, step := range []func(context.Context, *catalog.Kind, []*job) error{
		f.load, f.inspect, f.reshape, f.fold, f.put, f.relate, f.claim, f.announce, f.mark,
	} {
		left := present(jobs)
		if len(left) == 0 {
			break
		}
		if err := step(ctx, kind, left); err != nil {
			for _, j := range left {
				j.suspend("", err)
			}
		}
	}
	return errs(jobs)
}

// load reads gens first, then the records of dirty entities. A damaged state does not show what is missing: all
// dimensions of its entity are requested again.
func (f *Worker) load(ctx context.Context, kind *catalog.Kind, jobs []*job) error {
	states, err := f.Records.States(ctx, entities(jobs))
	for i, err := range kv.ItemErrors(err, len(jobs)) {
		jobs[i].suspend("read state", err)
	}
	var again []item.Change
	for i, j := range jobs {
		if j.suspended != nil {
			continue
		}
		j.state = states[i]
		j.unknown = len(j.state.Gens) == 0 && !j.state.Damaged
		for _, b := range kind.Blobs {
			switch gen := j.state.Gen(b.Dimensions()); {
			case gen > j.state.Built[b.Name]:
				j.want(b, gen)
			case shape.MustReshape(b, j.state):
				j.wantAnew(b)
			}
		}
		if j.state.Damaged {
			again = append(again, j.askAll(kind)...)
		}
	}
	if len(again) == 0 {
		return nil
	}
	f.Log.Warn("damaged state of entities; asking the upstreams again", "records", len(again), "first", again[0].Subject())
	return f.askAgain(ctx, kind, again, bus.PublishOptions{Force: true})
}

// inspect checks that the blobs of clean entities are really in their store, whole and of the present shape. It runs in
// the high and refresh lanes; the normal lane trusts the state. If the records store has forgotten or lost an entity,
// its blobs are checked in every lane: they may be in another store.
func (f *Worker) inspect(ctx context.Context, kind *catalog.Kind, jobs []*job) error {
	var keys []kv.BlobKey
	var owners []*job
	for _, j := range jobs {
		if !j.thorough() && !j.unknown {
			continue
		}
		for _, b := range kind.Blobs {
			if j.unknown || j.state.Gen(b.Dimensions()) > 0 {
				keys = append(keys, kv.BlobKey{Entity: j.entity(), Blob: b.Name})
				owners = append(owners, j)
			}
		}
	}
	if len(keys) == 0 {
		return nil
	}
	blobs, err := f.Blobs.Blobs(ctx, keys)
	for i, err := range kv.ItemErrors(err, len(keys)) {
		j := owners[i]
		j.suspend("inspect "+keys[i].Blob, err)
		if j.suspended != nil {
			continue
		}
		b, err := kind.Blob(keys[i].Blob)
		if err != nil {
			return err
		}
		j.mend(b, blobs[i])
		j.find(keys[i].Blob, blobs[i])
	}
	return nil
}

// fold makes the blobs. An entity that can't be folded fails alone and keeps its blobs.
func (f *Worker) fold(ctx context.Context, kind *catalog.Kind, jobs []*job) error {
	var keys []kv.RecordKey
	for _, j := range jobs {
		keys = append(keys, j.recordKeys()...)
	}
	if len(keys) == 0 {
		return nil
	}
	records, err := f.Records.Records(ctx, keys)
	errs := kv.ItemErrors(err, len(keys))
	var damaged []item.Change
	end := 0
	for _, j := range jobs {
		from := end
		end += len(j.recordKeys())
		j.suspend("read records", errors.Join(errs[from:end]...))
		if j.suspended == nil {
			damaged = append(damaged, j.setRecords(keys[from:end], records[from:end])...)
			j.fold()
		}
	}
	failpoint.Hit(failpoint.Folded)
	if len(damaged) == 0 {
		return nil
	}
	f.Log.Warn("damaged records; asking their upstreams again", "records", len(damaged), "first", damaged[0].Subject())
	return f.askAgain(ctx, kind, damaged, bus.PublishOptions{})
}

func (f *Worker) put(ctx context.Context, _ *catalog.Kind, jobs []*job) error {
	var puts []kv.BlobPut
	var owners []*job
	for _, j := range jobs {
		for _, p := range j.puts {
			puts = append(puts, p)
			owners = append(owners, j)
		}
	}
	if len(puts) == 0 {
		return nil
	}
	stored, err := f.Blobs.PutBlobs(ctx, puts)
	var refused []contested
	for i, err := range kv.ItemErrors(err, len(puts)) {
		owners[i].suspend("put "+puts[i].Blob, err)
		switch {
		case err != nil:
			f.Wrote(Failed)
		case stored[i]:
			f.Wrote(Stored)
		default:
			f.Wrote(Refused)
			refused = append(refused, contested{owners[i], puts[i]})
		}
	}
	failpoint.Hit(failpoint.BlobPut)
	return f.contest(ctx, refused)
}

// announce publishes the whole vector of each entity that has, or may have, something new.
func (f *Worker) announce(ctx context.Context, kind *catalog.Kind, jobs []*job) error {
	var out []bus.Announcement
	for _, j := range jobs {
		if len(j.puts) > 0 {
			out = append(out, bus.Announcement{Entity: j.entity(), Gens: j.vector(kind)})
		}
	}
	if len(out) == 0 {
		return nil
	}
	if err := f.Bus.Announce(ctx, out); err != nil {
		return fmt.Errorf("announce blobs: %w", err)
	}
	for _, j := range jobs {
		if event := j.newest(); !event.IsZero() {
			f.Announced(Announced{j.task.Change.Lane, event})
		}
	}
	failpoint.Hit(failpoint.BlobsAnnounced)
	return nil
}

func (f *Worker) mark(ctx context.Context, _ *catalog.Kind, jobs []*job) error {
	var built []kv.Built
	var owners []*job
	for _, j := range jobs {
		if len(j.puts) > 0 {
			built = append(built, kv.Built{Entity: j.entity(), Gens: j.gens(), Shapes: j.shapes()})
			owners = append(owners, j)
		}
	}
	if len(built) == 0 {
		return nil
	}
	err := f.Records.MarkBuilt(ctx, built)
	for i, err := range kv.ItemErrors(err, len(built)) {
		owners[i].suspend("mark built", err)
	}
	failpoint.Hit(failpoint.Marked)
	return nil
}

func foldOne(b *catalog.Blob, e item.Entity, gen uint64, records map[string]kv.Record) (kv.BlobPut, error) {
	v, err := shape.Fold(b, e, records)
	v.Stamp = gen
	return kv.BlobPut{BlobKey: kv.BlobKey{Entity: e, Blob: b.Name}, Value: v}, err
}
