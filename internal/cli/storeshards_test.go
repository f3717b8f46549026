package cli_test

import (
	"strings"
	"testing"

	"vitrine/internal/kv/boltkv"
)

// TestAStoreOfAnotherNumberOfFiles proves that up does not begin an empty store beside a full one.
func TestAStoreOfAnotherNumberOfFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	store, err := boltkv.OpenShards(t.Context(), dir, 2, boltkv.Options{Log: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	code, _, stderr := vitrine(t, "up", "--dir", dir, "--http", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--nats", "127.0.0.1:0", "--shop", "127.0.0.1:0")
	if code != 1 || !strings.Contains(stderr, "--store-shards 1") || !strings.Contains(stderr, "open it with 2") {
		t.Error(code, stderr)
	}
	for _, args := range [][]string{{"--store-shards", "0"}, {"--store-shards", "65"}, {"--store-shards", "4", "--redis", "redis://127.0.0.1:1"}} {
		code, _, stderr := vitrine(t, append([]string{"up", "--dir", dir}, args...)...)
		if code != 2 || !strings.Contains(stderr, "--store-shards "+args[1]) {
			t.Error(args, code, stderr)
		}
	}
}
