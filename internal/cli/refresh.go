package cli

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
	"vitrine/internal/refresh"
	"vitrine/internal/upstream"
)

type refreshCommand struct {
	Kind   string   `help:"Kind of entity. With --all it is optional; without it, every kind is refreshed." placeholder:"sku"`
	IDs    []string `name:"ids" help:"Ids of the entities." placeholder:"a,b"`
	Where  string   `help:"Entities whose ref names this id, by the relation index." placeholder:"REF=ID"`
	All    bool     `help:"All that the upstreams list, and all else that the store has: deleted articles, kinds without a list."`
	Lane   string   `help:"Lane: ${enum}." enum:"high,normal,refresh" default:"refresh"`
	Force  bool     `help:"Fetch and fold even what has not changed."`
	DryRun bool     `help:"Print what would be announced; do nothing."`
	Wait   bool     `help:"Wait until the queues are empty, and fail if any of the announced changes failed."`
	natsFlag
	secretFlag
	Admin   string        `help:"The admin listener, for --where, and with --all for entities that only the store has." default:"127.0.0.1:8081" placeholder:"ADDR"`
	Redis   string        `help:"The Redis of the records. With --all, entities that only the store has are read there in place of the admin listener." placeholder:"URL"`
	Catalog string        `help:"Catalog file to use in place of the catalog in force." placeholder:"FILE" type:"existingfile"`
	JSON    bool          `name:"json" help:"Print JSON."`
	Timeout time.Duration `help:"Give up waiting after this time." default:"30m"`
}

func (refreshCommand) Help() string {
	return `Examples:
  vitrine refresh --all
  vitrine refresh --kind sku --ids 100012,100013 --lane high
  vitrine refresh --kind sku --where brand=8557 --dry-run`
}

// Run is vitrine refresh.
func (r *refreshCommand) Run(e *env) error {
	if err := r.validate(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(e.ctx, r.Timeout)
	defer cancel()
	conn, err := bus.Dial(ctx, r.config(r.NATS, "refresh", e))
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
	progress := progressTo(e.stderr)
	a := refresh.New(refresh.Config{
		Upstream: client, Bus: conn, Log: e.log, Lane: item.Lane(r.Lane), Options: bus.PublishOptions{Force: r.Force}, DryRun: r.DryRun, Progress: progress,
	})
	baseline, err := refresh.TakeBaseline(ctx, conn)
	if err != nil {
		return err
	}
	failed := r.announce(ctx, cat, conn, a, e.log)
	progress("")
	if unasked, ok := failed.(*refresh.StoreUnasked); ok { // another failure is the command's
		fmt.Fprintln(e.stderr, unasked)
		failed = nil
	}
	if failed != nil {
		return failed
	}
	var outcome refresh.Outcome
	if r.Wait && !r.DryRun {
		if err := refresh.Wait(ctx, conn, progressTo(e.stderr)); err != nil {
			return fmt.Errorf("%w%s", err, parkedHint(e.ctx, conn))
		}
		outcome, err = baseline.Outcome(ctx, conn, a.Announced)
		if err != nil {
			return err
		}
	}
	if err := r.print(e, newRefreshed(a.Done(), outcome)); err != nil {
		return err
	}
	if outcome.Bad() {
		printFailures(e.stderr, outcome)
		return errReported
	}
	return nil
}

func (r *refreshCommand) print(e *env, done refreshed) error {
	if r.JSON {
		return json.NewEncoder(e.stdout).Encode(done)
	}
	said, took := "announced", ""
	if r.DryRun {
		said = "would announce"
		took = fmt.Sprintf(", about %.1f minutes", done.Minutes)
	}
	_, err := fmt.Fprintf(e.stdout, "%s %d entities%s: %d changes, at most %d upstream calls%s\n", said, done.Entities, done.Besides(), done.Changes, done.Calls, took)
	return err
}

func (r *refreshCommand) validate() error {
	chosen := 0
	for _, given := range []bool{len(r.IDs) > 0, r.Where != "", r.All} {
		if given {
			chosen++
		}
	}
	switch {
	case chosen != 1:
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

func (r *refreshCommand) announce(ctx context.Context, cat *catalog.Catalog, conn *bus.Conn, a *refresh.Announcer, log *slog.Logger) error {
	if r.All {
		kinds, err := r.kinds(cat)
		if err != nil {
			return err
		}
		return a.Everything(ctx, kinds, r.openScan(conn, log))
	}
	kind, err := cat.Kind(r.Kind)
	switch {
	case err != nil:
		return err
	case r.Where != "":
		return r.related(ctx, kind, &ownAdmin{addr: r.Admin, conn: conn}, a)
	}
	return a.IDs(ctx, kind, r.IDs)
}

// related announces what the relation index lists, page by page.
func (r *refreshCommand) related(ctx context.Context, kind *catalog.Kind, admin *ownAdmin, a *refresh.Announcer) error {
	name, id, ok := strings.Cut(r.Where, "=")
	if !ok {
		return usagef("--where %s is not REF=ID", r.Where)
	}
	if _, err := kind.Ref(name); err != nil {
		return usageError{err}
	}
	for cursor := ""; ; {
		q := url.Values{"kind": {kind.Name}, "ref": {name}, "id": {id}, "cursor": {cursor}}
		page, err := admin.related(ctx, q)
		if err != nil {
			return err
		}
		if err := a.IDs(ctx, kind, page.IDs); err != nil {
			return err
		}
		cursor = page.Next
		if cursor == "" {
			return nil
		}
	}
}

func sortedKinds(cat *catalog.Catalog) []string {
	names := make([]string, 0, len(cat.Kinds))
	for name, kind := range cat.Kinds {
		if kind.Internal() {
			continue
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return names
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
