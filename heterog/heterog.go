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

// Config of a Worker. All fields but Head, History, Deletions, Life, Since, Wrote, Rounds and Patience are needed.
type Config struct {
	Catalog func() *catalog.Catalog // the one in force
	// Removed reports whether a push has removed a dimension, or with "all" a kind, a short while ago. Defaults to never.
	Removed func(kind, dimension string) bool

	Head     func() error // nil where Catalog gives the one that was pushed last; else it wraps item.ErrCatalog or ErrOwn. Defaults to nil always
	Store    Store
	Upstream Fetcher
	Bus      Publisher
	Log      *slog.Logger

	History   History   // nil knows of no changes but those that come here
	Deletions Deletions // where those wait that are not believed. Defaults to none: all are believed at once

	Life     func() string    // which life of the store this is: what it lost is looked for again. Defaults to always the same
	Since    func() time.Time // when this life of the store began; zero while it has lost nothing. Defaults to zero always
	Wrote    func(kv.Outcome) // told of each record that was put, 0 for one that failed, for metrics. Defaults to nothing
	Rounds   int              // fetches of one record while others keep writing it. Defaults to 5
	Patience time.Duration    // for an upstream that answers older than the record. Defaults to a minute
}

// Store is what a worker needs of the records store.
type Store interface {
	kv.RecordReader
	kv.RecordPutter
	kv.StateReader
	kv.Scanner
}

// Fetcher asks the owner of a dimension; *upstream.Client is one.
type Fetcher interface {
	Fetch(ctx context.Context, d *catalog.Dimension, asks []upstream.Ask) []upstream.Answer
}

// Publisher sends changes and folds on their way; *bus.Conn is one.
type Publisher interface {
	PublishChanges(ctx context.Context, changes []item.Change, opt bus.PublishOptions) error
	PublishSyncs(ctx context.Context, syncs []item.Change) error
}

// History tells of changes that were replaced before anybody took them; *bus.Conn is one.
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

// New makes a worker. It holds no goroutine: a bus.Consumer drives it.
func New(c Config) *Worker {
	if c.Head == nil {
		c.Head = func() error { return nil }
	}
	if c.Removed == nil {
		c.Removed = func(string, string) bool { return false }
	}
	c.Rounds = cmp.Or(c.Rounds, 5)
	c.Patience = cmp.Or(c.Patience, time.Minute)
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

// Check reports whether the catalog in force declares what a change names. What an older catalog does not know may be new.
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

// final is err where cat, which does not know a name in c, is the catalog in force, and else why it is not. A process that had the
// catalog before may have announced what is removed by now: that is no mistake of anybody.
func (w *Worker) final(cat *catalog.Catalog, c item.Change, err error) error {
	if behind := w.Head(); behind != nil {
		return behind
	}
	if w.Catalog() != cat { // it came between the two questions
		return fmt.Errorf("%w: looked up in the one before", item.ErrCatalog)
	}
	if w.Removed(c.Entity.Kind, c.Dimension) {
		return fmt.Errorf("%w: %w", item.ErrRemoved, err)
	}
	return err
}

// Group puts changes of one dimension together, as many as its owner takes in one call.
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

// Place is the upstream that a change is fetched from.
func (w *Worker) Place(c item.Change) bus.Place {
	d, err := w.Catalog().Dimension(c.Entity.Kind, c.Dimension)
	if err != nil {
		return bus.Place{}
	}
	return bus.Place{Name: d.From.Name, Limit: d.From.Concurrency}
}

// Places are all upstreams.
func (w *Worker) Places() (all []bus.Place) {
	for _, u := range w.Catalog().Upstreams {
		all = append(all, bus.Place{Name: u.Name, Limit: u.Concurrency})
	}
	return all
}

// Handle turns changes of one group into records. It gives one error per task, nil for what is stored
// and announced, bus.ErrLookAgain for that of which a replica that lags may have answered. Other errors wrap item.ErrUnavailable,
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

// read learns stamps and validators before anything is fetched, and gives the jobs whose records could be read.
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

// fetch asks the owner and shapes what it answers.
func (w *Worker) fetch(ctx context.Context, d *catalog.Dimension, jobs []*job) {
	if len(jobs) == 0 {
		return
	}
	asks := make([]upstream.Ask, len(jobs))
	for i, j := range jobs {
		j.asked = time.Now()
		asks[i] = j.ask(d)
	}
	for i, a := range w.Upstream.Fetch(ctx, d, asks) {
		jobs[i].value, jobs[i].refs, jobs[i].err = a.Value(d, jobs[i].held)
		jobs[i].value.Event = jobs[i].task.Event
		jobs[i].validators = kv.Validators{ETag: a.ETag, LastModified: a.LastModified}
	}
}

// mayPut fails where what was fetched is not of the shape in force: another catalog has come since this work began,
// or a record of another shape would be replaced, which is older than this process's catalog, or newer. A process
// whose catalog is the older one would undo what the others have made of the new one.
func (w *Worker) mayPut(cat *catalog.Catalog, d *catalog.Dimension, jobs []*job) error {
	if w.Catalog() != cat {
		return fmt.Errorf("%w: another one came into force while %s.%s was fetched", item.ErrCatalog, d.Kind.Name, d.Name)
	}
	if slices.ContainsFunc(jobs, func(j *job) bool { return j.held.Life != kv.Absent && j.held.Shape != d.Shape }) {
		return w.Head()
	}
	return nil
}

// put stores what was fetched and returns the jobs that were overtaken, to be fetched again.
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

// same reports whether the content is what the record already says. A record of another shape never is:
// its blobs have to be folded anew.
func (j *job) same(d *catalog.Dimension) bool {
	return !j.task.Force && !j.held.Damaged && j.held.Shape == d.Shape &&
		j.held.Life == j.value.Life && bytes.Equal(j.held.Body, j.value.Body)
}
