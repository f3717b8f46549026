package cli_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
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
		where := map[string][]string{
			"check": {"--admin", v.Admin, "--dir", v.Dir}, "push": {"--nats", v.NATS, "--admin", v.Admin, "--dir", v.Dir},
			"list": {"--nats", v.NATS}, "rollback": {"--nats", v.NATS},
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
