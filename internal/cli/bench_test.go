package cli_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"vitrine/internal/long"
)

// runBench runs a benchmark to its end, like a role: see runnerOf.
func runBench(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	code = runnerOf(t)(t.Context(), append([]string{"bench"}, args...), strings.NewReader(""), &out, &err)
	return code, out.String(), err.String()
}

// TestBenchCommands runs each benchmark at a small size and holds it to what must be true at any size.
func TestBenchCommands(t *testing.T) {
	t.Parallel()
	t.Run("pipeline", func(t *testing.T) {
		t.Parallel()
		code, out, stderr := runBench(t, "pipeline", "--skus", long.Pick("100", "600"), "--single", long.Pick("5", "20"), "--json")
		var r struct {
			Wrong  int
			OneKey int `json:"calls_for_1000_changes_of_one_key"`
			Change struct {
				PerSecond float64 `json:"changes_per_second"`
				Calls     float64 `json:"upstream_calls_per_change"`
			}
			Floor struct {
				Calls float64 `json:"upstream_calls_per_change"`
			}
			Multiple struct{ CPU, Wall float64 }   `json:"times_floor"`
			Rounds   []struct{ CPU, Wall float64 } `json:"times_floor_rounds"`
			HighP99  float64                       `json:"under_refresh_p99_times_at_rest"`
			Share    float64                       `json:"hanging_share"`
		}
		if err := json.Unmarshal([]byte(out), &r); code != 0 || err != nil {
			t.Fatal(code, out, stderr)
		}
		if r.Floor.Calls < 0.02 || r.Floor.Calls > 0.03 || r.Multiple.CPU <= 0 || r.Multiple.Wall <= 0 || len(r.Rounds) != 3 || r.HighP99 <= 0 || r.Share <= 0 {
			t.Errorf("the floor, or a ratio, is not there: %s", out)
		}
		if r.Wrong != 0 || r.OneKey < 1 || r.OneKey > 100 || r.Change.PerSecond <= 0 || r.Change.Calls > 0.5 {
			t.Errorf("%s", out)
		}
	})
	t.Run("pages", func(t *testing.T) {
		code, out, stderr := runBench(t, "pages", "--skus", long.Pick("200", "300"), "--for", long.Pick("100ms", "300ms"), "--rate", long.Pick("50", "300"), "--slow", long.Pick("5", "20"), "--bolt", long.Pick("300", "1000"), "--json")
		var r struct {
			KeysShare *float64 `json:"keys_share"`
			Workloads []struct {
				Workload string
				Result   struct {
					Failed int
					Status map[string]int
				}
			}
			Bolt []struct{ Blobs int }
		}
		if err := json.Unmarshal([]byte(out), &r); code != 0 || err != nil {
			t.Fatal(code, out, stderr)
		}
		if len(r.Workloads) != 4 || len(r.Bolt) != 1 || r.KeysShare == nil {
			t.Fatalf("%s", out)
		}
		if most := long.Pick(10.0, 1); *r.KeysShare < 0 || *r.KeysShare >= most { // five requests of the short form show no saving
			t.Errorf("%s", out)
		}
		for _, w := range r.Workloads {
			if w.Result.Failed > 0 || w.Result.Status["200"] == 0 {
				t.Errorf("%s: %+v", w.Workload, w.Result)
			}
		}
	})
	t.Run("sizes", func(t *testing.T) {
		t.Parallel()
		code, out, stderr := runBench(t, "sizes", "--skus", long.Pick("200", "500,2000"), "--single", "3", "--pages", "50", "--bolt", long.Pick("300", "300,3000"), "--json")
		var r struct {
			Shops []struct {
				Store   string
				SKUs    int
				Load    struct{ Seconds float64 }
				Disk    float64 `json:"disk_bytes"`
				Visible struct {
					P99 float64 `json:"p99_ms"`
				} `json:"change_to_page"`
				Page    struct{ P99 float64 } `json:"page_from_store"`
				Restart float64               `json:"restart_seconds"`
				Copied  float64               `json:"first_copy_seconds"`
				Redis   float64               `json:"redis_bytes"`
			}
			Bolt []struct {
				Blobs   int
				Page    struct{ P99 float64 }
				Restart float64 `json:"restart_seconds"`
			}
		}
		if err := json.Unmarshal([]byte(out), &r); code != 0 || err != nil || len(r.Shops) != long.Pick(2, 4) || len(r.Bolt) != long.Pick(1, 2) {
			t.Fatal(code, err, out, stderr)
		}
		for _, s := range r.Shops {
			if s.SKUs < 200 || s.Load.Seconds <= 0 || s.Disk <= 0 || s.Visible.P99 <= 0 || s.Page.P99 <= 0 || s.Restart <= 0 || (s.Store == "redis") != (s.Copied > 0 && s.Redis > 0) {
				t.Errorf("%+v", s)
			}
		}
		for _, b := range r.Bolt {
			if b.Blobs < 300 || b.Page.P99 <= 0 || b.Restart <= 0 {
				t.Errorf("%+v", b)
			}
		}
	})
	t.Run("load", func(t *testing.T) {
		pages := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.URL.Path) }))
		t.Cleanup(pages.Close)
		code, out, stderr := vitrine(t, "load", pages.URL, "--path", "/item/{id}.html", "--ids", "5", "--for", "300ms", "--rate", "100", "--json")
		if code != 0 || !strings.Contains(out, `"sent":30`) {
			t.Error(code, out, stderr)
		}
		for _, args := range [][]string{{"http://192.0.2.1/"}, {"https://127.0.0.1/"}, {"--rate", "-1"}, {"--skew", "1"}} {
			if code, _, stderr := vitrine(t, append([]string{"load"}, args...)...); code != 2 || stderr == "" {
				t.Error(args, code, stderr)
			}
		}
	})
	// Processes that hang or are cut off are named, even after their presence has expired.
	t.Run("switches", func(t *testing.T) {
		t.Parallel()
		nodes, hang, cut := long.Pick(8, 200), long.Pick(3, 10), long.Pick(2, 5)
		code, out, stderr := runBench(t, "switches", "--nodes", strconv.Itoa(nodes), "--sets", "5", "--hang", strconv.Itoa(hang), "--cut", strconv.Itoa(cut), "--json")
		var r struct {
			Nodes int
			Named int `json:"named_missing"`
			Wrong int `json:"named_wrongly"`
		}
		if err := json.Unmarshal([]byte(out), &r); code != 0 || err != nil {
			t.Fatal(code, out, stderr)
		}
		if r.Nodes != nodes || r.Named != hang+cut || r.Wrong != 0 {
			t.Errorf("%s", out)
		}
	})
}

