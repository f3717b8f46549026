package app_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestTemplatesArePushed(t *testing.T) {
	s := newShop(t)
	fill(s, 1)
	dir := t.TempDir()
	v := up(t, filepath.Join(dir, "up"), "--catalog", catalogFor(t, shopCatalog, s.URL))
	v.refreshAll()
	v.converged(s)
	folder := filepath.Join(dir, "look")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	shows := func(text string) {
		t.Helper()
		eventually(t, func() string {
			_, _, body := fetch(t, v.Pages+"/item/"+oddID(0)+".html")
			if !strings.Contains(string(body), text) {
				return "the page does not show " + text
			}
			return ""
		})
	}
	template := func(code int, args ...string) string {
		t.Helper()
		got, stdout, stderr := vitrine(t, append(append([]string{"template"}, args...), "--nats", v.NATS)...)
		if got != code {
			t.Fatalf("%v: code %d, %s%s", args, got, stdout, stderr)
		}
		return stdout + stderr
	}
	write(t, filepath.Join(folder, "item.html"), `<!DOCTYPE html><title>first look {{.Page.ID}}</title>`)
	template(0, "push", folder)
	shows("first look")
	write(t, filepath.Join(folder, "item.html"), `<!DOCTYPE html><title>second look {{.Page.ID}}</title>`)
	template(0, "push", folder)
	shows("second look")
	template(0, "rollback")
	shows("first look")
	if out := template(0, "list"); strings.Count(out, " bytes") != 3 || !strings.Contains(out, "in force") {
		t.Error(out)
	}
	write(t, filepath.Join(folder, "item.html"), `{{range 2000000000}}{{end}}`)
	if out := template(1, "push", folder); !strings.Contains(out, "item.html") {
		t.Error(out)
	}
	shows("first look")
	if err := os.Remove(filepath.Join(folder, "item.html")); err != nil {
		t.Fatal(err)
	}
	template(0, "push", folder)
	shows(`<main id="main"`)
}
