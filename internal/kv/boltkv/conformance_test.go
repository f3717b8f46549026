package boltkv_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/internal/kv/boltkv"
	"vitrine/internal/kv/kvtest"
)

// fast omits fsync, which makes no difference to the suite.
var fast = boltkv.Options{NoSync: true}

// subject is a store under test: a file, or several.
type subject interface {
	kvtest.Dictionary
	Corrupt(ctx context.Context, key string, mutate func([]byte) []byte) error
	Tidy(ctx context.Context) error
	Count(ctx context.Context, bucket string) (int, error)
}

// opener opens a new store.
type opener func(t *testing.T, opt boltkv.Options) subject

func fresh(t *testing.T, opt boltkv.Options) subject { return open(t, file(t), opt) }

func freshShards(t *testing.T, opt boltkv.Options) subject { return openShards(t, t.TempDir(), 3, opt) }

func TestRecords(t *testing.T) { exerciseRecords(t, fresh) }

func TestBlobs(t *testing.T) { exerciseBlobs(t, fresh) }

func TestRecordsInShards(t *testing.T) { exerciseRecords(t, freshShards) }

func TestBlobsInShards(t *testing.T) { exerciseBlobs(t, freshShards) }

func exerciseRecords(t *testing.T, open opener) {
	kvtest.ExerciseRecords(t, func(t *testing.T) kvtest.Records {
		var passed atomic.Int64
		opt := fast
		opt.Now = func() time.Time { return time.Now().Add(time.Duration(passed.Load())) }
		s := open(t, opt)
		replace := func(t *testing.T, key string) { corrupt(s)(t, key, func([]byte) []byte { return []byte("x") }) }
		return kvtest.Records{
			Store: s, Corrupt: corrupt(s), Replace: replace,
			Flush: func(t *testing.T) kv.Records { return open(t, fast) },
			Pass: func(t *testing.T, d time.Duration) {
				passed.Add(int64(d))
				if err := s.Tidy(t.Context()); err != nil {
					t.Fatal(err)
				}
			},
			Keys: func(t *testing.T) (keys int) {
				for _, bucket := range []string{"rec", "gen", "blob", "rel"} {
					n, err := s.Count(t.Context(), bucket)
					if err != nil {
						t.Fatal(err)
					}
					keys += n
				}
				return keys
			},
			Wrecks: map[string]func(*testing.T, item.Entity){
				"a flipped bit": func(t *testing.T, e item.Entity) {
					corrupt(s)(t, kv.StateKey(e), func(b []byte) []byte { b[len(b)/2] ^= 1; return b })
				},
				"nothing that was written": func(t *testing.T, e item.Entity) { replace(t, kv.StateKey(e)) },
			},
		}
	})
}

func exerciseBlobs(t *testing.T, open opener) {
	kvtest.ExerciseBlobs(t, func(t *testing.T) kvtest.Blobs {
		s := open(t, fast)
		return kvtest.Blobs{BlobStore: s, Corrupt: corrupt(s), Replace: func(t *testing.T, key string) {
			corrupt(s)(t, key, func([]byte) []byte { return []byte("x") })
		}}
	})
}

func corrupt(s subject) func(*testing.T, string, func([]byte) []byte) {
	return func(t *testing.T, key string, mutate func([]byte) []byte) {
		t.Helper()
		if err := s.Corrupt(t.Context(), key, mutate); err != nil {
			t.Fatal(err)
		}
	}
}

func TestDictionaries(t *testing.T) {
	path := file(t)
	s := open(t, path, fast)
	kvtest.ExerciseDictionaries(t, s, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, path, fast)
	list, err := s.Dictionaries(t.Context())
	if err != nil || len(list) != 2 {
		t.Fatalf("%d, error %v; want no error, 2 of them", len(list), err)
	}
	got, err := s.Blobs(t.Context(), []kv.BlobKey{{Entity: item.Entity{Kind: "sku", ID: "d11-0"}, Blob: "item"}})
	if err != nil || got[0].Existence != kv.Alive {
		t.Fatalf("a file that is opened again: %v %+v", err, got)
	}
}

func TestTooManyDictionaries(t *testing.T) {
	for name, open := range map[string]opener{"a file": fresh, "shards": freshShards} {
		t.Run(name, func(t *testing.T) {
			s := open(t, fast)
			kvtest.TooManyDictionaries(t, func() kvtest.Dictionary { return s })
		})
	}
}
