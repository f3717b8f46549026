package app

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"vitrine/internal/bus"
	"vitrine/internal/catalog"
	"vitrine/internal/control"
	"vitrine/internal/item"
	"vitrine/internal/upstream"
)

type refreshCommand struct {
	Kind   string   `help:"Kind of entity; with --all it may be left out for every kind that can be listed." placeholder:"sku"`
	IDs    []string `name:"ids" help:"These ids." placeholder:"a,b"`
	Where  string   `help:"Those whose ref names an entity, as the relation index knows it." placeholder:"REF=ID"`
	All    bool     `help:"All that the upstream lists."`
	Lane   string   `help:"Lane: ${enum}." enum:"high,normal,refresh" default:"refresh"`
	Force  bool     `help:"Fetch and fold also what did not change."`
	DryRun bool     `help:"Say what would be announced, and do nothing."`
	Wait   bool     `help:"Wait until the queues are empty."`
	natsFlag
	secretFlag
	Admin   string        `help:"The admin listener, for --where." default:"127.0.0.1:8081" placeholder:"ADDR"`
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
	l := &lister{upstream: client, bus: conn, dryRun: r.DryRun, progress: progressTo(e.stderr)}
	if err := r.announce(ctx, cat, l); err != nil {
		return err
	}
	l.progress("")
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
		_, err = fmt.Fprintf(e.stdout, "would announce %d entities: %d changes, at most %d upstream calls, about %.1f minutes\n", l.done.Entities, l.done.Changes, l.done.Calls, l.done.Minutes)
		return err
	}
	_, err = fmt.Fprintf(e.stdout, "announced %d entities: %d changes, at most %d upstream calls\n", l.done.Entities, l.done.Changes, l.done.Calls)
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
	if r.All && r.Kind == "" {
		for _, name := range sortedKinds(cat) {
			if kind := cat.Kinds[name]; kind.List != nil {
				if err := l.kind(ctx, kind, lane, opt); err != nil {
					return err
				}
			}
		}
		return nil
	}
	kind, err := cat.Kind(r.Kind)
	switch {
	case err != nil:
		return err
	case r.All && kind.List == nil:
		return fmt.Errorf("kind %s can't be listed: give it a list in the catalog, or name --ids", kind.Name)
	case r.All:
		return l.kind(ctx, kind, lane, opt)
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

// lister announces entities in bulk, a change of "all" each.
type lister struct {
	upstream *upstream.Client
	bus      *bus.Conn
	dryRun   bool
	progress func(string)
	done     refreshed
	took     map[*catalog.Dimension]time.Duration // one call, of a dry run
	busy     map[string]time.Duration             // upstream → for how long it would be asked
}

// kind announces all that the upstream lists.
func (l *lister) kind(ctx context.Context, kind *catalog.Kind, lane item.Lane, opt bus.PublishOptions) error {
	seen := map[string]bool{}
	for cursor := ""; ; {
		ids, next, err := l.upstream.List(ctx, kind.List, cursor)
		if err != nil {
			return fmt.Errorf("list %s: %w", kind.Name, err)
		}
		if err := l.ids(ctx, kind, ids, lane, opt); err != nil {
			return err
		}
		if next == "" {
			return nil
		}
		if seen[next] {
			return fmt.Errorf("list %s: the upstream gave the cursor %q twice", kind.Name, next)
		}
		seen[next], cursor = true, next
	}
}

func (l *lister) ids(ctx context.Context, kind *catalog.Kind, ids []string, lane item.Lane, opt bus.PublishOptions) error {
	changes := make([]item.Change, 0, len(ids))
	for _, id := range ids {
		e, err := item.NewEntity(kind.Name, id)
		if err != nil {
			return err
		}
		changes = append(changes, item.Change{Lane: lane, Entity: e, Dimension: item.All})
	}
	l.done.Entities += len(changes)
	for _, d := range kind.Dimensions {
		calls := (len(changes) + d.BatchMax - 1) / d.BatchMax
		l.done.Changes += len(changes)
		l.done.Calls += calls
		if l.dryRun && len(ids) > 0 {
			l.estimate(ctx, d, ids[0], calls)
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
