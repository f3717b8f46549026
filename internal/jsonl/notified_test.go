package jsonl_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vitrine/internal/jsonl"
)

// remembering opens a table that stores which rows it has announced.
func remembering(t *testing.T, path, memory string, notifyAll bool) *jsonl.Table {
	t.Helper()
	table := open(t, jsonl.Spec{Name: "p", Path: path, IDField: "id"})
	if known := table.Remember(memory); !known && notifyAll {
		table.NotifyAll()
	}
	return table
}

// process watches a table, as a process does, until stop is called.
func process(t *testing.T, table *jsonl.Table, changed func(ids []string) error) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- table.Watch(ctx, changed) }()
	return func() {
		t.Helper()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func waitFor(t *testing.T, file string) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(patience)
	for {
		if _, err := os.Stat(file); err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("there is no %s", file)
		}
	}
}

const (
	rowsBefore = "{\"id\":1,\"v\":1}\n{\"id\":2,\"v\":1}\n{\"id\":\"c d,e\",\"v\":1}\n"
	rowsAfter  = "{\"id\":1,\"v\":1}\n{\"id\":\"c d,e\",\"v\":2}\n{\"id\":4,\"v\":1}\n"
)

// TestRowsEditedWhileNobodyWatched proves that rows changed, added and deleted between two processes are
// announced.
func TestRowsEditedWhileNobodyWatched(t *testing.T) {
	path, memory := file(t, "p.jsonl", rowsBefore), filepath.Join(t.TempDir(), "p.notified")
	none := func(ids []string) error { t.Errorf("told of %q, which was not edited", ids); return nil }
	stop := process(t, remembering(t, path, memory, false), none)
	waitFor(t, memory)
	stop()
	write(t, path, rowsAfter)

	refuse := errors.New("no connection")
	refused := make(chan []string, 16)
	stop = process(t, remembering(t, path, memory, false), func(ids []string) error { refused <- ids; return refuse })
	next(t, refused) // this process ends before its announcement succeeds
	stop()

	told := make(chan []string, 16)
	stop = process(t, remembering(t, path, memory, false), func(ids []string) error { told <- ids; return nil })
	if diff := cmp.Diff([]string{"2", "4", "c d,e"}, next(t, told)); diff != "" {
		t.Error(diff)
	}
	write(t, path, rowsBefore) // edits made while it watches are stored too
	if diff := cmp.Diff([]string{"2", "4", "c d,e"}, next(t, told)); diff != "" {
		t.Error(diff)
	}
	stop()
	stop = process(t, remembering(t, path, memory, true), none)
	stop()
}

func TestALostListOfNotifiedRows(t *testing.T) {
	for _, c := range []struct {
		name, memory string // "" for no file
		notifyAll    bool
		want         []string
	}{
		{"a first start over a store that has something", "", true, []string{"1", "2", "c d,e"}},
		{"a file that is cut", "vitrine rows 1\n0123456789abcdef0123456789abcdef 1\n", false, []string{"1", "2", "c d,e"}},
		{"a file of something else", "{}", false, []string{"1", "2", "c d,e"}},
		{"a hash that is none", "vitrine rows 1\nzz 1\nend 1\n", false, []string{"1", "2", "c d,e"}},
		{"other rows", "vitrine rows 1\n0123456789abcdef0123456789abcdef 9\nend 1\n", false, []string{"1", "2", "9", "c d,e"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			path, memory := file(t, "p.jsonl", rowsBefore), filepath.Join(t.TempDir(), "p.notified")
			if c.memory != "" {
				write(t, memory, c.memory)
			}
			told := make(chan []string, 16)
			stop := process(t, remembering(t, path, memory, c.notifyAll), func(ids []string) error { told <- ids; return nil })
			defer stop()
			if diff := cmp.Diff(c.want, next(t, told)); diff != "" {
				t.Error(diff)
			}
		})
	}
}
