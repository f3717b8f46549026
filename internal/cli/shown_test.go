package cli_test

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestHostileCatalogsAreFitForATerminal proves that what commands print of a foreign file contains no password and no
// control sequence.
func TestHostileCatalogsAreFitForATerminal(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "shop.yaml")
	write(t, file, "version: 1\nupstreams: { shop: { url: \"http://user:canary@127.0.0.1:9\", \"\x1b[31mred\": 1, \"\\e]8;;x\": 2 } }\n")
	for _, args := range [][]string{
		{"catalog", "check", file}, {"catalog", "check", "--json", file}, {"catalog", "push", file, "--nats", "nats://127.0.0.1:1"},
		{"doctor", "--catalog", file, "--dir", dir, "--nats", "nats://127.0.0.1:1"},
	} {
		code, stdout, stderr := vitrine(t, args...)
		said := stdout + stderr
		if code != 1 || !strings.Contains(said, "no base URL") {
			t.Errorf("%v: %d %s", args, code, said)
		}
		for _, bad := range []string{"canary", "\x1b"} {
			if strings.Contains(said, bad) {
				t.Errorf("%v: %q in %q", args, bad, said)
			}
		}
	}
}
