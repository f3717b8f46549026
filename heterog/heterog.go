package heterog

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"vitrine/internal/bus"
	"vitrine/internal/catalog"
	"vitrine/internal/failpoint"
	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/internal/upstream"
)

// Config of a Worker. All fields but Head, History, Deletions, Ahead, Life, Since, Wrote, Rounds and Patience are needed.
type Config struct {
	Catalog func() *catalog.Catalog // the one in force
	// Removed reports whether a recent push has removed a dimension, or with "all" a kind. Defaults to never.
	Removed func(kind, dimension string) bool

	Head     func() error // nil if Catalog gives the catalog pushed last; otherwise wraps item.ErrCatalog or ErrOwn. Defaults to nil always
	Store    Store
	Upstream Fetcher
	Bus      Publisher
	Log      *slog.Logger

	History   History   // nil knows of no changes but those that come here
	Deletions Deletions // where those wait that are not believed. Defaults to none: all are believed at once

	Ahead    func() time.Duration // by how much NATS's clock is ahead of this machine's. Defaults to not at all
	Life     func() string        // identifies the life of the store; in a new one, lost entities are looked for again. Defaults to always the same
	Since    func() time.Time     // beginning of the store's present life; zero if it has lost nothing. Defaults to zero always
	Wrote    func(kv.Outcome)     // called with each put, 0 for one that failed, for metrics. Defaults to nothing
	Rounds   int                  // fetches of one record while other writers keep changing it. Defaults to 5
	Patience time.Duration        // how long answers older than the record are refused. Defaults to a minute
}

// Store is what a worker needs of the records store.
type Store interface {
	kv.RecordReader
	kv.RecordPutter
	kv.StateReader
	kv.Scanner
}

// Fetcher asks the upstream of a dimension; *upstream.Client is one.
type Fetcher interface {
	Fetch(ctx context.Context, d *catalog.Dimension, asks []upstream.Ask) []upstream.Answer
}

// Publisher publishes changes and folds; *bus.Conn is one.
type Publisher interface {
	PublishChanges(ctx context.Context, changes []item.Change, opt bus.PublishOptions) error
	PublishSyncs(ctx context.Context, syncs []item.Change) error
}

// History reports changes that were replaced before anybody took them; *bus.Conn is one.
type History interface {
	// Repeated reports for each task whether its change was published more than once since a time.
	Repeated(ctx context.Context, tasks []bus.Task, since []time.Time) ([]bool, error)
}

// Worker handles changes.
type Worker struct {
	Config
	guard *guard
	looks *looks
	refs  *announcer
}

// New makes a worker. It starts no goroutine: a bus.Consumer drives it.
func New(c Config) *Worker {
	if c.Head == nil {
		c.Head = func() error { return nil }
	}
	if c.Removed == nil {
		c.Removed = func(string, string) bool { return false }
	}
	c.Rounds = cmp.Or(c.Rounds, 5)
	c.Patience = cmp.Or(c.Patience, time.Minute)
	if c.Ahead == nil {
		c.Ahead = func() time.Duration { return 0 }
	}
	if c.Life == nil {
		c.Life = func() string { return "" }
	}
	if c.Since == nil {
		c.Since = func() time.Time { return time.Time{} }
	}
	if c.Wrote == nil {
		c.Wrote = func(kv.Outcome) {}
	}
	return &Worker{Config: c, guard: newGuard(), looks: newLooks(), refs: newAnnouncer(c)}
}

// Check returns an error unless the catalog in force declares what a change names. A name that only this process's
// older catalog lacks may be new: then the error wraps item.ErrCatalog.
func (w *Worker) Check(c item.Change) (err error) {
	cat := w.Catalog()
	if c.Dimension == item.All {
		_, err = cat.Kind(c.Entity.Kind)
	} else {
		_, err = cat.Dimension(c.Entity.Kind, c.Dimension)
	}
	if err == nil {
		return nil
	}
	return w.final(cat, c, err)
}

// final is err if cat, which does not know a name in c, is the catalog in force; otherwise it is the reason why cat is
// not. A process with the previous catalog may have announced what was removed since: that is nobody's mistake, and the
// error wraps item.ErrRemoved.
func (w *Worker) final(cat *catalog.Catalog, c item.Change, err error) error {
	if behind := w.Head(); behind != nil {
		return behind
	}
	if w.Catalog() != cat { // another catalog came between the two questions
		return fmt.Errorf("%w: looked up in the one before", item.ErrCatalog)
	}
	if w.Removed(c.Entity.Kind, c.Dimension) {
		return fmt.Errorf("%w: %w", item.ErrRemoved, err)
	}
	return err
}

// Group groups changes of one dimension; limit is how many its upstream takes in one call.
func (w *Worker) Group(c item.Change) (key string, limit int) {
	key = c.Entity.Kind + "." + c.Dimension
	if c.Dimension == item.All {
		return key, 256
	}
	d, err := w.Catalog().Dimension(c.Entity.Kind, c.Dimension)
	if err != nil {
		return key, 1
	}
	return key, d.BatchMax
}

// Place is the pool of a change's dimension, in its upstream.
func (w *Worker) Place(c item.Change) bus.Place {
	d, err := w.Catalog().Dimension(c.Entity.Kind, c.Dimension)
	if err != nil || d.Internal() {
		return bus.Place{}
	}
	return bus.Place{Name: d.From.Place(d.Pool), Limit: d.From.Places(d.Pool)}
}

