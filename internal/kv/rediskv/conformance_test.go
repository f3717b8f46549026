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

// behind edits the data of the masters without the store.
type behind []*redistest.Server

// at returns the master that holds a key's slot.
func (b behind) at(key string) *redistest.Server {
	if len(b) == 1 {
		return b[0]
	}
	slot := b[0].Do("CLUSTER", "KEYSLOT", key).(int64)
	return b[slot*int64(len(b))/16384]
}

func (b behind) corrupt(_ *testing.T, key string, mutate func([]byte) []byte) {
	n := b.at(key)
	was, _ := n.Do("GET", key).(string)
	n.Do("SET", key, string(mutate([]byte(was))))
}

func (b behind) replace(_ *testing.T, key string) {
	n := b.at(key)
	n.Do("DEL", key)
	n.Do("LPUSH", key, "no value of ours")
}

// wrecks are ways of damaging the hash of an entity that kvtest has written.
func (b behind) wrecks() map[string]func(*testing.T, item.Entity) {
	all := map[string]func(*testing.T, item.Entity){
		"another type": func(t *testing.T, e item.Entity) { b.replace(t, kv.StateKey(e)) },
	}
	for name, field := range map[string][2]string{
		"no gen": {"g:product", "x"}, "a gen that is too high": {"g:product", "18446744073709551615"}, "no built": {"b:item", "-1"},
		"no wanted": {"w:product", `{"brand":`}, "no applied": {"a:product", "[]"},
	} {
		all[name] = func(_ *testing.T, e item.Entity) { b.at(kv.StateKey(e)).Do("HSET", kv.StateKey(e), field[0], field[1]) }
	}
	return all
}

// pass lets d go by: everything expires by d earlier.
func (b behind) pass(_ *testing.T, d time.Duration) {
	for _, n := range b {
		for _, key := range n.Do("KEYS", "*").([]any) {
			switch left := n.Do("PTTL", key).(int64); {
			case left > d.Milliseconds():
				n.Do("PEXPIRE", key, left-d.Milliseconds())
			case left >= 0:
				n.Do("DEL", key)
			}
		}
	}
}

func (b behind) keys(*testing.T) (keys int) {
	for _, n := range b {
		keys += int(n.Do("DBSIZE").(int64))
	}
	return keys
}

func (b behind) records(s *rediskv.Store, flush func()) kvtest.Records {
	return kvtest.Records{
		Store: s, Corrupt: b.corrupt, Replace: b.replace, Wrecks: b.wrecks(), Pass: b.pass, Keys: b.keys,
		ReplaceList: func(t *testing.T, of kv.Relation, e item.Entity) {
			b.replace(t, of.Head())
			b.replace(t, of.Key(kv.Bucket(e.ID)))
		},
		Flush: func(*testing.T) kv.Records { flush(); return s },
	}
}

func (b behind) blobs(s *rediskv.Store) kvtest.Blobs {
	return kvtest.Blobs{BlobStore: s, Corrupt: b.corrupt, Replace: b.replace}
}

func TestConformanceSingle(t *testing.T) {
	srv := shared.Single(t)
	b := behind{srv}
	kvtest.ExerciseRecords(t, func(t *testing.T) kvtest.Records {
		srv.Flush()
		return b.records(openAt(t, srv.URL), srv.Flush)
	})
	kvtest.ExerciseBlobs(t, func(t *testing.T) kvtest.Blobs {
		srv.Flush()
		return b.blobs(openAt(t, srv.URL))
	})
}

func TestConformanceCluster(t *testing.T) {
	c := shared.Cluster(t)
	b := behind(c.Nodes[:])
	kvtest.ExerciseRecords(t, func(t *testing.T) kvtest.Records {
		c.Flush()
		return b.records(openAt(t, c.URL), c.Flush)
	})
	kvtest.ExerciseBlobs(t, func(t *testing.T) kvtest.Blobs {
		c.Flush()
		return b.blobs(openAt(t, c.URL))
	})
}

func TestDictionaries(t *testing.T) {
	t.Run("single", func(t *testing.T) {
		srv := shared.Single(t)
		kvtest.ExerciseDictionaries(t, openAt(t, srv.URL), openAt(t, srv.URL))
		srv.Do("DEL", "dictionaries")
		got, err := openAt(t, srv.URL).Blobs(t.Context(), []kv.BlobKey{{Entity: item.Entity{Kind: "sku", ID: "d11-0"}, Blob: "item"}})
		if err != nil || !got[0].Damaged {
			t.Errorf("a value whose dictionary is lost is damaged: %v %+v", err, got)
		}
	})
	t.Run("cluster", func(t *testing.T) {
		c := shared.Cluster(t)
		kvtest.ExerciseDictionaries(t, openAt(t, c.URL), openAt(t, c.URL))
	})
}

func TestLostDictionaries(t *testing.T) {
	t.Run("single", func(t *testing.T) {
		srv := shared.Single(t)
		open := func() kvtest.Dictionary { return openAt(t, srv.URL) }
		kvtest.LostDictionaries(t, open, srv.Flush)
		srv.Flush()
		kvtest.TooManyDictionaries(t, open)
	})
	t.Run("cluster", func(t *testing.T) {
		c := shared.Cluster(t)
		open := func() kvtest.Dictionary { return openAt(t, c.URL) }
		kvtest.LostDictionaries(t, open, c.Flush)
		c.Flush()
		kvtest.TooManyDictionaries(t, open)
	})
}

// TestDamagedDictionary proves that a dictionary which cannot be read makes only the values unreadable that need it.
func TestDamagedDictionary(t *testing.T) {
	srv := shared.Single(t)
	s := openAt(t, srv.URL)
	body := kvtest.Articles(1, 1)[0]
	for i, id := range []string{"before", "after"} {
		made, err := kv.Train(kvtest.Articles(400, uint64(i)), uint32(1<<20+i))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.AddDictionary(t.Context(), made); err != nil {
			t.Fatal(err)
		}
		put(t, s, kv.Put{RecordKey: record(id), Value: alive(string(body))})
	}
	srv.Do("LSET", "dictionaries", 0, "no dictionary")
	later := openAt(t, srv.URL)
	if got := read(t, later, record("before")); !got.Damaged {
		t.Errorf("without its dictionary: %+v", got)
	}
	if got := read(t, later, record("after")); string(got.Body) != string(body) {
		t.Errorf("with its dictionary: %+v", got)
	}
	put(t, later, kv.Put{RecordKey: record("before"), Expect: read(t, later, record("before")).Stamp, Value: alive(string(body))})
	if got := read(t, openAt(t, srv.URL), record("before")); string(got.Body) != string(body) {
		t.Errorf("put again: %+v", got)
	}
}
