package cli_test

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestTemplateCheckRefusesUncalledTemplates checks a shop's own part under a name that the theme no longer calls. It
// would never be shown, so it must be refused.
func TestTemplateCheckRefusesUncalledTemplates(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	write(t, filepath.Join(folder, "options.html"), `{{template "swatch.html" .}}`)
	write(t, filepath.Join(folder, "swatch.html"), `<i>red</i>`)
	write(t, filepath.Join(folder, "gift.html"), `<!doctype html><html lang="en"><title>a page of the shop's own</title></html>`)
	if code, stdout, stderr := vitrine(t, "template", "check", folder, "--admin", "127.0.0.1:1"); code != 0 {
		t.Fatalf("%d %s%s", code, stdout, stderr)
	}
	write(t, filepath.Join(folder, "siblings.html"), `<ul></ul>`)
	const why = "siblings.html: nothing calls it"
	if code, stdout, stderr := vitrine(t, "template", "check", folder, "--admin", "127.0.0.1:1"); code != 1 || !strings.Contains(stderr, why) {
		t.Errorf("%d %s%s", code, stdout, stderr)
	}
	if code, stdout, stderr := vitrine(t, "template", "check", folder, "--admin", "127.0.0.1:1", "--json"); code != 1 || !strings.Contains(stdout, `"uncalled":["siblings.html"]`) {
		t.Errorf("%d %s%s", code, stdout, stderr)
	}
}
