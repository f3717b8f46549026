package control_test

import (
	"log/slog"
	"testing"

	"vitrine/internal/control"
	"vitrine/switches"
)

// TestProcessesOfOneFolderHaveNamesOfTheirOwn proves that each of many workers in one folder is waited for under a
// name of its own, and that a restarted one gets its name and switches back.
func TestProcessesOfOneFolderHaveNamesOfTheirOwn(t *testing.T) {
	dir := t.TempDir()
	start := func(role string) *control.Board {
		return control.NewBoard(control.BoardConfig{Dir: dir, Role: role, Log: slog.New(slog.DiscardHandler)})
	}
	names := map[string]bool{}
	var boards []*control.Board
	for _, role := range []string{"heterog", "heterog", "heterog", "syncer", "front"} {
		b := start(role)
		boards = append(boards, b)
		name := b.Panel().Who().Node
		if names[name] {
			t.Errorf("%s is the name of two", name)
		}
		names[name] = true
		if err := switches.CheckScope("node:" + name); err != nil {
			t.Error(err)
		}
	}
	second := boards[1].Panel().Who().Node
	boards[1].Close()
	again := start("heterog")
	if got := again.Panel().Who().Node; got != second {
		t.Errorf("after its end, the place of %s is taken by %s", second, got)
	}
	again.Close()
	boards[0].Close()
	for _, b := range boards[2:] {
		b.Close()
	}
	first := start("detail")
	defer first.Close()
	next := start("detail") // takes over
	defer next.Close()
	if a, b := first.Panel().Who().Node, next.Panel().Who().Node; a != b {
		t.Errorf("%s is taken over by %s", a, b)
	}
}
