package cli_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestTemplatesArePushed(t *testing.T) {
	t.Parallel()
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
		where := map[string][]string{
			"check": {"--admin", v.Admin, "--dir", v.Dir}, "push": {"--nats", v.NATS, "--admin", v.Admin, "--dir", v.Dir, "--wait", "1m"},
			"list": {"--nats", v.NATS}, "rollback": {"--nats", v.NATS, "--admin", v.Admin, "--dir", v.Dir, "--wait", "1m"},
		}
		got, stdout, stderr := vitrine(t, slices.Concat([]string{"template"}, args, where[args[0]])...)
		if got != code {
			t.Fatalf("%v: code %d, %s%s", args, got, stdout, stderr)
		}
		return stdout + stderr
	}
	write(t, filepath.Join(folder, "item.html"), `<!DOCTYPE html><title>first look {{.Page.ID}}</title>`)
	if out := template(0, "push", folder); !strings.Contains(out, "1 pages of the system") {
		t.Error(out)
	}
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
	write(t, filepath.Join(folder, "item.html"), "<!DOCTYPE html><title>third look</title>\n{{index .product.images 99}}")
	for _, command := range []string{"check", "push"} {
		if out := template(1, command, folder); !strings.Contains(out, "sku:"+oddID(0)) || !strings.Contains(out, "item.html:2") {
			t.Error(command, out)
		}
	}
	shows("first look")
	write(t, filepath.Join(folder, "item.html"), `<!DOCTYPE html><title>first look {{.Page.ID}}</title>`)
	if code, stdout, stderr := vitrine(t, "template", "check", folder, "--admin", v.Admin, "--dir", dir); code != 0 || !strings.Contains(stdout, "only sample data was tried") {
		t.Error("without the token:", code, stdout, stderr)
	}
	write(t, filepath.Join(folder, "siblings.html"), `<ul></ul>`)
	if out := template(1, "push", folder); !strings.Contains(out, "siblings.html: nothing calls it") {
		t.Error(out)
	}
	if err := os.Remove(filepath.Join(folder, "siblings.html")); err != nil {
		t.Fatal(err)
	}
	named := strings.Replace(fmt.Sprintf(shopCatalog, s.URL), "template: item.html", "template: special.html", 1)
	file := filepath.Join(dir, "named.yaml")
	write(t, file, named)
	for _, args := range [][]string{{"check", file}, {"push", file, "--nats", v.NATS}} {
		code, stdout, stderr := vitrine(t, append([]string{"catalog"}, args...)...)
		if code != 1 || !strings.Contains(stdout+stderr, `"special.html"`) {
			t.Error(args, code, stdout, stderr)
		}
	}
	shows("first look")
	write(t, filepath.Join(dir, "templates", "special.html"), `<!DOCTYPE html><title>special</title>`)
	if code, stdout, stderr := vitrine(t, "catalog", "check", file); code != 0 {
		t.Error("with the folder beside it:", stdout, stderr)
	}
	if err := os.Remove(filepath.Join(folder, "item.html")); err != nil {
		t.Fatal(err)
	}
	template(0, "push", folder)
	shows(`<main id="main"`)
}

