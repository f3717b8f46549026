package cli_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"vitrine/internal/long"
)

// bench runs a benchmark to its end, like a role: see runnerOf.
func bench(t *testing.T, args ...string) (code int, stdout, stderr string) {
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
		code, out, stderr := bench(t, "pipeline", "--skus", long.Pick("100", "600"), "--single", long.Pick("5", "20"), "--json")
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
		code, out, stderr := bench(t, "pages", "--skus", long.Pick("200", "300"), "--for", long.Pick("100ms", "300ms"), "--rate", long.Pick("50", "300"), "--slow", long.Pick("5", "20"), "--bolt", long.Pick("300", "1000"), "--json")
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
		code, out, stderr := bench(t, "switches", "--nodes", strconv.Itoa(nodes), "--sets", "5", "--hang", strconv.Itoa(hang), "--cut", strconv.Itoa(cut), "--json")
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
