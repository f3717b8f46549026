package jsonl_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vitrine/internal/jsonl"
)

// patience bounds every wait. A test that passes never uses it up.
const patience = 30 * time.Second

func TestWatch(t *testing.T) {
	const before = "{\"id\":1,\"v\":1}\n{\"id\":2,\"v\":1}\n{\"id\":3,\"v\":1}\n"
	const after = "{\"id\":1,\"v\":1}\n{\"id\":2,\"v\":2}\n{\"id\":4,\"v\":1}\n"
	tests := []struct {
		name    string
		rewrite func(t *testing.T, path string)
	}{
		{"in place", func(t *testing.T, path string) { write(t, path, after) }},
		{"by renaming", func(t *testing.T, path string) {
			write(t, path+".new", after)
			if err := os.Rename(path+".new", path); err != nil {
				t.Fatal(err)
			}
		}},
		{"by removing first", func(t *testing.T, path string) {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			write(t, path, after)
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			path := file(t, "p.jsonl", before)
			table := open(t, jsonl.Spec{Name: "p", Path: path, IDField: "id"})
			changes := watch(t, table)
			test.rewrite(t, path)
			if diff := cmp.Diff([]string{"2", "3", "4"}, next(t, changes)); diff != "" {
				t.Error(diff)
			}
			if _, got := get(t, table, "/rows"); got != `{"items":[{"id":1,"v":1},{"id":2,"v":2},{"id":4,"v":1}],"next":null}` {
				t.Errorf("notified before the new rows are served: %s", got)
			}
		})
	}
}

func TestWatchSeesEarlierEdits(t *testing.T) {
	path := file(t, "p.jsonl", `{"id":1}`)
	table := open(t, jsonl.Spec{Name: "p", Path: path, IDField: "id"})
	write(t, path, `{"id":1,"new":true}`)
	if diff := cmp.Diff([]string{"1"}, next(t, watch(t, table))); diff != "" {
		t.Error(diff)
	}
}

func TestWatchFollowsASwappedLink(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "one"), `{"id":1}`)
	write(t, filepath.Join(dir, "two"), `{"id":2}`)
	path := filepath.Join(dir, "p.jsonl")
	symlink(t, "one", path)
	table := open(t, jsonl.Spec{Name: "p", Path: path, IDField: "id"})
	changes := watch(t, table)
	symlink(t, "two", path+".new")
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"1", "2"}, next(t, changes)); diff != "" {
		t.Error(diff)
	}
}

func TestWatchRepeatsARefusedNotification(t *testing.T) {
	path := file(t, "p.jsonl", `{"id":1}`)
	table := open(t, jsonl.Spec{Name: "p", Path: path, IDField: "id"})
	calls := make(chan []string, 16)
	refuse := errors.New("no connection")
	start(t, table, func(ids []string) error {
		calls <- ids
		err := refuse
		refuse = nil
		return err
	})
	write(t, path, `{"id":2}`)
	for _, call := range []string{"refused", "taken"} {
		if diff := cmp.Diff([]string{"1", "2"}, next(t, calls)); diff != "" {
			t.Errorf("call %s: the ids differ: %s", call, diff)
		}
	}
}

// TestWatchKeepsOldRows makes the file invalid, waits until the watch has noticed, and repairs it. Only the repaired
// file may be announced.
func TestWatchKeepsOldRows(t *testing.T) {
	const before = "{\"id\":1}\n{\"id\":2}\n"
	tests := []struct{ name, content, want string }{
		{"when a line is bad", "{\"id\":1}\n{\"id\":\n", "p.jsonl:2: "},
		{"when the file was cut", before[:12], "p.jsonl:2: "},
		{"when the file is empty", "", "the file is empty"},
		{"when the file is gone", "gone", "no such file"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			log := newLines()
			path := file(t, "p.jsonl", before)
			table, err := jsonl.Open(t.Context(), jsonl.Spec{Name: "p", Path: path, IDField: "id"}, slog.New(slog.NewTextHandler(log, nil)))
			if err != nil {
				t.Fatal(err)
			}
			changes := watch(t, table)
			if test.content == "gone" {
				err = os.Remove(path)
			} else {
				err = os.WriteFile(path, []byte(test.content), 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
			if line := log.next(t, "level=ERROR"); !strings.Contains(line, test.want) {
				t.Errorf("the log says %s, want %q", line, test.want)
			}
			if table.Len() != 2 {
				t.Errorf("%d rows are left of 2", table.Len())
			}
			write(t, path, before+"{\"id\":3}\n")
			if diff := cmp.Diff([]string{"3"}, next(t, changes)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func watch(t *testing.T, table *jsonl.Table) <-chan []string {
	t.Helper()
	changes := make(chan []string, 16)
	start(t, table, func(ids []string) error { changes <- ids; return nil })
	return changes
}

func start(t *testing.T, table *jsonl.Table, changed func(ids []string) error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- table.Watch(ctx, changed) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func next(t *testing.T, changes <-chan []string) []string {
	t.Helper()
	select {
	case ids := <-changes:
		return ids
	case <-time.After(patience):
		t.Fatal("no change was told of")
		return nil
	}
}

func symlink(t *testing.T, target, path string) {
	t.Helper()
	if err := os.Symlink(target, path); err != nil {
		t.Fatal(err)
	}
}

// lines sends on what a logger writes.
type lines struct {
	out chan string
}

func newLines() *lines { return &lines{out: make(chan string, 64)} }

func (l *lines) Write(p []byte) (int, error) {
	l.out <- string(p)
	return len(p), nil
}

func (l *lines) next(t *testing.T, part string) string {
	t.Helper()
	deadline := time.After(patience)
	for {
		select {
		case line := <-l.out:
			if strings.Contains(line, part) {
				return line
			}
		case <-deadline:
			t.Fatalf("nothing was logged with %s", part)
		}
	}
}
