package templates_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vitrine/templates"
)

// TestEject proves that the theme's files, written out with their comments, render the same pages as the theme.
func TestEject(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "templates")
	names, err := templates.Eject(dir, nil, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		body, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if name != "words.json" && (!bytes.Contains(body[:min(len(body), 400)], []byte("/* ")) || bytes.Contains(body, []byte("/* \n"))) {
			t.Errorf("%s begins without what it is for: %.80s", name, body)
		}
	}
	own, err := templates.LoadFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	if uncalled := own.Uncalled(); len(uncalled) > 0 {
		t.Errorf("called by no page: %q", uncalled)
	}
	theme, err := templates.LoadFolder("")
	if err != nil {
		t.Fatal(err)
	}
	data := map[string]any{
		"product": map[string]any{"title": "Lamp <5 W>", "brief": "B", "images": []any{"/a.png"}, "html": "<p>x</p>"}, "price": map[string]any{"amount": "5.10", "currency": "EUR"},
		"stock": map[string]any{"state": "in"}, "Site": map[string]any{"Name": "Shop", "Lang": "en"}, "Page": map[string]any{"ID": "1", "Kind": "sku", "Live": []any{"offer"}},
	}
	for _, name := range []string{"item.html", "off.html", "desc.html", "gone.html", "error.html"} {
		if diff := cmp.Diff(rendered(t, theme, name, data), rendered(t, own, name, data)); diff != "" {
			t.Errorf("the ejected %s renders other pages than the theme: %s", name, diff)
		}
	}
}

// rendered renders a page without the hashes in the names of assets.
func rendered(t *testing.T, set *templates.Set, name string, data any) string {
	t.Helper()
	var b bytes.Buffer
	if err := set.Render(&b, name, data); err != nil {
		t.Fatal(err)
	}
	var lines []string
	for line := range strings.Lines(b.String()) {
		if !strings.Contains(line, "/assets/") {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "")
}

// TestEjectRefuses proves that an existing file stays as it is, and that no other file is written either.
func TestEjectRefuses(t *testing.T) {
	dir := t.TempDir()
	mine := filepath.Join(dir, "offer.html")
	if err := os.WriteFile(mine, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := templates.Eject(dir, []string{"item.html", "offer.html"}, false); !errors.Is(err, templates.ErrExists) || !strings.Contains(err.Error(), "offer.html") {
		t.Errorf("over a file that is there: %v", err)
	}
	if _, err := templates.Eject(dir, []string{"item.html", "../item.html"}, true); !errors.Is(err, templates.ErrNoFile) {
		t.Errorf("a name out of the folder: %v", err)
	}
	entries, err := os.ReadDir(dir)
	if body, _ := os.ReadFile(mine); err != nil || len(entries) != 1 || string(body) != "mine" {
		t.Errorf("%d files, %q: %v", len(entries), body, err)
	}
	names, err := templates.Eject(dir, []string{"offer.html", "assets/site.css"}, true)
	if body, _ := os.ReadFile(mine); err != nil || len(names) != 2 || string(body) == "mine" {
		t.Errorf("by force: %q, %v", names, err)
	}
}

// TestStart proves that template new writes a sound theme, and does not overwrite one.
func TestStart(t *testing.T) {
	dir := t.TempDir()
	if _, err := templates.Start(dir, false); err != nil {
		t.Fatal(err)
	}
	set, err := templates.LoadFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	if uncalled := set.Uncalled(); len(uncalled) > 0 {
		t.Errorf("called by no page: %q", uncalled)
	}
	if gaps := set.Gaps(); len(gaps) > 0 {
		t.Errorf("not compiled: %v", gaps)
	}
	data := map[string]any{"product": map[string]any{"title": "Lamp <5 W>"}, "Site": map[string]any{"Name": "Shop"}, "Page": map[string]any{"ID": "1"}}
	if text := rendered(t, set, "item.html", data); !strings.Contains(text, "<h1>Lamp &lt;5 W&gt;</h1>") || !strings.Contains(text, `<a href="/">All products</a>`) || strings.Count(text, ">Shop</a>") != 1 {
		t.Errorf(`%v; want <h1>Lamp &lt;5 W&gt;</h1>, <a href="/">All products</a>, and the shop's name in one link`, text)
	}
	if _, err := templates.Start(dir, false); !errors.Is(err, templates.ErrExists) {
		t.Errorf("again: %v", err)
	}
}
