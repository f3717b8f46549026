// Package recipes_test runs each recipe against a server that answers in the form that its system's documentation gives.
package recipes_test

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"vitrine/internal/bus"
	"vitrine/internal/bustest"
	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/kv/boltkv"
	"vitrine/internal/poller"
	"vitrine/internal/trial"
	"vitrine/internal/upstream"
	"vitrine/templates"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// recipe is a recipe whose upstreams are a local server.
type recipe struct {
	*testing.T
	cat    *catalog.Catalog
	client *upstream.Client
}

// open reads a recipe, with a server in place of an address, and this folder in place of /usr/local/bin. Its variables of the
// environment have the given values.
func open(t *testing.T, file, address string, env map[string]string, answer http.Handler) *recipe {
	t.Helper()
	server := httptest.NewServer(answer)
	t.Cleanup(server.Close)
	return openAt(t, file, map[string]string{address: server.URL}, env)
}

// openAt is open with a running server in place of each address.
func openAt(t *testing.T, file string, servers, env map[string]string) *recipe {
	t.Helper()
	src, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	replace := []string{"/usr/local/bin", here}
	for address, server := range servers {
		if !strings.Contains(string(src), address) {
			t.Fatalf("%s has no %s", file, address)
		}
		replace = append(replace, address, server)
	}
	text := strings.NewReplacer(replace...).Replace(string(src))
	cat, err := catalog.Parse([]byte(text), file, catalog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range cat.Mistakes {
		t.Error(m)
	}
	var commands []string
	for _, u := range cat.Upstreams {
		if u.Token == nil {
			continue
		}
		for _, server := range servers {
			commands = append(commands, "command:"+strings.Join(u.Token.Command, " ")+"="+server)
		}
	}
	secrets, err := upstream.NewSecrets(commands, func(name string) (string, bool) { v, ok := env[name]; return v, ok })
	if err != nil {
		t.Fatal(err)
	}
	secrets.Trust(cat)
	r := &recipe{T: t, cat: cat, client: upstream.New(upstream.Config{Secrets: secrets})}
	t.Cleanup(r.client.Close)
	return r
}

// try makes records, blobs and pages as `vitrine catalog check --try` does, and returns the pages by their names.
func (r *recipe) try() map[string]string {
	r.Helper()
	set, err := templates.LoadFolder("")
	if err != nil {
		r.Fatal(err)
	}
	pages := map[string]string{}
	trial.Run(r.Context(), trial.Config{
		Catalog: r.cat, File: "recipe", Client: r.client, Templates: set,
		Rendered: func(p *catalog.Page, body []byte) { pages[p.Name] = string(body) },
		Report: func(f trial.Finding) {
			if f.Failed || f.Warning {
				r.Errorf("%s: %s", f.What, f.Text)
			}
		},
	})
	return pages
}

// has checks that a page has these texts.
func (r *recipe) has(page string, texts ...string) {
	r.Helper()
	for _, text := range texts {
		if !strings.Contains(page, text) {
			r.Errorf("the page lacks %s:\n%s", text, page)
		}
	}
}

// isDown checks that the upstream's answer about an entity counts as an outage, by itself and in a batch.
func (r *recipe) isDown(kind, dimension, id string) {
	r.Helper()
	d, err := r.cat.Dimension(kind, dimension)
	if err != nil {
		r.Fatal(err)
	}
	for _, asks := range [][]upstream.Ask{{{ID: id}}, {{ID: id}, {ID: "other"}}} {
		for _, a := range r.client.Fetch(r.Context(), d, asks) {
			if !errors.Is(a.Err, item.ErrUnavailable) {
				r.Errorf("%s of %d: status %d, %v; want an outage", dimension, len(asks), a.Status, a.Err)
			}
		}
	}
}

// announcer records what a poll publishes on NATS.
type announcer struct {
	*bus.Conn
	changes []string
}

func (a *announcer) PublishChanges(ctx context.Context, changes []item.Change, opt bus.PublishOptions) error {
	for _, c := range changes {
		a.changes = append(a.changes, c.Subject())
	}
	return a.Conn.PublishChanges(ctx, changes, opt)
}

// polls takes turns of a poll at these times, and checks what each one announces.
func (r *recipe) polls(name string, want map[time.Time][]string) {
	r.Helper()
	_, conn := bustest.Start(r.T)
	store, err := boltkv.Open(r.Context(), filepath.Join(r.TempDir(), "store.db"), boltkv.Options{Log: slog.New(slog.DiscardHandler), NoSync: true})
	if err != nil {
		r.Fatal(err)
	}
	defer store.Close()
	for _, at := range slices.SortedFunc(maps.Keys(want), time.Time.Compare) {
		a := &announcer{Conn: conn}
		p := poller.New(poller.Config{
			Catalog: func() *catalog.Catalog { return r.cat }, Upstream: r.client, Records: store, Bus: a, Notes: conn.Bucket("marks"),
			Log: slog.New(slog.DiscardHandler), Clock: func() time.Time { return at },
		})
		if _, err := p.Turn(r.Context(), r.cat, r.cat.Polls[name]); err != nil {
			r.Error(err)
		}
		slices.Sort(a.changes)
		if diff := cmp.Diff(want[at], a.changes); diff != "" {
			r.Errorf("at %s:\n%s", at, diff)
		}
	}
}
