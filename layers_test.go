package vitrine_test

import (
	"bufio"
	"bytes"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const module = "vitrine"

// layers maps each package, by its path in the module, to its layer. A package imports lower layers only, and each
// package listed exists. The packages within detail are half a layer below it: detail imports them, and they import
// neither detail nor each other. node is half a layer above control, since a process follows what is pushed; trial above poller, whose requests it tries; and cli
// is half a layer above bench, since commands run benchmarks.
var layers = map[string]float64{
	"cmd/vitrine":         7,
	"internal/cli":        6.5,
	"internal/bench":      6,
	"internal/node":       5.5,
	"internal/control":    5,
	"internal/doctor":     6,
	"internal/refresh":    5,
	"internal/poller":     5,
	"internal/trial":      5.5,
	"heterog":             4,
	"syncer":              4,
	"detail":              4,
	"internal/audit":      4,
	"internal/leftovers":  4,
	"internal/notify":     4,
	"internal/lineage":    4,
	"internal/rooms":      4,
	"internal/metrics":    4.5,
	"detail/admission":    3.5,
	"detail/blobcache":    3.5,
	"detail/fastpath":     3.5,
	"detail/pagecache":    3.5,
	"detail/popular":      3.5,
	"internal/bus":        3,
	"internal/lease":      3.5,
	"internal/upstream":   3,
	"internal/kv/rediskv": 3,
	"internal/kv/boltkv":  3,
	"internal/jsonl":      3,
	"internal/mirror":     4,
	"internal/trainer":    4,
	"internal/handover":   0,
	"internal/shape":      2,
	"internal/catalog":    1,
	"internal/kv":         1,
	"internal/demo":       1,
	"internal/load":       1,
	"internal/demo/draw":  0,
	"switches":            1,
	"templates":           1,
	"internal/breaker":    0,
	"internal/durable":    0,
	"internal/etag":       0,
	"internal/failpoint":  0,
	"internal/item":       0,
	"internal/jq":         0,
	"internal/label":      0,
	"internal/locale":     0,
	"internal/pause":      0,
	"internal/plan":       0.5,
	"internal/redact":     0,
	"internal/slug":       0,
	"internal/view":       0.5,
	"templates/program":   0.7,

	"internal/sqltext":            0,
	"internal/upstream/sqlsource": 2.5,
}

// support holds the packages that only tests import. They may import any package.
var support = []string{"internal/bustest", "internal/canary", "internal/chaos", "internal/hostile", "internal/model", "internal/netcut", "internal/nginxtest", "internal/freeaddr", "internal/kv/kvtest", "internal/long", "internal/poll", "internal/smalldisk", "internal/redistest", "internal/sqltest", "internal/testmain",
	"internal/testlog"}

// owners maps a module from outside to the one package that may import it, with its subpackages.
var owners = map[string]string{
	"github.com/nats-io/nats.go":     "internal/bus",
	"github.com/nats-io/nats-server": "internal/bus",
	"github.com/redis/go-redis":      "internal/kv/rediskv",
	"go.etcd.io/bbolt":               "internal/kv/boltkv",
	"github.com/jackc/pgx":           "internal/upstream/sqlsource",
	"github.com/go-sql-driver/mysql": "internal/upstream/sqlsource",
	"github.com/go-chi/chi":          "detail",
}

// TestLayers proves that imports obey the tables above. Imports of test files do not count.
func TestLayers(t *testing.T) {
	graph := imports(t)
	for _, fault := range append(faults(graph), absent(graph)...) {
		t.Error(fault)
	}
}

// TestAbsent proves that a package in the tables that does not exist is found.
func TestAbsent(t *testing.T) {
	graph := imports(t)
	delete(graph, module+"/internal/item")
	if diff := cmp.Diff([]string{"internal/item is in a table, and is no package"}, absent(graph)); diff != "" {
		t.Error(diff)
	}
}

// TestFaults proves that the checker finds each kind of fault, on graphs with one bad edge.
func TestFaults(t *testing.T) {
	tests := []struct {
		name, from, to string
		want           []string
	}{
		{"lets a stage use an adapter", "vitrine/detail", "vitrine/internal/bus", nil},
		{"lets a stage use its room", "vitrine/detail", "vitrine/detail/fastpath", nil},
		{"lets a room use an adapter", "vitrine/detail/admission", "vitrine/internal/upstream", nil},
		{"lets a room use its owner's module", "vitrine/detail/fastpath", "github.com/go-chi/chi/v5", nil},
		{"refuses a room that knows its stage", "vitrine/detail/fastpath", "vitrine/detail", []string{"detail/fastpath (layer 3.5) imports detail (layer 4)"}},
		{"refuses a room that knows another", "vitrine/detail/fastpath", "vitrine/detail/admission", []string{"detail/fastpath (layer 3.5) imports detail/admission (layer 3.5)"}},
		{"lets the owner use its module", "vitrine/internal/bus", "github.com/nats-io/nats-server/v2/server", nil},
		{"lets anything use a module that nobody owns", "vitrine/detail", "golang.org/x/sync/errgroup", nil},
		{"lets test support use what it likes", "vitrine/internal/redistest", "github.com/redis/go-redis/v9", nil},
		{"refuses a sibling", "vitrine/detail", "vitrine/syncer", []string{"detail (layer 4) imports syncer (layer 4)"}},
		{"refuses a higher layer", "vitrine/internal/kv", "vitrine/internal/bus", []string{"internal/kv (layer 1) imports internal/bus (layer 3)"}},
		{"refuses a module that another owns", "vitrine/heterog", "github.com/nats-io/nats.go/jetstream", []string{"heterog imports github.com/nats-io/nats.go/jetstream, which is internal/bus's alone"}},
		{"refuses test support outside tests", "vitrine/detail", "vitrine/internal/kv/kvtest", []string{"detail imports internal/kv/kvtest, which is for tests"}},
		{"refuses a package without a layer", "vitrine/pkg/util", "fmt", []string{"pkg/util has no layer: put it into the table"}},
		{"refuses a module in the words", "vitrine/internal/item", "golang.org/x/sync/errgroup", []string{"internal/item imports golang.org/x/sync/errgroup: it is std only"}},
		{"is not misled by a name that begins alike", "vitrine/detail", "go.etcd.io/bboltish", nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, faults(map[string][]string{test.from: {test.to}})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// faults lists all imports that break a rule, sorted. graph maps a package to its direct imports.
func faults(graph map[string][]string) []string {
	var found []string
	for path, imported := range graph {
		from := local(path)
		if slices.Contains(support, from) {
			continue
		}
		if _, ok := layers[from]; !ok {
			found = append(found, from+" has no layer: put it into the table")
			continue
		}
		for _, to := range imported {
			if fault := fault(from, to); fault != "" {
				found = append(found, fault)
			}
		}
	}
	slices.Sort(found)
	return found
}

func fault(from, path string) string {
	if to := local(path); to != path {
		layer, ok := layers[to]
		switch {
		case slices.Contains(support, to):
			return fmt.Sprintf("%s imports %s, which is for tests", from, to)
		case ok && layer >= layers[from]:
			return fmt.Sprintf("%s (layer %v) imports %s (layer %v)", from, layers[from], to, layer)
		}
		return ""
	}
	if from == "internal/item" && strings.Contains(path, ".") {
		return fmt.Sprintf("%s imports %s: it is std only", from, path)
	}
	for owned, owner := range owners {
		if (path == owned || strings.HasPrefix(path, owned+"/")) && from != owner && !strings.HasPrefix(from, owner+"/") {
			return fmt.Sprintf("%s imports %s, which is %s's alone", from, path, owner)
		}
	}
	return ""
}

// absent lists the packages of the tables that are not in a graph, sorted. Test support may consist of test files
// only, which the graph does not contain.
func absent(graph map[string][]string) []string {
	var found []string
	for path := range layers {
		if _, ok := graph[module+"/"+path]; !ok {
			found = append(found, path+" is in a table, and is no package")
		}
	}
	slices.Sort(found)
	return found
}

// local returns the path within this module. A path of another module stays as it is.
func local(path string) string { return strings.TrimPrefix(path, module+"/") }

// imports asks the go command for the packages of the module and for what each imports outside its tests.
func imports(t *testing.T) map[string][]string {
	t.Helper()
	list := exec.CommandContext(t.Context(), "go", "list", "-e", "-f", "{{if .GoFiles}}{{.ImportPath}} {{join .Imports \" \"}}{{end}}", "./...")
	var complaint bytes.Buffer
	list.Stderr = &complaint
	out, err := list.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, complaint.String())
	}
	graph := map[string][]string{}
	lines := bufio.NewScanner(bytes.NewReader(out))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if path, rest, _ := strings.Cut(lines.Text(), " "); path != "" {
			graph[path] = strings.Fields(rest)
		}
	}
	if len(graph) == 0 {
		t.Fatal("go list named no packages")
	}
	return graph
}
