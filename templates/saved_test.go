package templates_test

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"vitrine/templates"
)

// life runs one process's Loader, calls f with it, and ends it.
func life(t *testing.T, dir, keep string, f func(*templates.Loader)) {
	t.Helper()
	opened, err := templates.Open(dir, keep, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- opened.Run(ctx) }()
	f(opened)
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// looked waits until the folder has looked at what was pushed and written.
func looked() {
	time.Sleep(4 * templates.PollInterval)
	synctest.Wait()
}

// stack renders a page by the set in force and by each fallback set.
func stack(t *testing.T, f *templates.Loader) (pages []string) {
	t.Helper()
	for _, set := range append([]*templates.Set{f.Set()}, f.Fallbacks()...) {
		page := render(t, set, "item.html", map[string]any{"x": []any{1}})
		if strings.HasPrefix(page, "<!DOCTYPE html>") {
			page = "theme"
		}
		pages = append(pages, page)
	}
	return pages
}

func packed(t *testing.T, text string) []byte {
	t.Helper()
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "item.html"), text)
	p, err := templates.PackFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestTheLastGoodSetOutlivesRestarts proves that each process finds the last good set in force, whatever was pushed
// since.
func TestTheLastGoodSetOutlivesRestarts(t *testing.T) {
	first, failing, last := packed(t, "first"), packed(t, "{{if .x}}failing{{end}}{{index .x 0}}"), packed(t, "last")
	broken := bytes.Repeat([]byte("no archive"), 10)
	type step struct {
		push []byte
		fail bool // whether a page fails
		want []string
	}
	tests := map[string][][]step{
		"one that can't be loaded": {
			{{push: first, want: []string{"first", "theme", "theme"}}, {push: broken, want: []string{"first", "theme", "theme"}}},
			{{want: []string{"first", "theme"}}, {push: broken, want: []string{"first", "theme"}}},
			{{want: []string{"first", "theme"}}, {push: last, want: []string{"last", "first", "theme"}}},
		},
		"one that fails on a page": {
			{{push: first, want: []string{"first", "theme", "theme"}}, {push: failing, fail: true, want: []string{"failing1", "first", "theme"}}},
			{{want: []string{"failing1", "first", "theme"}}, {push: failing, want: []string{"failing1", "first", "theme"}}},
			{{push: last, want: []string{"last", "first", "theme"}}},
		},
		"the folder gets its place back": {
			{{push: first, want: []string{"first", "theme", "theme"}}, {push: []byte{}, want: []string{"theme", "first", "theme"}}},
			{{want: []string{"theme", "first", "theme"}}},
		},
	}
	for name, lives := range tests {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				for i, steps := range lives {
					life(t, filepath.Join(dir, "templates"), dir, func(f *templates.Loader) {
						for j, s := range steps {
							if s.push != nil {
								f.Push(s.push, func(error) {})
								looked()
							}
							if s.fail {
								_ = f.Set().Render(new(bytes.Buffer), "item.html", map[string]any{"x": []any{}})
								looked()
							}
							if got := stack(t, f); !slices.Equal(got, s.want) {
								t.Errorf("life %d, step %d: %q, want %q", i, j, got, s.want)
							}
						}
					})
				}
			})
		})
	}
}

// TestABrokenFolderOutlivesRestarts proves that the last good files of a broken folder are served, with the reason
// reported.
func TestABrokenFolderOutlivesRestarts(t *testing.T) {
	dir := t.TempDir()
	own := filepath.Join(dir, "templates")
	synctest.Test(t, func(t *testing.T) {
		writeFile(t, filepath.Join(own, "item.html"), "mine")
		life(t, own, dir, func(*templates.Loader) { looked() })
		writeFile(t, filepath.Join(own, "item.html"), "{{end}}")
		life(t, own, dir, func(f *templates.Loader) {
			if got := stack(t, f); got[0] != "mine" || !strings.Contains(f.Broken(), "item.html:1") {
				t.Errorf("%q, broken: %s", got, f.Broken())
			}
		})
		writeFile(t, filepath.Join(own, "item.html"), "mended")
		life(t, own, dir, func(f *templates.Loader) {
			if got := stack(t, f); got[0] != "mended" || f.Broken() != "" {
				t.Errorf("%q, broken: %s", got, f.Broken())
			}
		})
	})
}

// TestDamagedCopiesOfTemplates proves that a process starts although its stored copies cannot be read.
func TestDamagedCopiesOfTemplates(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"templates.zip", "templates-own.zip", "templates-before.zip", "templates-failed"} {
		writeFile(t, filepath.Join(dir, name), "\x00 damaged")
	}
	f, err := templates.Open(filepath.Join(dir, "templates"), dir, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if got := stack(t, f); !slices.Equal(got, []string{"theme", "theme"}) {
		t.Errorf("the pages are %q, want the theme's", got)
	}
}