// TestTemplatesAreForced proves that templates which fail on real pages come into force by --force only, in a
// rollback too, and that no page fails even then.
func TestTemplatesAreForced(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	fill(s, 1)
	dir := t.TempDir()
	v := up(t, filepath.Join(dir, "up"), "--catalog", catalogFor(t, shopCatalog, s.URL))
	v.refreshAll()
	v.converged(s)
	folder := filepath.Join(dir, "look")
	type outcome struct {
		OK         bool
		Revision   uint64
		Forced     bool
		RolledBack uint64 `json:"rolled_back"`
		Error      string
		Processes  []struct{ Node, State string }
		Trial      struct {
			Pages  int
			Failed []struct{ Entity, File string }
		}
	}
	template := func(code int, args ...string) (o outcome, stderr string) {
		t.Helper()
		args = slices.Concat([]string{"template"}, args, []string{"--json", "--admin", v.Admin, "--dir", v.Dir})
		if args[1] != "check" {
			args = append(args, "--nats", v.NATS, "--wait", "1m")
		}
		got, stdout, stderr := vitrine(t, args...)
		if err := json.Unmarshal([]byte(stdout), &o); err != nil || got != code {
			t.Fatalf("%v: code %d, %v: %s%s", args, got, err, stdout, stderr)
		}
		return o, stderr
	}
	page := func() string {
		t.Helper()
		status, _, body := fetch(t, v.Pages+"/item/"+oddID(0)+".html")
		if status != 200 {
			t.Errorf("a page is answered by %d", status)
		}
		return string(body)
	}
	good, bad := `<!DOCTYPE html><title>good {{.Page.ID}}</title>`, "<!DOCTYPE html><title>bad</title>\n{{index .product.images 99}}"
	write(t, filepath.Join(folder, "item.html"), good)
	if o, _ := template(0, "push", folder); !o.OK || o.Revision == 0 || o.Trial.Pages != 1 || len(o.Processes) != 1 || o.Processes[0].State != "in force" {
		t.Errorf("%+v", o)
	}
	write(t, filepath.Join(folder, "item.html"), bad)
	if o, _ := template(1, "check", folder); o.OK || len(o.Trial.Failed) != 1 || o.Trial.Failed[0].Entity != "sku:"+oddID(0) {
		t.Errorf("%+v", o)
	}
	if o, stderr := template(1, "push", folder); o.OK || o.Revision != 0 || !strings.Contains(stderr, "--force") {
		t.Errorf("%+v %s", o, stderr)
	}
	forced, stderr := template(0, "push", folder, "--force")
	if forced.OK || !forced.Forced || forced.Revision == 0 || !strings.Contains(stderr, "WARNING") {
		t.Errorf("%+v %s", forced, stderr)
	}
	eventually(t, func() string {
		if !strings.Contains(page(), "good") {
			return "the set before does not stand in"
		}
		_, out, _ := vitrine(t, "template", "list", "--nats", v.NATS)
		if !strings.Contains(out, "item.html:2") {
			return "nobody tells where the set in force fails: " + out
		}
		return ""
	})
	write(t, filepath.Join(folder, "item.html"), good)
	template(0, "push", folder)
	if o, _ := template(1, "rollback"); o.OK || o.RolledBack != forced.Revision || o.Revision != 0 || len(o.Trial.Failed) != 1 {
		t.Errorf("%+v", o)
	}
	if o, _ := template(1, "rollback", "999999"); !strings.Contains(o.Error, "no such earlier revision") {
		t.Errorf("%+v", o)
	}
	if o, _ := template(0, "rollback", "--force"); !o.Forced || o.Revision == 0 {
		t.Errorf("%+v", o)
	}
	write(t, filepath.Join(folder, "item.html"), "{{end}}")
	if o, _ := template(1, "push", folder, "--force"); o.Revision != 0 || !strings.Contains(o.Error, "item.html:1") {
		t.Errorf("what can't be loaded is forced: %+v", o)
	}
	if got := page(); !strings.Contains(got, "good") {
		t.Errorf("%.300s", got)
	}
}

// TestTemplateCheckNamesTemplatesThatAreNotCompiled checks a template that only html/template can execute, since another
// template calls it within an attribute.
func TestTemplateCheckNamesTemplatesThatAreNotCompiled(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	for name, text := range map[string]string{"colour.html": `red`, "buy.html": "<p>\n<b class=\"{{template \"colour.html\" .}}\">x</b></p>"} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const place = "buy.html:2: template colour.html"
	code, stdout, stderr := vitrine(t, "template", "check", folder, "--admin", "127.0.0.1:1")
	if code != 0 || !strings.Contains(stdout, place) || !strings.Contains(stdout, "is not compiled") {
		t.Errorf("%d %s%s", code, stdout, stderr)
	}
	code, stdout, stderr = vitrine(t, "template", "check", folder, "--admin", "127.0.0.1:1", "--json")
	if code != 0 || !strings.Contains(stdout, `"not_compiled":["`+place) {
		t.Errorf("%d %s%s", code, stdout, stderr)
	}
}
