package model_test

import "vitrine/internal/model"

// subject is a part of the rules. Its scenarios are small enough to be explored completely, and together they catch
// every mutant.
type subject struct {
	mutants   []model.Mutant
	scenarios map[string]model.Scenario
	large     []model.Scenario // explored in the full form only
}

func subjects() map[string]subject {
	return map[string]subject{
		"the loop": {
			mutants: model.LoopMutants(),
			scenarios: map[string]model.Scenario{
				"content goes there and back": model.Loop{Edits: [2]uint8{2, 0}},
				"a crash":                     model.Loop{Edits: [2]uint8{1, 0}, Crashes: 1, Reads: 1},
				"two crashes":                 model.Loop{Edits: [2]uint8{1, 0}, Crashes: 2},
				"two dimensions":              model.Loop{Edits: [2]uint8{1, 1}},
				"a redelivery":                model.Loop{Edits: [2]uint8{1, 0}, Redelivers: 1},
				"a failed fetch":              model.Loop{Edits: [2]uint8{1, 0}, Failures: 1},
				"a failed fetch and a crash":  model.Loop{Edits: [2]uint8{1, 0}, Failures: 1, Crashes: 1},
				"streams are lost":            model.Loop{Edits: [2]uint8{1, 0}, Losses: 1},
				"readers":                     model.Loop{Edits: [2]uint8{1, 0}, Reads: 2},
				"a gap":                       model.Loop{Edits: [2]uint8{1, 0}, Reads: 2, Gaps: 1},
				"a crash of a teller":         model.Loop{Edits: [2]uint8{1, 0}, Reads: 2, Crashes: 1},
				"one supersedes another":      model.Loop{Edits: [2]uint8{1, 1}, Reads: 1},
			},
			large: []model.Scenario{
				model.Loop{Edits: [2]uint8{2, 0}, Redelivers: 1},
				model.Loop{Edits: [2]uint8{1, 0}, Losses: 1, Crashes: 1},
				model.Loop{Edits: [2]uint8{2, 0}, Crashes: 1, Redelivers: 1},
				model.Loop{Edits: [2]uint8{1, 1}, Crashes: 1},
				model.Loop{Edits: [2]uint8{2, 1}},
			},
		},
		"attempts": {
			mutants: model.AttemptsMutants(),
			scenarios: map[string]model.Scenario{
				"an upstream is silent for long":        model.Attempts{Edits: 2, Silences: 4},
				"an upstream is silent, workers crash":  model.Attempts{Edits: 1, Silences: 2, Crashes: 2},
				"an upstream says not now":              model.Attempts{Edits: 1, NotNows: 3},
				"an upstream says not now, and refuses": model.Attempts{Edits: 1, NotNows: 2, Refusals: 1},
				"an upstream refuses":                   model.Attempts{Edits: 2, Refusals: 2, Silences: 1},
				"an upstream refuses, workers crash":    model.Attempts{Edits: 1, Refusals: 2, Crashes: 2},
				"our own store is away":                 model.Attempts{Edits: 1, Refusals: 1, Outages: 3},
				"our own store and the upstream are":    model.Attempts{Edits: 2, Silences: 2, Outages: 2},
			},
			large: []model.Scenario{model.Attempts{Edits: 2, Silences: 4, Refusals: 2, Outages: 2, Crashes: 1}},
		},
		"patience": {
			mutants: model.PatienceMutants(),
			scenarios: map[string]model.Scenario{
				"a replica lags":                      model.Patience{Edits: 2, Lags: 2, Duplicates: 1},
				"an upstream is restored":             model.Patience{Edits: 1, Restores: 1, Lags: 2, Duplicates: 1},
				"an upstream is restored, and edited": model.Patience{Edits: 2, Restores: 1, Lags: 1},
				"a worker crashes":                    model.Patience{Edits: 2, Lags: 2, Crashes: 1},
			},
			large: []model.Scenario{
				model.Patience{Edits: 2, Lags: 2, Duplicates: 2},
				model.Patience{Edits: 2, Restores: 1, Lags: 2, Duplicates: 1, Crashes: 1},
			},
		},
		"refs": {
			mutants: model.RefsMutants(),
			scenarios: map[string]model.Scenario{
				"crashes":                      model.Refs{Edits: 2, Crashes: 2},
				"nobody takes an announcement": model.Refs{Edits: 2, Failures: 2},
			},
			large: []model.Scenario{model.Refs{Edits: 3}, model.Refs{Edits: 3, Crashes: 1, Failures: 1}},
		},
		"slugs": {
			mutants: model.SlugsMutants(),
			scenarios: map[string]model.Scenario{
				"both are edited":                model.Slugs{Edits: [2]uint8{1, 1}},
				"there and back":                 model.Slugs{Edits: [2]uint8{2, 0}},
				"a crash":                        model.Slugs{Edits: [2]uint8{1, 0}, Crashes: 1},
				"one is deleted":                 model.Slugs{Edits: [2]uint8{0, 1}, Deletes: 1},
				"both, and a crash":              model.Slugs{Edits: [2]uint8{1, 1}, Crashes: 1},
				"edits, a deletion, and a crash": model.Slugs{Edits: [2]uint8{1, 2}, Deletes: 1, Crashes: 1},
			},
			large: []model.Scenario{model.Slugs{Edits: [2]uint8{2, 1}, Deletes: 1, Crashes: 1}, model.Slugs{Edits: [2]uint8{2, 2}, Crashes: 1}},
		},
		"walks": {
			mutants: model.WalksMutants(),
			scenarios: map[string]model.Scenario{
				"streams are lost":                      model.Walks{Losses: 2},
				"a page of the list fails":              model.Walks{Losses: 1, Failures: 1},
				"a walker crashes":                      model.Walks{Losses: 1, Crashes: 1},
				"the list has an id that nobody can be": model.Walks{Losses: 1, BadIDs: true},
			},
			large: []model.Scenario{model.Walks{Losses: 3, Failures: 3, Crashes: 3, BadIDs: true}},
		},
		"catalogs": {
			mutants: model.CatalogsMutants(),
			scenarios: map[string]model.Scenario{
				"a catalog is pushed":       model.Catalogs{Pushes: 1, Changes: 2, News: 1},
				"catalogs are pushed":       model.Catalogs{Pushes: 2, Changes: 2},
				"a sweep fails":             model.Catalogs{Pushes: 1, Changes: 1, Failures: 2},
				"a new binary is deployed":  model.Catalogs{Upgrades: 2, Changes: 1},
				"a process hangs":           model.Catalogs{Pushes: 1, Changes: 2, Hangs: 1},
				"a binary, and its catalog": model.Catalogs{Upgrades: 2, Pushes: 1, Changes: 1, News: 1},
			},
			large: []model.Scenario{model.Catalogs{Pushes: 2, Upgrades: 2, Changes: 1, Failures: 1, Hangs: 1}},
		},
		"lost writes": {
			mutants: model.LostWritesMutants(),
			scenarios: map[string]model.Scenario{
				"a snapshot comes back":              model.LostWrites{Edits: 2, Snapshots: 1, Rollbacks: 1},
				"it comes back and a worker is gone": model.LostWrites{Edits: 1, Snapshots: 1, Rollbacks: 1, Crashes: 1},
				"a worker is slow":                   model.LostWrites{Edits: 3, Rollbacks: 1},
				"HISTORY is lost, too":               model.LostWrites{Edits: 2, Rollbacks: 1, Forgets: 1},
				"it comes back twice":                model.LostWrites{Edits: 2, Rollbacks: 2},
				"who takes over has a late clock":    model.LostWrites{Edits: 2, Rollbacks: 1, Behind: 1},
			},
			large: []model.Scenario{
				model.LostWrites{Edits: 3, Snapshots: 2, Rollbacks: 2, Crashes: 1},
				model.LostWrites{Edits: 3, Snapshots: 1, Rollbacks: 1, Behind: 1, Crashes: 1},
				model.LostWrites{Edits: 2, Rollbacks: 2, Behind: 2, Forgets: 1},
			},
		},
		"divided masters": {
			mutants: model.DividedMutants(),
			scenarios: map[string]model.Scenario{
				"a master is replaced":       model.Divided{Edits: 2, Copies: 1, Elections: 1},
				"it is replaced, and healed": model.Divided{Edits: 2, Copies: 1, Elections: 1, Heals: 1},
			},
			large: []model.Scenario{
				model.Divided{Edits: 2, Copies: 1, Elections: 2, Heals: 1},
				model.Divided{Edits: 2, Copies: 1, Elections: 1, Heals: 1, Crashes: 1},
				model.Divided{Edits: 3, Copies: 1, Elections: 1, Heals: 1},
			},
		},
		"a store that came back": {
			mutants: model.CameBackMutants(),
			scenarios: map[string]model.Scenario{
				"a replica lags":      model.CameBack{Edits: 2, Lags: 2, Snapshots: 1, Rollbacks: 1},
				"it comes back twice": model.CameBack{Edits: 3, Lags: 2, Snapshots: 1, Rollbacks: 2},
			},
		},
		"lag": {
			mutants: model.LagMutants(),
			scenarios: map[string]model.Scenario{
				"edits":                model.Lag{Edits: 3},
				"the store is emptied": model.Lag{Edits: 2, Flushes: 1},
				"changes are lost":     model.Lag{Edits: 2, Losses: 1},
			},
			large: []model.Scenario{model.Lag{Edits: 3, Flushes: 1, Losses: 1}, model.Lag{Edits: 2, Flushes: 2, Losses: 2}},
		},
		"a dictionary": {
			mutants: model.DictionaryMutants(),
			scenarios: map[string]model.Scenario{
				"a flush":                      model.Dictionary{Flushes: 2, Changes: 2, Starts: 1},
				"a flush, and an old one ends": model.Dictionary{Flushes: 2, Changes: 2, Starts: 1, Ends: 1},
			},
		},
	}
}
