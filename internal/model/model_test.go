package model_test

import (
	"flag"
	"testing"

	"vitrine/internal/model"
)

var large = flag.Bool("large", false, "walk scenarios of millions of states too")

// scenarios are small enough to be walked whole, and between them catch every mutant.
func scenarios() map[string]model.Scenario {
	return map[string]model.Scenario{
		"content goes there and back": {Edits: [2]uint8{2, 0}},
		"a crash":                     {Edits: [2]uint8{1, 0}, Crashes: 1, Reads: 1},
		"two crashes":                 {Edits: [2]uint8{1, 0}, Crashes: 2},
		"two dimensions":              {Edits: [2]uint8{1, 1}},
		"a redelivery":                {Edits: [2]uint8{1, 0}, Redelivers: 1},
		"a redelivery between edits":  {Edits: [2]uint8{2, 0}, Redelivers: 1},
		"a failed fetch":              {Edits: [2]uint8{1, 0}, Failures: 1},
		"a failed fetch and a crash":  {Edits: [2]uint8{1, 0}, Failures: 1, Crashes: 1},
		"streams are lost":            {Edits: [2]uint8{1, 0}, Losses: 1},
		"readers":                     {Edits: [2]uint8{1, 0}, Reads: 2},
		"a gap":                       {Edits: [2]uint8{1, 0}, Reads: 2, Gaps: 1},
		"a crash of a teller":         {Edits: [2]uint8{1, 0}, Reads: 2, Crashes: 1},
	}
}

func TestSoundRulesConverge(t *testing.T) {
	total := 0
	for name, s := range scenarios() {
		r := model.Explore(s, model.Sound)
		if r.Wrong != "" {
			t.Errorf("%s: %s", name, r.Wrong)
		}
		t.Logf("%s: %d states", name, r.States)
		total += r.States
	}
	if total < 100_000 {
		t.Errorf("only %d states: the model walks nowhere", total)
	}
}

func TestEveryMutantIsCaught(t *testing.T) {
	for _, m := range model.Mutants() {
		caught := false
		for name, s := range scenarios() {
			if r := model.Explore(s, m); r.Wrong != "" {
				t.Logf("%s: %s (%s)", m, r.Wrong, name)
				caught = true
				break
			}
		}
		if !caught {
			t.Errorf("nothing notices that %s", m)
		}
	}
}

// TestLargeScenarios walks what is too large for every run.
func TestLargeScenarios(t *testing.T) {
	if !*large {
		t.Skip("walks millions of states only when asked to: go test ./internal/model -args -large")
	}
	for _, s := range []model.Scenario{
		{Edits: [2]uint8{1, 0}, Losses: 1, Crashes: 1},
		{Edits: [2]uint8{2, 0}, Crashes: 1, Redelivers: 1},
		{Edits: [2]uint8{1, 1}, Crashes: 1},
		{Edits: [2]uint8{2, 1}},
	} {
		r := model.Explore(s, model.Sound)
		t.Logf("%+v: %d states", s, r.States)
		if r.Wrong != "" {
			t.Errorf("%+v: %s", s, r.Wrong)
		}
	}
}
