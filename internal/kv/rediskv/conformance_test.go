package rediskv_test

import (
	"log/slog"
	"testing"
	"time"

	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/internal/kv/kvtest"
	"vitrine/internal/kv/rediskv"
	"vitrine/internal/redistest"
)

func quietLog() *slog.Logger { return slog.New(slog.DiscardHandler) }

func openAt(t *testing.T, url string) *rediskv.Store {
	s, err := rediskv.Open(t.Context(), rediskv.Config{URL: url, Log: quietLog(), Timeout: 20 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// corrupter edits a stored value behind the store's back, at the master that holds its slot.
func corrupter(nodes ...*redistest.Server) func(t *testing.T, key string, mutate func([]byte) []byte) {
	return func(t *testing.T, key string, mutate func([]byte) []byte) {
		n := nodes[0]
		if len(nodes) > 1 {
			slot := n.Do("CLUSTER", "KEYSLOT", key).(int64)
			n = nodes[slot*int64(len(nodes))/16384]
		}
		b, _ := n.Do("GET", key).(string)
		n.Do("SET", key, string(mutate([]byte(b))))
	}
}

func TestConformanceSingle(t *testing.T) {
	srv := redistest.Single(t)
	kvtest.ExerciseRecords(t, func(t *testing.T) kvtest.Records {
		srv.Flush()
		s := openAt(t, srv.URL)
		return kvtest.Records{Store: s, Corrupt: corrupter(srv), Flush: func(t *testing.T) kv.Records { srv.Flush(); return s }}
	})
	kvtest.ExerciseBlobs(t, func(t *testing.T) kvtest.Blobs {
		srv.Flush()
		return kvtest.Blobs{BlobStore: openAt(t, srv.URL), Corrupt: corrupter(srv)}
	})
}

func TestConformanceCluster(t *testing.T) {
	c := redistest.Cluster(t)
	kvtest.ExerciseRecords(t, func(t *testing.T) kvtest.Records {
		c.Flush()
		s := openAt(t, c.URL)
		return kvtest.Records{Store: s, Corrupt: corrupter(c.Nodes[:]...), Flush: func(t *testing.T) kv.Records { c.Flush(); return s }}
	})
	kvtest.ExerciseBlobs(t, func(t *testing.T) kvtest.Blobs {
		c.Flush()
		return kvtest.Blobs{BlobStore: openAt(t, c.URL), Corrupt: corrupter(c.Nodes[:]...)}
	})
}

func TestDictionaries(t *testing.T) {
	t.Run("single", func(t *testing.T) {
		srv := redistest.Single(t)
		kvtest.ExerciseDictionaries(t, openAt(t, srv.URL), openAt(t, srv.URL))
		srv.Do("DEL", "dictionaries")
		got, err := openAt(t, srv.URL).Blobs(t.Context(), []kv.BlobKey{{Entity: item.Entity{Kind: "sku", ID: "d11-0"}, Blob: "item"}})
		if err != nil || !got[0].Damaged {
			t.Errorf("a value whose dictionary is lost is damaged: %v %+v", err, got)
		}
	})
	t.Run("cluster", func(t *testing.T) {
		c := redistest.Cluster(t)
		kvtest.ExerciseDictionaries(t, openAt(t, c.URL), openAt(t, c.URL))
	})
}
