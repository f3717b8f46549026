package app

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"vitrine/internal/bus"
	"vitrine/internal/catalog"
	"vitrine/internal/control"
	"vitrine/internal/item"
	"vitrine/internal/lineage"
	"vitrine/internal/upstream"
)

type refreshCommand struct {
	Kind   string   `help:"Kind of entity; with --all it may be left out for every kind that can be listed." placeholder:"sku"`
	IDs    []string `name:"ids" help:"These ids." placeholder:"a,b"`
	Where  string   `help:"Those whose ref names an entity, as the relation index knows it." placeholder:"REF=ID"`
	All    bool     `help:"All that the upstreams list, and what the store has besides: deleted articles, kinds without a list."`
	Lane   string   `help:"Lane: ${enum}." enum:"high,normal,refresh" default:"refresh"`
	Force  bool     `help:"Fetch and fold also what did not change."`
	DryRun bool     `help:"Say what would be announced, and do nothing."`
	Wait   bool     `help:"Wait until the queues are empty."`
	natsFlag
	secretFlag
	Admin   string        `help:"The admin listener, for --where, and for what the store has besides with --all." default:"127.0.0.1:8081" placeholder:"ADDR"`
	Redis   string        `help:"The Redis of the records, for what it has besides with --all, in place of the admin listener." placeholder:"URL"`
	Catalog string        `help:"Catalog file, in place of the one in force." placeholder:"FILE" type:"existingfile"`
	JSON    bool          `name:"json" help:"Print JSON."`
	Timeout time.Duration `help:"Give up waiting after this time." default:"30m"`
}

func (refreshCommand) Help() string {
	return `Examples:
  vitrine refresh --all
  vitrine refresh --kind sku --ids 100012,100013 --lane high
  vitrine refresh --kind sku --where brand=8557 --dry-run`
}

// refreshed is what --json prints.
type refreshed struct {
	Entities int  `json:"entities"`
	Changes  int  `json:"changes"` // one per dimension, as workers will see them
	Calls    int  `json:"calls"`   // upstream calls that these take at most
	Stored   int  `json:"stored"`  // of the entities, those that no upstream lists and the store has
	Refused  int  `json:"refused"` // ids in the lists that can't be an entity's
	DryRun   bool `json:"dry_run"`

	Minutes float64 `json:"minutes,omitempty"` // of a dry run: how long the calls take, by one that was timed of each dimension
}