// TestBenchDisk measures a small store, in the full form also in little memory, where a control group can be made.
func TestBenchDisk(t *testing.T) {
	t.Parallel()
	var out, stderr bytes.Buffer
	args := []string{"bench", "disk", "--memory", long.Pick("0", "200"), "--skus", long.Pick("200", "2000"), "--store-shards", long.Pick("2", "1,4"), "--changes", "50", "--single", "3",
		"--pages", "50", "--rate", "50", "--reads", "100", "--json"}
	code := runProcess(t.Context(), built(t), args, &out, &stderr)
	if code != 0 && strings.Contains(stderr.String(), "limit memory") {
		t.Skip(stderr.String())
	}
	var r struct {
		Runs []struct {
			Files   int
			Limited bool
			Size    float64               `json:"store_bytes"`
			Load    float64               `json:"loaded_per_second"`
			Changes float64               `json:"changes_per_second"`
			Cold    struct{ P99 float64 } `json:"page_from_store"`
			Restart float64               `json:"restart_seconds"`
			Records struct {
				P99 float64 `json:"p99_ms"`
			} `json:"record_read"`
			Blobs struct {
				P99 float64 `json:"p99_ms"`
			} `json:"blob_read"`
		}
	}
	if err := json.Unmarshal(out.Bytes(), &r); code != 0 || err != nil || len(r.Runs) != long.Pick(1, 4) {
		t.Fatal(code, err, out.String(), stderr.String())
	}
	for _, run := range r.Runs {
		if min(run.Size, run.Load, run.Changes, run.Cold.P99, run.Restart, run.Records.P99, run.Blobs.P99) <= 0 {
			t.Errorf("%+v", run)
		}
	}
}

