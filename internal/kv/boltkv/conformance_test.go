package boltkv_test

import (
	"testing"

	"vitrine/internal/kv"
	"vitrine/internal/kv/boltkv"
	"vitrine/internal/kv/kvtest"
)

// fast leaves out fsync, which makes no difference to what the suite looks at.
var fast = boltkv.Options{NoSync: true}

func TestRecords(t *testing.T) {
	kvtest.ExerciseRecords(t, func(t *testing.T) kvtest.Records {
		s := open(t, file(t), fast)
		return kvtest.Records{Store: s, Corrupt: corrupt(s), Flush: func(t *testing.T) kv.Records { return open(t, file(t), fast) }}
	})
}

func TestBlobs(t *testing.T) {
	kvtest.ExerciseBlobs(t, func(t *testing.T) kvtest.Blobs {
		s := open(t, file(t), fast)
		return kvtest.Blobs{BlobStore: s, Corrupt: corrupt(s)}
	})
}

func corrupt(s *boltkv.Store) func(*testing.T, string, func([]byte) []byte) {
	return func(t *testing.T, key string, mutate func([]byte) []byte) {
		t.Helper()
		if err := s.Corrupt(t.Context(), key, mutate); err != nil {
			t.Fatal(err)
		}
	}
}
