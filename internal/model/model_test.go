package model_test

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"testing"

	"vitrine/internal/long"
	"vitrine/internal/model"
)

// explored holds the results of exploring a subject's scenarios under sound rules, those with the fewest states
// first.
type explored struct {
	title    string
	scenario model.Scenario
	model.Result
}

// sound explores every scenario of every subject once, for all tests.
var sound = sync.OnceValue(func() map[string][]explored {
	of := map[string][]explored{}
	for name, s := range subjects() {
		for title, scenario := range s.scenarios {
			of[name] = append(of[name], explored{title, scenario, scenario.Explore(model.Sound)})
		}
		slices.SortFunc(of[name], func(a, b explored) int { return cmp.Compare(a.States, b.States) })
	}
	return of
})

func TestSoundRulesConverge(t *testing.T) {
	for name, scenarios := range sound() {
		total := 0
		for _, s := range scenarios {
			if s.Wrong != "" {
				t.Errorf("%s, %s: %s after\n%s", name, s.title, s.Wrong, strings.Join(s.Trace, "\n"))
			}
			t.Logf("%s, %s: %d states", name, s.title, s.States)
			total += s.States
		}
		t.Logf("%s: %d states in %d scenarios", name, total, len(scenarios))
		if total < 50 {
			t.Errorf("%s: only %d states: the model walks nowhere", name, total)
		}
	}
}

func TestEveryMutantIsCaught(t *testing.T) {
	for name, s := range subjects() {
		for _, m := range s.mutants {
			if !caught(t, sound()[name], m) {
				t.Errorf("%s: nothing notices that %s", name, m)
			}
		}
	}
}

// caught reports whether a scenario goes wrong under mutated rules. It tries scenarios with few states first.
func caught(t *testing.T, scenarios []explored, m model.Mutant) bool {
	for _, s := range scenarios {
		if r := s.scenario.Explore(m); r.Wrong != "" {
			t.Logf("%s: %s (%s)", m, r.Wrong, s.title)
			return true
		}
	}
	return false
}

// TestLargeScenarios explores the scenarios that are too large for the short form.
func TestLargeScenarios(t *testing.T) {
	long.Only(t)
	for name, s := range subjects() {
		t.Run(name, func(t *testing.T) {
			for _, scenario := range s.large {
				r := scenario.Explore(model.Sound)
				t.Logf("%+v: %d states", scenario, r.States)
				if r.Wrong != "" {
					t.Errorf("%+v: %s after\n%s", scenario, r.Wrong, strings.Join(r.Trace, "\n"))
				}
			}
		})
	}
}
