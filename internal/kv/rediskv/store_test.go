package rediskv_test

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"context"

	"github.com/google/go-cmp/cmp"

	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/internal/kv/kvtest"
	"vitrine/internal/kv/rediskv"
	"vitrine/internal/redistest"
)

// shared holds the servers for all tests that neither damage nor configure theirs.
var shared redistest.Shared

func TestMain(m *testing.M) {
	kvtest.FewerChecks()
	shared.Main(m)
}

// onBoth runs a test against a single server and a Cluster. flush empties the server.
func onBoth(t *testing.T, test func(t *testing.T, s *rediskv.Store, flush func())) {
	t.Run("single", func(t *testing.T) {
		r := shared.Single(t)
		test(t, open(t, r.URL), r.Flush)
	})
	t.Run("cluster", func(t *testing.T) {
		r := shared.Cluster(t)
		test(t, open(t, r.URL), r.Flush)
	})
}

func open(t *testing.T, url string) *rediskv.Store {
	t.Helper()
	// A slow machine must not fail a test. Tests of time-outs use contexts of their own.
	s, err := rediskv.Open(t.Context(), rediskv.Config{URL: url, Log: slog.New(slog.DiscardHandler), Timeout: 20 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func sku(id string) item.Entity { return item.Entity{Kind: "sku", ID: id} }

func record(id string) kv.RecordKey { return kv.RecordKey{Entity: sku(id), Dimension: "product"} }

func alive(body string) kv.Value {
	return kv.Value{Header: kv.Header{Existence: kv.Alive, Fetched: time.UnixMilli(1_700_000_000_000)}, Body: []byte(body)}
}

func put(t *testing.T, s *rediskv.Store, puts ...kv.Put) []kv.PutResult {
	t.Helper()
	results, err := s.PutRecords(t.Context(), puts)
	if err != nil {
		t.Fatal(err)
	}
	return results
}

func read(t *testing.T, s *rediskv.Store, k kv.RecordKey) kv.Record {
	t.Helper()
	records, err := s.Records(t.Context(), []kv.RecordKey{k})
	if err != nil {
		t.Fatal(err)
	}
	return records[0]
}

func TestPutRecords(t *testing.T) {
	onBoth(t, func(t *testing.T, s *rediskv.Store, _ func()) {
		k := record("1")
		refs := kv.Refs{"brand": {IDs: []string{"8557"}}}
		first := put(t, s, kv.Put{RecordKey: k, Value: alive(`{"a":1}`), Refs: refs, Validators: kv.Validators{ETag: `"x"`}})[0]

		t.Run("stores the value, its validators, its gen and its refs", func(t *testing.T) {
			got := read(t, s, k)
			if string(got.Body) != `{"a":1}` || got.Stamp != first.Stamp || got.ETag != `"x"` {
				t.Errorf("read %+v", got)
			}
			if first.Outcome != kv.Applied || first.State.Gens["product"] == 0 || !first.State.Wanted["product"].Equal(refs) {
				t.Errorf("put answered %+v", first)
			}
		})
		t.Run("refuses a stamp that moved, and changes nothing", func(t *testing.T) {
			got := put(t, s, kv.Put{RecordKey: k, Expect: first.Stamp - 1, Value: alive(`{"a":2}`)})[0]
			if diff := cmp.Diff(kv.PutResult{Outcome: kv.Changed, Stamp: first.Stamp, State: first.State}, got); diff != "" {
				t.Error(diff)
			}
			if body := string(read(t, s, k).Body); body != `{"a":1}` {
				t.Errorf("body is %s", body)
			}
		})
		t.Run("gives the same content a new stamp and no new gen", func(t *testing.T) {
			got := put(t, s, kv.Put{RecordKey: k, Expect: first.Stamp, Value: alive(`{"a":1}`), Same: true})[0]
			if got.Outcome != kv.Same || got.Stamp <= first.Stamp || got.State.Gens["product"] != first.State.Gens["product"] {
				t.Errorf("first %+v, then %+v", first, got)
			}
			if len(got.State.Wanted["product"]) != 0 || read(t, s, k).ETag != "" {
				t.Errorf("refs or validators are left: %+v", got.State)
			}
		})
		t.Run("takes hundreds of entities at once, in order", func(t *testing.T) {
			var puts []kv.Put
			var keys []kv.RecordKey
			for i := range 1200 {
				keys = append(keys, record(fmt.Sprintf("m %d.中{}:", i)))
				puts = append(puts, kv.Put{RecordKey: keys[i], Value: alive(fmt.Sprint(i))})
			}
			results := put(t, s, puts...)
			records, err := s.Records(t.Context(), keys)
			if err != nil {
				t.Fatal(err)
			}
			for i, r := range records {
				if string(r.Body) != fmt.Sprint(i) || r.Stamp != results[i].Stamp {
					t.Fatalf("record %d is %+v, put answered %+v", i, r, results[i])
				}
			}
		})
		t.Run("refuses a life that can't be stored", func(t *testing.T) {
			if _, err := s.PutRecords(t.Context(), []kv.Put{{RecordKey: k}}); !errors.Is(err, item.ErrRefused) {
				t.Errorf("error %v", err)
			}
		})
	})
}

func TestADamagedState(t *testing.T) {
	onBoth(t, func(t *testing.T, s *rediskv.Store, _ func()) {
		e := sku("7")
		state := func() kv.State {
			t.Helper()
			states, err := s.States(t.Context(), []item.Entity{e})
			if err != nil {
				t.Fatal(err)
			}
			return states[0]
		}
		built := func(gens ...uint64) {
			t.Helper()
			for _, gen := range gens {
				if err := s.MarkBuilt(t.Context(), []kv.Built{{Entity: e, Gens: map[string]uint64{"item": gen}}}); err != nil {
					t.Fatal(err)
				}
			}
		}
		t.Run("built only rises, up to the highest gen there is", func(t *testing.T) {
			built(9, 10, 3, 1<<53-1, 1<<53-2)
			if got := state(); got.Built["item"] != 1<<53-1 || got.Damaged {
				t.Errorf("the state is %+v, want the highest gen, undamaged", got)
			}
		})
		// A built that no counter has issued is above all future gens. If it were believed, the blob would never be
		// folded again.
		t.Run("a built that was never issued is damage, and goes", func(t *testing.T) {
			built(1<<60 + 1)
			if got := state(); got.Built["item"] != 0 || !got.Damaged {
				t.Errorf("the state is %+v, want a damaged one, nothing built", got)
			}
			built(11)
			if got := state(); got.Built["item"] != 11 || got.Damaged {
				t.Errorf("the state is %+v, want a mended one, built up to 11", got)
			}
		})
		t.Run("raise gives new gens", func(t *testing.T) {
			if err := s.Raise(t.Context(), e, []string{"price", "stock"}); err != nil {
				t.Fatal(err)
			}
			before := state().Gens["price"]
			if err := s.Raise(t.Context(), e, []string{"price"}); err != nil {
				t.Fatal(err)
			}
			if got := state().Gens; got["price"] <= before || got["stock"] != before {
				t.Errorf("gens %v after %d", got, before)
			}
		})
	})
}

func TestRelations(t *testing.T) {
	onBoth(t, func(t *testing.T, s *rediskv.Store, _ func()) {
		brand := kv.Relation{Target: item.Entity{Kind: "brand", ID: "8557"}, Kind: "sku", Ref: "brand"}
		refs := kv.Refs{"brand": {IDs: []string{"8557"}}}
		var want []string
		for i := range 600 {
			id := fmt.Sprint("id-", i)
			want = append(want, id)
			if err := s.Relate(t.Context(), kv.Relate{Entity: sku(id), Dimension: "product", Add: []kv.Relation{brand}, Now: refs}); err != nil {
				t.Fatal(err)
			}
		}
		slices.Sort(want)
		for _, limit := range []int{1, 7, 100, 5000} {
			t.Run(fmt.Sprintf("pages of %d are complete", limit), func(t *testing.T) {
				var got []string
				for cursor := ""; ; {
					ids, next, err := s.Related(t.Context(), brand, cursor, limit)
					if err != nil || len(ids) > limit {
						t.Fatalf("%d ids, error %v", len(ids), err)
					}
					got = append(got, ids...)
					cursor = next
					if next == "" {
						break
					}
				}
				slices.Sort(got)
				if diff := cmp.Diff(want, got); diff != "" {
					t.Error(diff)
				}
			})
		}
		t.Run("refuses when others came first", func(t *testing.T) {
			err := s.Relate(t.Context(), kv.Relate{Entity: sku("id-0"), Dimension: "product"})
			if !errors.Is(err, item.ErrChanged) {
				t.Errorf("error %v", err)
			}
		})
		t.Run("refuses a cursor that is none", func(t *testing.T) {
			if _, _, err := s.Related(t.Context(), brand, "zz", 1); !errors.Is(err, item.ErrRefused) {
				t.Errorf("error %v", err)
			}
		})
	})
}

func TestScan(t *testing.T) {
	onBoth(t, func(t *testing.T, s *rediskv.Store, flush func()) {
		want := map[item.Entity]bool{}
		var puts []kv.Put
		for i := range 500 {
			e := sku(fmt.Sprint("s.", i))
			want[e] = true
			puts = append(puts, kv.Put{RecordKey: kv.RecordKey{Entity: e, Dimension: "price"}, Value: alive("1")})
		}
		put(t, s, puts...)
		t.Run("finds every entity", func(t *testing.T) {
			got := map[item.Entity]bool{}
			for cursor := ""; ; {
				entities, next, err := s.ScanEntities(t.Context(), cursor, 20)
				if err != nil {
					t.Fatal(err)
				}
				for _, e := range entities {
					got[e] = true
				}
				cursor = next
				if next == "" {
					break
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	})
}

func TestDamage(t *testing.T) {
	r := shared.Single(t)
	s := open(t, r.URL)
	corrupt := func(key string) {
		raw := []byte(r.Do("GET", key).(string))
		raw[len(raw)-3] ^= 0x10
		r.Do("SET", key, raw)
	}
	t.Run("of a record is told, and mended by the next put", func(t *testing.T) {
		k := record("1")
		stamp := put(t, s, kv.Put{RecordKey: k, Value: alive(`"good"`)})[0].Stamp
		corrupt(k.String())
		got := read(t, s, k)
		if !got.Damaged || got.Existence != kv.Absent || got.Stamp != stamp {
			t.Fatalf("read %+v, stamp was %d", got, stamp)
		}
		put(t, s, kv.Put{RecordKey: k, Expect: got.Stamp, Value: alive(`"new"`)})
		if got := read(t, s, k); string(got.Body) != `"new"` {
			t.Errorf("read %+v", got)
		}
	})
	t.Run("of a blob is told, and mended by a put of the same gen", func(t *testing.T) {
		k := kv.BlobKey{Entity: sku("1"), Blob: "item"}
		putBlob := func(gen uint64) bool {
			v := alive(`{}`)
			v.Stamp = gen
			stored, err := s.PutBlobs(t.Context(), []kv.BlobPut{{BlobKey: k, Value: v}})
			if err != nil {
				t.Fatal(err)
			}
			return stored[0]
		}
		if !putBlob(200) || putBlob(200) || putBlob(199) || !putBlob(1<<60) {
			t.Fatal("a blob is to be written over a lower one alone")
		}
		corrupt(k.String())
		if got, err := s.Blobs(t.Context(), []kv.BlobKey{k}); err != nil || !got[0].Damaged || got[0].Existence != kv.Absent {
			t.Fatalf("read %+v, error %v", got, err)
		}
		if !putBlob(5) {
			t.Error("the damaged blob stands")
		}
		if got, err := s.Blobs(t.Context(), []kv.BlobKey{k}); err != nil || got[0].Stamp != 5 {
			t.Errorf("read %+v, error %v", got, err)
		}
	})
}

func TestTrouble(t *testing.T) {
	t.Parallel()
	t.Run("a hung server is an error by the deadline, and heals", func(t *testing.T) {
		r := redistest.Single(t)
		s := open(t, r.URL)
		put(t, s, kv.Put{RecordKey: record("1"), Value: alive(`1`)})
		r.Pause()
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		if _, err := s.Records(ctx, []kv.RecordKey{record("1")}); !errors.Is(err, item.ErrUnavailable) {
			t.Errorf("error %v", err)
		}
		r.Resume()
		if got := read(t, s, record("1")); string(got.Body) != "1" {
			t.Errorf("read %+v", got)
		}
	})
	t.Run("a stopped server is an error that names it, and heals", func(t *testing.T) {
		r := redistest.Single(t)
		s := open(t, r.URL)
		put(t, s, kv.Put{RecordKey: record("1"), Value: alive(`1`)})
		r.Stop()
		_, err := s.Records(t.Context(), []kv.RecordKey{record("1")})
		if !errors.Is(err, item.ErrUnavailable) || !strings.Contains(err.Error(), r.Addr) {
			t.Errorf("error %v", err)
		}
		r.Start()
		if got := read(t, s, record("1")); string(got.Body) != "1" {
			t.Errorf("read %+v", got)
		}
	})
	t.Run("a store opened while Redis is away works when it comes", func(t *testing.T) {
		r := redistest.Single(t)
		r.Stop()
		s := open(t, r.URL)
		if err := s.Check(t.Context()); !errors.Is(err, item.ErrUnavailable) {
			t.Errorf("error %v", err)
		}
		r.Start()
		if err := s.Check(t.Context()); err != nil {
			t.Error(err)
		}
	})
	t.Run("one node's URL finds the Cluster", func(t *testing.T) {
		s := open(t, redistest.Cluster(t).Nodes[0].URL)
		if err := s.Check(t.Context()); err != nil {
			t.Fatal(err)
		}
		for i := range 20 {
			put(t, s, kv.Put{RecordKey: record(fmt.Sprint(i)), Value: alive(`1`)})
		}
	})
	t.Run("no memory leaves nothing half-written", func(t *testing.T) {
		r := redistest.Single(t)
		s := open(t, r.URL)
		r.Do("CONFIG", "SET", "maxmemory", "1mb")
		_, err := s.PutRecords(t.Context(), []kv.Put{{RecordKey: record("1"), Value: alive(`1`)}})
		if !errors.Is(err, item.ErrUnavailable) {
			t.Errorf("error %v", err)
		}
		if n := r.Do("DBSIZE"); n != int64(0) {
			t.Errorf("%v keys were written", n)
		}
	})
	t.Run("a cancelled context is its own error", func(t *testing.T) {
		s := open(t, redistest.Single(t).URL)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := s.Records(ctx, []kv.RecordKey{record("1")})
		if !errors.Is(err, context.Canceled) || errors.Is(err, item.ErrUnavailable) {
			t.Errorf("error %v", err)
		}
	})
	t.Run("an evicting server fails the check", func(t *testing.T) {
		r := redistest.Single(t)
		r.Do("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
		err := open(t, r.URL).Check(t.Context())
		if err == nil || !strings.Contains(err.Error(), "CONFIG SET maxmemory-policy noeviction") {
			t.Errorf("error %v", err)
		}
	})
}

func TestOpen(t *testing.T) {
	for _, url := range []string{"", "redis", "http://h:1", "redis://", "redis://h:1,/0", "redis://h:1/x",
		"redis://u:secret@h:1?cluster=maybe", "redis://u:secret@h:p%zz", "redis://u:sec%zzret@h:1", "redis://h1:1,h2:2/3",
		"redis+sentinel://u:secret@h1,h2", "redis+sentinel://h1/", "redis+sentinel://h1/a b", "redis+sentinel://h1/name/x", "redis+sentinel://h1/name?other=secret",
		"redis+sentinel://h1/name?sentinel_user=secret", "http+sentinel://h1/name", "redis+sentinel://h1,,h2/name"} {
		t.Run("refuses "+url, func(t *testing.T) {
			s, err := rediskv.Open(t.Context(), rediskv.Config{URL: url, Log: slog.New(slog.DiscardHandler)})
			if err == nil {
				s.Close()
				t.Fatal("no error")
			}
			if strings.Contains(err.Error(), "sec") {
				t.Errorf("the password is told: %v", err)
			}
		})
	}
}
