package app_test

import (
	"encoding/json"
	"testing"
)

// TestBenchCommands runs the benchmarks small, for what they must find at any size.
func TestBenchCommands(t *testing.T) {
	t.Run("pipeline", func(t *testing.T) {
		code, out, stderr := vitrine(t, "bench", "pipeline", "--skus", "600", "--single", "20", "--json")
		var r struct {
			Wrong  int
			OneKey int `json:"calls_for_1000_changes_of_one_key"`
			Change struct {
				PerSecond float64 `json:"changes_per_second"`
				Calls     float64 `json:"upstream_calls_per_change"`
			}
		}
		if err := json.Unmarshal([]byte(out), &r); code != 0 || err != nil {
			t.Fatal(code, out, stderr)
		}
		if r.Wrong != 0 || r.OneKey < 1 || r.OneKey > 10 || r.Change.PerSecond <= 0 || r.Change.Calls > 0.5 {
			t.Errorf("%s", out)
		}
	})
	t.Run("switches", func(t *testing.T) {
		code, out, stderr := vitrine(t, "bench", "switches", "--nodes", "20", "--sets", "5", "--deaf", "3", "--json")
		var r struct {
			Nodes int
			Named int `json:"named_missing"`
		}
		if err := json.Unmarshal([]byte(out), &r); code != 0 || err != nil {
			t.Fatal(code, out, stderr)
		}
		if r.Nodes != 20 || r.Named < 3 {
			t.Errorf("%s", out)
		}
	})
}