// TestBenchCosts measures small shops, whose parts are processes, and plans with what was measured.
func TestBenchCosts(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "costs.json")
	var out, stderr bytes.Buffer
	code := runProcess(t.Context(), built(t), []string{"bench", "costs", "--skus", long.Pick("200,300", "200,400,800"), "--check", long.Pick("200", "600"), "--out", file, "--json"}, &out, &stderr)
	var r struct {
		Runs   []struct{ Did, Measured map[string]float64 }
		Checks [][]struct{ Predicted, Measured float64 }
	}
	if err := json.Unmarshal(out.Bytes(), &r); code != 0 || err != nil || len(r.Runs) < 2 || len(r.Checks) != 1 {
		t.Fatal(code, err, out.String(), stderr.String())
	}
	for _, run := range r.Runs {
		if n := run.Did["skus"]; run.Did["changes"] != 2*n || run.Did["store_pages"] != n {
			t.Errorf("done: %v", run.Did)
		}
		for _, q := range []string{"heterog_cpu_seconds", "nats_messages", "redis_commands", "redis_memory_bytes", "detail_memory_bytes", "detail_disk_bytes", "page_bytes"} {
			if run.Measured[q] <= 0 {
				t.Errorf("%s is %g", q, run.Measured[q])
			}
		}
	}
	if code, out, stderr := vitrine(t, "plan", "--costs", file, "--skus", "1e6"); code != 0 || !strings.Contains(out, "If it loses") {
		t.Error(code, out, stderr)
	}
	if code, out, stderr := vitrine(t, "plan", "--costs", file, "--error"); code != 0 || !strings.Contains(out, "redis_memory_bytes") {
		t.Error(code, out, stderr)
	}
}

func TestPlanCommand(t *testing.T) {
	t.Parallel()
	code, out, stderr := vitrine(t, "plan", "--skus", "1e9", "--views", "1e6", "--json")
	var p struct {
		Machines float64
		Parts    []struct{ Name string }
		Losses   []struct{ Of, Effect string }
	}
	if err := json.Unmarshal([]byte(out), &p); code != 0 || err != nil || p.Machines < 5 || len(p.Parts) != 5 || len(p.Losses) < 5 {
		t.Error(code, err, out, stderr)
	}
	for _, args := range [][]string{{"--skus", "0"}, {"--views", "-1"}, {"--memory-hits", "2"}, {"--costs", "nowhere.json"}, {"--skus", "many"}} {
		if code, out, stderr := vitrine(t, append([]string{"plan"}, args...)...); code != 2 || out != "" || stderr == "" {
			t.Error(args, code, out, stderr)
		}
	}
}

// TestBenchWorkers measures one and two workers of a small shop, as processes of their own.
func TestBenchWorkers(t *testing.T) {
	t.Parallel()
	long.Only(t)
	for _, role := range []string{"heterog", "syncer"} {
		var out, stderr bytes.Buffer
		code := runProcess(t.Context(), built(t), []string{"bench", "workers", "--role", role, "--skus", "300", "--workers", "1,2", "--rounds", "1", "--json"}, &out, &stderr)
		var r struct {
			Teams []struct {
				Workers int
				Ratio   float64 `json:"times_one_worker"`
				Calls   float64 `json:"upstream_calls_per_change"`
			}
			Wrong int
		}
		if err := json.Unmarshal(out.Bytes(), &r); code != 0 || err != nil || len(r.Teams) != 2 {
			t.Fatal(code, err, out.String(), stderr.String())
		}
		t.Logf("%s", out.String())
		if two := r.Teams[1]; r.Wrong != 0 || two.Workers != 2 || two.Ratio <= 0 || two.Calls > 1 {
			t.Errorf("%s", out.String())
		}
	}
}

func TestBenchWorkersRefuses(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"--role", "detail"}, {"--workers", "2,1"}, {"--workers", "0,1"}, {"--workers", "2,2"}, {"--share", "2"}, {"--rounds", "0"}} {
		if code, out, stderr := vitrine(t, append([]string{"bench", "workers"}, args...)...); code != 2 || out != "" || stderr == "" {
			t.Error(args, code, out, stderr)
		}
	}
}
