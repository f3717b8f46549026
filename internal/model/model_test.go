package model_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"vitrine/internal/long"
	"vitrine/internal/model"
)

func TestSoundRulesConverge(t *testing.T) {
	for name, s := range subjects() {
		total := 0
		for title, scenario := range s.scenarios {
			r := scenario.Explore(model.Sound)
			if r.Wrong != "" {
				t.Errorf("%s, %s: %s after\n%s", name, title, r.Wrong, strings.Join(r.Way, "\n"))
			}
			t.Logf("%s, %s: %d states", name, title, r.States)
			total += r.States
		}
		t.Logf("%s: %d states in %d scenarios", name, total, len(s.scenarios))
		if total < 50 {
			t.Errorf("%s: only %d states: the model walks nowhere", name, total)
		}
	}
}

func TestEveryMutantIsCaught(t *testing.T) {
	for name, s := range subjects() {
		for _, m := range s.mutants {
			if !caught(t, s, m) {
				t.Errorf("%s: nothing notices that %s", name, m)
			}
		}
	}
}

func caught(t *testing.T, s subject, m model.Mutant) bool {
	for _, title := range slices.Sorted(maps.Keys(s.scenarios)) {
		if r := s.scenarios[title].Explore(m); r.Wrong != "" {
			t.Logf("%s: %s (%s)", m, r.Wrong, title)
			return true
		}
	}
	return false
}

// TestLargeScenarios walks what is too large for every run.
func TestLargeScenarios(t *testing.T) {
	long.Only(t)
	for name, s := range subjects() {
		t.Run(name, func(t *testing.T) {
			for _, scenario := range s.large {
				r := scenario.Explore(model.Sound)
				t.Logf("%+v: %d states", scenario, r.States)
				if r.Wrong != "" {
					t.Errorf("%+v: %s after\n%s", scenario, r.Wrong, strings.Join(r.Way, "\n"))
				}
			}
		})
	}
}