// Places lists all upstreams and their pools.
func (w *Worker) Places() (all []bus.Place) {
	for _, u := range w.Catalog().Upstreams {
		all = append(all, bus.Place{Name: u.Name, Limit: u.Concurrency})
		for _, p := range u.Pools {
			all = append(all, bus.Place{Name: u.Place(p), Limit: p.Concurrency})
		}
	}
	return all
}

// Handle turns changes of one group into records. It gives one error per task, nil for what is stored
// and announced, bus.ErrSecondLook for that of which a replica that lags may have answered. Other errors wrap item.ErrUnavailable,
// ErrRefused, ErrBehind, ErrChanged, ErrOwn, ErrCatalog or ErrUnknown.
func (w *Worker) Handle(ctx context.Context, tasks []bus.Task) []error {
	if tasks[0].Change.Dimension == item.All {
		return w.split(ctx, tasks)
	}
	cat := w.Catalog()
	d, err := cat.Dimension(tasks[0].Change.Entity.Kind, tasks[0].Change.Dimension)
	if err != nil {
		return all(tasks, w.final(cat, tasks[0].Change, err))
	}
	if d.Internal() {
		return w.pass(ctx, tasks)
	}
	jobs := newJobs(d, tasks)
	todo := jobs
	for round := 0; len(todo) > 0; round++ {
		if round == w.Rounds {
			fail(todo, item.ErrChanged)
			break
		}
		todo = w.read(ctx, todo)
		w.fetch(ctx, d, todo)
		failpoint.Hit(failpoint.Fetched)
		if err := w.mayPut(cat, d, todo); err != nil {
			fail(todo, err)
			break
		}
		todo = w.put(ctx, d, w.withhold(ctx, d, todo))
	}
	failpoint.Hit(failpoint.Put)
	w.announce(ctx, d, jobs)
	failpoint.Hit(failpoint.Announced)
	w.lookAgain(ctx, d, jobs)
	return errs(jobs)
}

// read reads stamps and validators before anything is fetched, and gives the jobs whose records could be read.
func (w *Worker) read(ctx context.Context, jobs []*job) (known []*job) {
	keys := make([]kv.RecordKey, len(jobs))
	for i, j := range jobs {
		keys[i] = j.key
	}
	held, err := w.Store.Records(ctx, keys)
	for i, err := range kv.ItemErrors(err, len(keys)) {
		if err != nil {
			jobs[i].err = fmt.Errorf("%w: read record: %w", item.ErrOwn, err)
			continue
		}
		jobs[i].held = held[i]
		known = append(known, jobs[i])
	}
	return known
}

// fetch asks the upstream and shapes its answers.
func (w *Worker) fetch(ctx context.Context, d *catalog.Dimension, jobs []*job) {
	if len(jobs) == 0 {
		return
	}
	asks := make([]upstream.Ask, len(jobs))
	for i, j := range jobs {
		j.asked = w.now()
		asks[i] = j.ask(d)
	}
	for i, a := range w.Upstream.Fetch(ctx, d, asks) {
		jobs[i].value, jobs[i].refs, jobs[i].err = a.Value(d, jobs[i].held)
		jobs[i].value.Event = jobs[i].task.Event
		jobs[i].value.Fetched = jobs[i].value.Fetched.Add(w.Ahead())
		jobs[i].validators = kv.Validators{ETag: a.ETag, LastModified: a.LastModified}
	}
}

// mayPut fails if the fetched records do not have the shape in force: another catalog has come into force since this
// work began, or a record of another shape would be replaced, which may belong to an older or a newer catalog. A
// process with the older catalog would undo the work of the others.
func (w *Worker) mayPut(cat *catalog.Catalog, d *catalog.Dimension, jobs []*job) error {
	if w.Catalog() != cat {
		return fmt.Errorf("%w: another one came into force while %s.%s was fetched", item.ErrCatalog, d.Kind.Name, d.Name)
	}
	if slices.ContainsFunc(jobs, func(j *job) bool { return j.held.Existence != kv.Absent && j.held.Shape != d.Shape }) {
		return w.Head()
	}
	return nil
}

// put stores what was fetched, and returns the jobs that were overtaken and must fetch again.
func (w *Worker) put(ctx context.Context, d *catalog.Dimension, jobs []*job) (changed []*job) {
	var ready []*job
	var puts []kv.Put
	for _, j := range jobs {
		if j.err == nil {
			j.err = w.doubt(d, j)
		}
		if j.err == nil {
			ready = append(ready, j)
			puts = append(puts, j.put(d))
		}
	}
	if len(puts) == 0 {
		return nil
	}
	results, err := w.Store.PutRecords(ctx, puts)
	for i, err := range kv.ItemErrors(err, len(puts)) {
		j := ready[i]
		if err != nil {
			w.Wrote(0)
			j.err = fmt.Errorf("%w: put record: %w", item.ErrOwn, err)
			continue
		}
		w.Wrote(results[i].Outcome)
		j.result = results[i]
		if j.result.Outcome == kv.Changed {
			changed = append(changed, j)
		}
	}
	return changed
}

// same reports whether the content equals the stored record. A record of another shape is never the same: its blobs
// have to be folded again.
func (j *job) same(d *catalog.Dimension) bool {
	return !j.task.Force && !j.held.Damaged && j.held.Shape == d.Shape &&
		j.held.Existence == j.value.Existence && bytes.Equal(j.held.Body, j.value.Body)
}

// now is the time by NATS's clock. Times that are compared with those of other processes, or of NATS, are by that clock: one of two
// machines may be minutes off.
func (w *Worker) now() time.Time { return time.Now().Add(w.Ahead()) }