// Run is vitrine refresh.
func (r *refreshCommand) Run(e *env) error {
	if err := r.validate(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(e.ctx, r.Timeout)
	defer cancel()
	conn, err := bus.Dial(ctx, bus.Config{URL: r.NATS, Control: r.Control, Name: "vitrine refresh", Log: e.log})
	if err != nil {
		return fmt.Errorf("connect to NATS: %w", err)
	}
	defer conn.Close()
	cat, err := r.catalog(ctx, e, conn)
	if err != nil {
		return err
	}
	secrets, err := upstream.NewSecrets(r.Secret, nil)
	if err != nil {
		return usageError{err}
	}
	if r.Catalog != "" {
		secrets.Trust(cat)
	}
	client := upstream.New(upstream.Config{Log: e.log, Secrets: secrets})
	defer client.Close()
	l := newLister(client, conn, e.log)
	l.dryRun, l.progress = r.DryRun, progressTo(e.stderr)
	failed := r.announce(ctx, cat, l)
	l.progress("")
	if unasked, ok := failed.(*storeUnasked); ok { // a failure beside it is the command's
		fmt.Fprintln(e.stderr, unasked)
		failed = nil
	}
	if failed != nil {
		return failed
	}
	if r.Wait && !r.DryRun {
		if err := waitEmpty(ctx, conn, progressTo(e.stderr)); err != nil {
			return err
		}
	}
	l.done.DryRun = r.DryRun
	if r.JSON {
		return json.NewEncoder(e.stdout).Encode(l.done)
	}
	if r.DryRun {
		_, err = fmt.Fprintf(e.stdout, "would announce %d entities%s: %d changes, at most %d upstream calls, about %.1f minutes\n", l.done.Entities, l.done.besides(), l.done.Changes, l.done.Calls, l.done.Minutes)
		return err
	}
	_, err = fmt.Fprintf(e.stdout, "announced %d entities%s: %d changes, at most %d upstream calls\n", l.done.Entities, l.done.besides(), l.done.Changes, l.done.Calls)
	return err
}

func (r *refreshCommand) validate() error {
	ways := 0
	for _, given := range []bool{len(r.IDs) > 0, r.Where != "", r.All} {
		if given {
			ways++
		}
	}
	switch {
	case ways != 1:
		return usagef("say which entities: one of --ids, --where or --all")
	case r.Kind == "" && !r.All:
		return usagef("say of which kind they are: --kind")
	}
	return nil
}

func (r *refreshCommand) catalog(ctx context.Context, e *env, conn *bus.Conn) (*catalog.Catalog, error) {
	if r.Catalog == "" {
		return control.Load(ctx, conn)
	}
	src, err := os.ReadFile(r.Catalog)
	if err != nil {
		return nil, err
	}
	return catalog.Parse(src, r.Catalog, catalog.Options{})
}

func (r *refreshCommand) announce(ctx context.Context, cat *catalog.Catalog, l *lister) error {
	opt := bus.PublishOptions{Force: r.Force}
	lane := item.Lane(r.Lane)
	if r.All {
		return r.everything(ctx, cat, l, lane, opt)
	}
	kind, err := cat.Kind(r.Kind)
	switch {
	case err != nil:
		return err
	case r.Where != "":
		return r.related(ctx, kind, l, lane, opt)
	}
	return l.ids(ctx, kind, r.IDs, lane, opt)
}

// related announces what the relation index lists, page by page.
func (r *refreshCommand) related(ctx context.Context, kind *catalog.Kind, l *lister, lane item.Lane, opt bus.PublishOptions) error {
	name, id, ok := strings.Cut(r.Where, "=")
	if !ok {
		return usagef("--where %s is not REF=ID", r.Where)
	}
	if _, err := kind.Ref(name); err != nil {
		return usageError{err}
	}
	for cursor := ""; ; {
		q := url.Values{"kind": {kind.Name}, "ref": {name}, "id": {id}, "cursor": {cursor}}
		var page relatedPage
		if err := askAdmin(ctx, r.Admin, "/related?"+q.Encode(), &page); err != nil {
			return err
		}
		if err := l.ids(ctx, kind, page.IDs, lane, opt); err != nil {
			return err
		}
		if cursor = page.Next; cursor == "" {
			return nil
		}
	}
}

// lister announces entities in bulk, a change of "all" each. Use newLister.
type lister struct {
	upstream *upstream.Client
	bus      *bus.Conn
	log      *slog.Logger
	dryRun   bool
	progress func(string)
	done     refreshed
	told     map[item.Entity]bool
	took     map[*catalog.Dimension]time.Duration // one call, of a dry run
	busy     map[string]time.Duration             // upstream → for how long it would be asked
}

func newLister(client *upstream.Client, conn *bus.Conn, log *slog.Logger) *lister {
	return &lister{upstream: client, bus: conn, log: log, told: map[item.Entity]bool{}}
}

// kind announces all that the upstream lists. Ids that can't be an entity's are left out and counted.
func (l *lister) kind(ctx context.Context, kind *catalog.Kind, lane item.Lane, opt bus.PublishOptions) error {
	return lineage.EachListed(ctx, l.upstream, kind, "", func(page lineage.Listed) error {
		if l.done.Refused += len(page.Refused); len(page.Refused) > 0 {
			l.log.Warn("the upstream lists ids that can't be an entity's; they are left out", "kind", kind.Name, "ids", len(page.Refused), "first", fmt.Sprintf("%.80q", page.Refused[0]))
		}
		return l.entities(ctx, kind, page.Entities, lane, opt)
	})
}

// ids announces entities by the ids that somebody gave.
func (l *lister) ids(ctx context.Context, kind *catalog.Kind, ids []string, lane item.Lane, opt bus.PublishOptions) error {
	entities := make([]item.Entity, len(ids))
	for i, id := range ids {
		var err error
		if entities[i], err = item.NewEntity(kind.Name, id); err != nil {
			return err
		}
	}
	return l.entities(ctx, kind, entities, lane, opt)
}

// entities announces entities of one kind, each once.
func (l *lister) entities(ctx context.Context, kind *catalog.Kind, entities []item.Entity, lane item.Lane, opt bus.PublishOptions) error {
	changes := make([]item.Change, 0, len(entities))
	for _, e := range entities {
		if !l.told[e] {
			l.told[e] = true
			changes = append(changes, item.Change{Lane: lane, Entity: e, Dimension: item.All})
		}
	}
	l.done.Entities += len(changes)
	for _, d := range kind.Dimensions {
		calls := (len(changes) + d.BatchMax - 1) / d.BatchMax
		l.done.Changes += len(changes)
		l.done.Calls += calls
		if l.dryRun && len(changes) > 0 {
			l.estimate(ctx, d, changes[0].Entity.ID, calls)
		}
	}
	if l.progress != nil {
		l.progress(fmt.Sprintf("%s: %d entities", kind.Name, l.done.Entities))
	}
	if l.dryRun {
		return nil
	}
	return l.bus.PublishChanges(ctx, changes, opt)
}

// estimate adds the time that calls take. It times one call of each dimension.
func (l *lister) estimate(ctx context.Context, d *catalog.Dimension, id string, calls int) {
	if l.took == nil {
		l.took, l.busy = map[*catalog.Dimension]time.Duration{}, map[string]time.Duration{}
	}
	if _, timed := l.took[d]; !timed {
		began := time.Now()
		l.upstream.Fetch(ctx, d, []upstream.Ask{{ID: id}})
		l.took[d] = time.Since(began)
	}
	l.busy[d.From.Name] += l.took[d] * time.Duration(calls) / time.Duration(d.From.Concurrency)
	l.done.Minutes = max(l.done.Minutes, l.busy[d.From.Name].Minutes()) // upstreams are asked side by side
}

func sortedKinds(cat *catalog.Catalog) []string {
	names := make([]string, 0, len(cat.Kinds))
	for name := range cat.Kinds {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// waitEmpty returns when nothing waits and nothing is in work.
func waitEmpty(ctx context.Context, conn *bus.Conn, progress func(string)) error {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		left, err := conn.Left(ctx)
		if err != nil {
			return err
		}
		if left == 0 {
			progress("")
			return nil
		}
		progress(fmt.Sprintf("%d left in the queues", left))
		select {
		case <-ctx.Done():
			return fmt.Errorf("%d left in the queues: %w", left, ctx.Err())
		case <-tick.C:
		}
	}
}

// progressTo rewrites one line on a terminal, and is silent elsewhere. "" ends the line.
func progressTo(w io.Writer) func(string) {
	f, ok := w.(*os.File)
	if info, err := statOf(f, ok); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return func(string) {}
	}
	return func(s string) {
		if s == "" {
			fmt.Fprint(w, "\r\033[K")
			return
		}
		fmt.Fprintf(w, "\r\033[K%s", s)
	}
}

func statOf(f *os.File, ok bool) (os.FileInfo, error) {
	if !ok {
		return nil, os.ErrInvalid
	}
	return f.Stat()
}
