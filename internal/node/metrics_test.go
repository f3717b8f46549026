package node_test

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"vitrine/internal/bus"
	"vitrine/internal/control"
	"vitrine/internal/node"
	"vitrine/internal/redistest"
	"vitrine/internal/upstream"
)

// TestTheTableOfMetricsIsTrue proves that the docs list exactly the metrics that each role registers, by name, type
// and labels.
func TestTheTableOfMetricsIsTrue(t *testing.T) {
	server, err := bus.Embed(t.Context(), bus.EmbedConfig{Dir: t.TempDir(), Addr: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Shutdown()
	redis := redistest.Single(t)
	told := func(node.Addresses) {}
	pages := func(dir string) node.Pages {
		return node.Pages{HTTP: "127.0.0.1:0", Admin: "127.0.0.1:0", Disk: "mirror", AccessLog: filepath.Join(dir, "access.log"), FastPath: true}
	}
	up := func(ctx context.Context, r node.Room, redis string) error {
		file := filepath.Join(r.Dir, "shop.yaml")
		if err := os.WriteFile(file, []byte(noShop), 0o600); err != nil {
			return err
		}
		u := node.Up{Config: r.Config, Pages: pages(r.Dir), NATS: "127.0.0.1:0", Redis: redis, Catalog: file}
		return u.Run(ctx, told)
	}
	for role, run := range map[string]func(context.Context, node.Room) error{
		"heterog": func(ctx context.Context, r node.Room) error { return r.RunHeterog(ctx, told) },
		"syncer":  func(ctx context.Context, r node.Room) error { return r.RunSyncer(ctx, told) },
		"detail": func(ctx context.Context, r node.Room) error {
			return r.RunDetail(ctx, pages(r.Dir), told)
		},
		"front": func(ctx context.Context, r node.Room) error {
			return r.RunFront(ctx, control.FrontConfig{Out: filepath.Join(r.Dir, "switches.conf"), Confirm: "127.0.0.1:9", Reload: []string{"true"}}, told)
		},
		"up --redis": func(ctx context.Context, r node.Room) error { return up(ctx, r, redistest.Single(t).URL) },
		"up":         func(ctx context.Context, r node.Room) error { return up(ctx, r, "") },
	} {
		t.Run(role, func(t *testing.T) {
			secrets, err := upstream.NewSecrets(nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			registry := prometheus.NewRegistry()
			ctx, stop := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			room := node.Room{
				Config: node.Config{Dir: t.TempDir(), Role: strings.Fields(role)[0], Secrets: secrets, Log: slog.New(slog.DiscardHandler), SetLevel: func(string) {}, Metrics: registry},
				NATS:   server.URL(), Records: redis.URL, Blobs: redis.URL, Admin: "127.0.0.1:0",
			}
			go func() { ended <- run(ctx, room) }()
			want := documented(t, role)
			diff := ""
			for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
				diff = cmp.Diff(want, registered(registry))
				if diff == "" {
					break
				}
			}
			if diff != "" {
				t.Errorf("docs/operations.md (-) and the role (+) differ:\n%s", diff)
			}
			wellNamed(t, registry, role)
			stop()
			if err := <-ended; err != nil {
				t.Error(err)
			}
		})
	}
}

// noShop is a catalog whose shop is never requested.
const noShop = `version: 1
site: { name: Test, lang: en, currency: EUR }
upstreams:
  shop: { url: "http://127.0.0.1:9" }
entities:
  sku:
    dimensions:
      product: { from: shop, get: "/products/{id}" }
    blobs:
      item: { of: [product] }
pages:
  item: { path: "/item/{sku}.html", blob: item, template: item.html }
`

var tableRow = regexp.MustCompile("(?m)^\\| `(vitrine_\\w+)` \\| (\\w+) \\| ([^|]*) \\| [^|]+ \\| ([^|]+) \\|$")

// rows returns the rows of the table in the docs.
func rows(t *testing.T) [][]string {
	text, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	return tableRow.FindAllStringSubmatch(string(text), -1)
}

// parts returns the roles whose metrics a process of the given role exports.
func parts(role string) []string {
	if strings.HasPrefix(role, "up") {
		return []string{"all", "heterog", "syncer", "detail"}
	}
	return []string{"all", role}
}

// ofRedis matches the metrics that do not apply to a process which stores everything itself.
var ofRedis = regexp.MustCompile("^vitrine_(redis|mirror)_")

// documented returns the metrics of a role by the docs, sorted: name and labels.
func documented(t *testing.T, role string) (all []string) {
	has := parts(role)
	for _, row := range rows(t) {
		if role == "up" && ofRedis.MatchString(row[1]) {
			continue
		}
		if slices.ContainsFunc(strings.Split(row[4], ", "), func(of string) bool { return slices.Contains(has, of) }) {
			all = append(all, row[1]+"{"+strings.TrimSpace(row[3])+"}")
		}
	}
	slices.Sort(all)
	return all
}

var described = regexp.MustCompile(`fqName: "(vitrine_\w+)".*constLabels: \{(.*)\}, variableLabels: \{(.*)\}\}`)

// registered returns the metrics of a registry in the same form.
func registered(r *prometheus.Registry) (all []string) {
	descs := make(chan *prometheus.Desc, 1000)
	r.Describe(descs)
	close(descs)
	for d := range descs {
		m := described.FindStringSubmatch(d.String())
		if m == nil {
			continue
		}
		var labels []string
		for _, l := range strings.Split(m[2]+","+m[3], ",") {
			if name, _, _ := strings.Cut(l, "="); name != "" {
				labels = append(labels, name)
			}
		}
		slices.Sort(labels)
		all = append(all, m[1]+"{"+strings.Join(labels, ", ")+"}")
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// wellNamed fails the test where an exported type differs from the docs, or a name breaks Prometheus's conventions.
func wellNamed(t *testing.T, r *prometheus.Registry, role string) {
	t.Helper()
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	types := map[string]string{}
	for _, row := range rows(t) {
		types[row[1]] = row[2]
	}
	for _, f := range families {
		if kind := strings.ToLower(f.GetType().String()); strings.HasPrefix(f.GetName(), "vitrine_") && kind != types[f.GetName()] {
			t.Errorf("%s of %s is a %s, in the docs a %s", f.GetName(), role, kind, types[f.GetName()])
		}
	}
	problems, err := promlint.NewWithMetricFamilies(families).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("the metric %s: %s", p.Metric, p.Text)
	}
}
