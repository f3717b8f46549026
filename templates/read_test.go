package templates_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vitrine/templates"
)

// TestLinksThatLeaveTheFolder proves that symbolic links out of the folder are refused. Otherwise whoever writes
// templates could read any file that the process can.
func TestLinksThatLeaveTheFolder(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "secret")
	writeFile(t, outside, "root:x:0:0")
	up, err := filepath.Rel("/", outside)
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range []struct{ name, target string }{
		{"item.html", outside}, {"assets/site.css", outside}, {"words.json", outside}, {"assets", filepath.Dir(outside)},
		{"item.html", strings.Repeat("../", 40) + up}, {"item.html", "nowhere"}, {"item.html", "item.html"},
	} {
		dir := t.TempDir()
		at := filepath.Join(dir, link.name)
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(link.target, at); err != nil {
			t.Fatal(err)
		}
		if _, err := templates.LoadFolder(dir); err == nil || !strings.Contains(err.Error(), link.name) {
			t.Errorf("%s → %s is loaded: %v", link.name, link.target, err)
		}
		if _, err := templates.PackFolder(dir); err == nil || !strings.Contains(err.Error(), link.name) {
			t.Errorf("%s → %s is packed: %v", link.name, link.target, err)
		}
	}
}

// TestLinksWithinTheFolder proves that links within the folder work, as Kubernetes uses them in a ConfigMap.
func TestLinksWithinTheFolder(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "..2026_11_21", "item.html"), "mapped")
	for name, target := range map[string]string{"..data": "..2026_11_21", "item.html": "..data/item.html"} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	through := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(dir, through); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{dir, through} {
		set, err := templates.LoadFolder(dir)
		if err != nil {
			t.Fatal(err)
		}
		if got := render(t, set, "item.html", nil); got != "mapped" {
			t.Errorf("the page is %q, want mapped", got)
		}
	}
}

func TestFilesOfOddForm(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		want  string // part of the error; "" for none
	}{
		"a byte order mark":  {map[string]string{"item.html": "\ufeffmine", "words.json": "\ufeff{}"}, ""},
		"Latin-1":            {map[string]string{"item.html": "line 1\nM\xfcller"}, "item.html:2: not UTF-8"},
		"UTF-16":             {map[string]string{"item.html": "\xff\xfem\x00"}, "item.html:1: not UTF-8"},
		"words in Latin-1":   {map[string]string{"words.json": "{\"de\":\n{\"a\":\"\xfc\"}}"}, "words.json:2: not UTF-8"},
		"a picture":          {map[string]string{"item.html": "mine", "assets/a.png": "\x89PNG\xff"}, ""},
		"an asset too large": {map[string]string{"assets/a.png": strings.Repeat("x", templates.MaxFile+1)}, "assets/a.png"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for file, text := range c.files {
				writeFile(t, filepath.Join(dir, file), text)
			}
			set, err := templates.LoadFolder(dir)
			if c.want != "" {
				if err == nil || !strings.Contains(err.Error(), c.want) {
					t.Fatal(err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := render(t, set, "item.html", nil); got != "mine" {
				t.Errorf("the page is %q, want mine", got)
			}
		})
	}
}

// TestTooManyFiles proves that too many files are refused before they are read.
func TestTooManyFiles(t *testing.T) {
	dir := t.TempDir()
	for i := range templates.MaxFiles + 1 {
		writeFile(t, filepath.Join(dir, "assets", fmt.Sprint(i)), "x")
	}
	if _, err := templates.LoadFolder(dir); err == nil || !strings.Contains(err.Error(), fmt.Sprint(templates.MaxFiles)) {
		t.Error(err)
	}
}
