package boltkv_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/internal/kv/boltkv"
	"vitrine/internal/kv/kvtest"
)

func TestMain(m *testing.M) {
	if path := os.Getenv(victimEnv); path != "" {
		os.Exit(beVictim(path))
	}
	kvtest.FewerChecks()
	goleak.VerifyTestMain(m)
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// open opens the file at path, and closes it when the test ends.
func open(t testing.TB, path string, opt boltkv.Options) *boltkv.Store {
	t.Helper()
	opt.Log = quiet()
	s, err := boltkv.Open(t.Context(), path, opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

// openShards opens a store of n files in a folder, and closes it when the test ends.
func openShards(t testing.TB, dir string, n int, opt boltkv.Options) *boltkv.Shards {
	t.Helper()
	opt.Log = quiet()
	s, err := boltkv.OpenShards(t.Context(), dir, n, opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

func file(t testing.TB) string { return filepath.Join(t.TempDir(), "store.db") }

func key(id string) kv.RecordKey {
	return kv.RecordKey{Entity: item.Entity{Kind: "sku", ID: id}, Dimension: "product"}
}

func alive(body string) kv.Value {
	return kv.Value{Header: kv.Header{Existence: kv.Alive, Fetched: time.Now()}, Body: []byte(body)}
}

// put writes a record that does not exist yet.
func put(t testing.TB, s kv.RecordPutter, id, body string) kv.PutResult {
	t.Helper()
	r, err := s.PutRecords(t.Context(), []kv.Put{{RecordKey: key(id), Value: alive(body)}})
	if err != nil || r[0].Outcome != kv.Applied {
		t.Fatalf("put %s: %+v, error %v", id, r, err)
	}
	return r[0]
}

func read(t testing.TB, s kv.RecordReader, id string) kv.Record {
	t.Helper()
	r, err := s.Records(t.Context(), []kv.RecordKey{key(id)})
	if err != nil {
		t.Fatal(err)
	}
	return r[0]
}

// until polls done until it returns true. Only a machine in trouble reaches the deadline.
func until(t testing.TB, what string, done func() bool) {
	t.Helper()
	deadline, tick := time.After(time.Minute), time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-deadline:
			t.Fatalf("%s never came", what)
		case <-tick.C:
		}
	}
}
