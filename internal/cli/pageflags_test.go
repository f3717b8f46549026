package cli_test

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestPageFlags proves that an invalid value is named before anything starts, whether it comes from the command line,
// the environment or a file.
func TestPageFlags(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "room.yaml")
	write(t, file, "trusted-proxy: [10.0.0.0/8, nowhere]\n")
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"up", "--trusted-proxy", "10.0.0.0/8,10.0.0.300"}, `"10.0.0.300"`},
		{[]string{"detail", "--redis", "redis://127.0.0.1:1", "--trusted-proxy", "proxy.example"}, `"proxy.example"`},
		{[]string{"detail", "--redis", "redis://127.0.0.1:1", "--config", file}, `"nowhere"`},
		{[]string{"up", "--nats-replicas", "6"}, "--nats-replicas"},
		{[]string{"detail", "--redis", "redis://127.0.0.1:1", "--nats-replicas", "6"}, "--nats-replicas"},
		{[]string{"heterog", "--redis", "redis://127.0.0.1:1", "--nats-replicas", "-1"}, "--nats-replicas"},
		{[]string{"up", "--max-connections", "-1"}, "--max-connections"},
		{[]string{"up", "--blob-memory", "0"}, "--blob-memory"},
		{[]string{"up", "--page-memory", "-5"}, "--page-memory"},
		{[]string{"up", "--shutdown-delay", "1h"}, "--shutdown-delay"},
		{[]string{"up", "--cache-tags", "all"}, "--cache-tags"},
	} {
		args := append(c.args, "--dir", t.TempDir())
		if code, _, stderr := vitrine(t, args...); code != 2 || !strings.Contains(stderr, c.want) {
			t.Errorf("%q: code %d: %s", c.args, code, stderr)
		}
	}
}
