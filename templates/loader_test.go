package templates_test

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"vitrine/templates"
)

// bubble is a Loader that runs in a synctest bubble, and its files.
type bubble struct {
	*templates.Loader
	t   *testing.T
	dir string
	log *bytes.Buffer
}

func inBubble(t *testing.T, f func(bubble)) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "templates")
	synctest.Test(t, func(t *testing.T) {
		log := new(bytes.Buffer)
		opened, err := templates.Open(dir, "", slog.New(slog.NewTextHandler(log, nil)))
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- opened.Run(ctx) }()
		f(bubble{opened, t, dir, log})
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// write replaces a file, and waits until the loader has checked it often enough.
func (f bubble) write(name, body string) {
	f.t.Helper()
	path := filepath.Join(f.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		f.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(body), 0o644); err != nil {
		f.t.Fatal(err)
	}
	now := time.Now() // the bubble's time, so that two writes within a tick of the file system's clock differ
	if err := os.Chtimes(path, now, now); err != nil {
		f.t.Fatal(err)
	}
	time.Sleep(4 * templates.PollInterval)
	synctest.Wait()
}

func (f bubble) page() string {
	f.t.Helper()
	return render(f.t, f.Set(), "item.html", nil)
}

func TestLoader(t *testing.T) {
	t.Run("takes a file that changes, or is there at last", func(t *testing.T) {
		inBubble(t, func(f bubble) {
			f.write("item.html", "first")
			if got := f.page(); got != "first" {
				t.Errorf("the page is %.100s, want first", got)
			}
			f.write("item.html", "other")
			if got := f.page(); got != "other" {
				t.Errorf("the page is %.100s, want other", got)
			}
		})
	})
	t.Run("takes an asset that changes", func(t *testing.T) {
		inBubble(t, func(f bubble) {
			f.write("item.html", `{{asset "site.css"}}`)
			before := f.page()
			f.write("assets/site.css", "h1 { color: red }")
			if after := f.page(); after == before {
				t.Error("the address is still", after)
			}
		})
	})
	t.Run("gives the theme's back when the file is removed", func(t *testing.T) {
		inBubble(t, func(f bubble) {
			theme := f.page()
			if f.Own() {
				t.Error("the theme's files are the shop's own")
			}
			f.write("item.html", "mine")
			if f.page() != "mine" || !f.Own() {
				t.Error("the shop's own file is not in force, or not its own")
			}
			if err := os.Remove(filepath.Join(f.dir, "item.html")); err != nil {
				t.Fatal(err)
			}
			f.write("note.txt", "touches the folder")
			if got := f.page(); got != theme {
				t.Errorf("the page is %.100s, want the theme's", got)
			}
			f.write("item.html", "{{if}}")
			f.page()
			if !f.Own() {
				t.Error("a file that can't be loaded is none of the shop's own")
			}
		})
	})
	t.Run("keeps the last good one, and says where the new one broke", func(t *testing.T) {
		inBubble(t, func(f bubble) {
			f.write("item.html", "good")
			for name, broken := range map[string]string{"item.html": "line 1\n{{if}}", "words.json": "{", "gone.html": "{{nosuch .}}"} {
				f.write(name, broken)
				if got := f.page(); got != "good" {
					t.Errorf("the page is %.100s, want good", got)
				}
				if !strings.Contains(f.Broken(), name) || !strings.Contains(f.log.String(), name) {
					t.Errorf("%s broke, said was %q", name, f.Broken())
				}
				if name == "item.html" && !strings.Contains(f.Broken(), "item.html:2") {
					t.Errorf("no line in %q", f.Broken())
				}
				f.write(name, map[string]string{"item.html": "good", "words.json": "{}", "gone.html": "gone"}[name])
				if why := f.Broken(); why != "" {
					t.Error("mended, and still:", why)
				}
			}
		})
	})
}

func TestFallbacks(t *testing.T) {
	inBubble(t, func(f bubble) {
		failing := `{{index .x 99}}`
		for _, step := range []struct {
			text string
			want []string // names of the fallback sets
		}{{"first", []string{"theme", "theme"}}, {"second", []string{"first", "theme"}}, {failing, []string{"second", "theme"}}, {"mended", []string{"second", "theme"}}, {"last", []string{"mended", "theme"}}} {
			f.write("item.html", step.text)
			_ = f.Set().Render(new(bytes.Buffer), "item.html", map[string]any{"x": []any{}})
			var got []string
			for _, set := range f.Fallbacks() {
				page := render(t, set, "item.html", nil)
				if strings.HasPrefix(page, "<!DOCTYPE html>") {
					page = "theme"
				}
				got = append(got, page)
			}
			if !slices.Equal(got, step.want) {
				t.Errorf("behind %q stand %q, want %q", step.text, got, step.want)
			}
		}
	})
}

func TestOpenRefusesBrokenTemplates(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "item.html"), []byte("{{end}}"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := templates.Open(dir, "", slog.New(slog.DiscardHandler))
	if err == nil || !strings.Contains(err.Error(), "item.html:1") {
		t.Error(err)
	}
}

// TestAnEmptyPushNamesTheFolder proves that after an empty push an error names the server's own folder, where the
// fault is.
func TestAnEmptyPushNamesTheFolder(t *testing.T) {
	empty, err := templates.PackFolder(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	inBubble(t, func(f bubble) {
		for name, broken := range map[string]string{"item.html": "{{end}}", "words.json": strings.Repeat(" ", templates.MaxFile+1)} {
			f.write(name, broken)
			if _, err := f.Candidate(empty); err == nil || !strings.Contains(err.Error(), f.dir) || !strings.Contains(err.Error(), name) {
				t.Errorf("%s is broken; who pushes nothing is told %v", name, err)
			}
			f.write(name, map[string]string{"item.html": "good", "words.json": "{}"}[name])
		}
	})
}

// TestANamedPipeIsRefused proves that a named pipe in the folder is reported, without waiting for a writer.
func TestANamedPipeIsRefused(t *testing.T) {
	for _, name := range []string{"item.html", "words.json"} {
		dir := t.TempDir()
		if err := syscall.Mkfifo(filepath.Join(dir, name), 0o600); err != nil {
			t.Fatal(err)
		}
		refused := make(chan error, 1)
		go func() {
			_, err := templates.Open(dir, "", slog.New(slog.DiscardHandler))
			refused <- err
		}()
		select {
		case err := <-refused:
			if err == nil || !strings.Contains(err.Error(), name) {
				t.Errorf("error %[2]v does not name the file %[1]s", name, err)
			}
		case <-time.After(time.Minute):
			t.Fatalf("%s: a reader waits for a writer", name)
		}
	}
}
