package boltkv_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/internal/kv/boltkv"
)

func TestOpen(t *testing.T) {
	t.Run("keeps what was stored, its epoch and its mark, in another run", func(t *testing.T) {
		path := file(t)
		first, err := boltkv.Open(t.Context(), path, boltkv.Options{Log: quiet()})
		if err != nil {
			t.Fatal(err)
		}
		was := put(t, first, "1", `{"a":1}`)
		before, err := first.Parts(t.Context())
		if err := errors.Join(err, first.Mark(t.Context(), before, []byte("here")), first.Close()); err != nil {
			t.Fatal(err)
		}
		second := open(t, path, boltkv.Options{OnQuarantine: func(aside string) { t.Errorf("set aside as %s", aside) }})
		got := read(t, second, "1")
		after, err := second.Parts(t.Context())
		if string(got.Body) != `{"a":1}` || got.Stamp != was.Stamp || err != nil {
			t.Errorf("body %s, stamp %d, want %d; error %v", got.Body, got.Stamp, was.Stamp, err)
		}
		if after[0].Epoch != before[0].Epoch || after[0].Run == before[0].Run || string(after[0].Mark) != "here" {
			t.Errorf("it was %+v, and is %+v", before[0], after[0])
		}
	})
	t.Run("of a locked file names it, and leaves it", func(t *testing.T) {
		path := file(t)
		first := open(t, path, boltkv.Options{})
		put(t, first, "1", `1`)
		_, err := boltkv.Open(t.Context(), path, boltkv.Options{
			Log: quiet(), Lock: 10 * time.Millisecond, OnQuarantine: func(string) { t.Error("it was set aside") },
		})
		if !errors.Is(err, item.ErrUnavailable) || !strings.Contains(fmt.Sprint(err), path) || !strings.Contains(fmt.Sprint(err), "another process") {
			t.Errorf("error %v", err)
		}
		if got := read(t, first, "1"); string(got.Body) != `1` {
			t.Errorf("body %q", got.Body)
		}
	})
	for name, path := range map[string]string{"a folder": t.TempDir(), "a file in no folder": t.TempDir() + "/none/store.db"} {
		t.Run("refuses "+name, func(t *testing.T) {
			s, err := boltkv.Open(t.Context(), path, boltkv.Options{Log: quiet()})
			if err == nil {
				s.Close()
			}
			if err == nil || !strings.Contains(err.Error(), path) {
				t.Errorf("error %v does not name %s", err, path)
			}
		})
	}
	t.Run("refuses an ended context, and options without a log", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := boltkv.Open(ctx, file(t), boltkv.Options{Log: quiet()}); !errors.Is(err, context.Canceled) {
			t.Errorf("ended context: %v", err)
		}
		if _, err := boltkv.Open(t.Context(), file(t), boltkv.Options{}); err == nil {
			t.Error("no log: no error")
		}
	})
}

func TestClose(t *testing.T) {
	s := open(t, file(t), boltkv.Options{})
	put(t, s, "1", `1`)
	for range 2 {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	_, err := s.PutRecords(t.Context(), []kv.Put{{RecordKey: key("2"), Value: alive(`1`)}})
	if !errors.Is(err, item.ErrUnavailable) {
		t.Errorf("put after Close: %v", err)
	}
	if _, err := s.Records(t.Context(), []kv.RecordKey{key("1")}); !errors.Is(err, item.ErrUnavailable) {
		t.Errorf("read after Close: %v", err)
	}
}

func TestCloseStoresWaitingWrites(t *testing.T) {
	for range 8 { // the writer may see either the end or the queue first
		s := open(t, file(t), boltkv.Options{NoSync: true})
		release := s.Hold(t.Context())
		var group sync.WaitGroup
		for i := range 5 {
			group.Go(func() { put(t, s, fmt.Sprint(i), `1`) })
		}
		until(t, "the callers", func() bool { return s.Waiting() == 5 })
		closed := make(chan error)
		go func() { closed <- s.Close() }()
		until(t, "Close", s.Closing)
		if err := errors.Join(release(), <-closed); err != nil {
			t.Fatal(err)
		}
		group.Wait()
	}
}

// TestCloseUnderLoad proves that what was stored without an error before or during Close is there afterwards.
func TestCloseUnderLoad(t *testing.T) {
	path := file(t)
	s := open(t, path, boltkv.Options{})
	var group sync.WaitGroup
	started, stored := make(chan struct{}, 1000), make([][]string, 8)
	for i := range stored {
		group.Go(func() {
			for n := 0; ; n++ {
				id := fmt.Sprintf("%d-%d", i, n)
				_, err := s.PutRecords(t.Context(), []kv.Put{{RecordKey: key(id), Value: alive(`1`)}})
				if errors.Is(err, item.ErrUnavailable) {
					return
				}
				if err != nil {
					t.Errorf("put: %v", err)
					return
				}
				stored[i] = append(stored[i], id)
				select {
				case started <- struct{}{}:
				default:
				}
			}
		})
	}
	for range 40 {
		<-started
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	group.Wait()
	again := open(t, path, boltkv.Options{})
	for _, ids := range stored {
		for _, id := range ids {
			if read(t, again, id).Existence != kv.Alive {
				t.Errorf("%s was stored and is not there", id)
			}
		}
	}
}

func TestGroup(t *testing.T) {
	t.Run("a caller that fails does not fail the others", func(t *testing.T) {
		s := open(t, file(t), boltkv.Options{})
		release := s.Hold(t.Context())
		var group sync.WaitGroup
		errs := make([]error, 3)
		group.Go(func() { _, errs[0] = s.PutRecords(t.Context(), []kv.Put{{RecordKey: key("1"), Value: alive(`1`)}}) })
		group.Go(func() {
			errs[1] = s.Relate(t.Context(), kv.Relate{Entity: key("2").Entity, Dimension: "product", Was: kv.Refs{"brand": {IDs: []string{"x"}}}})
		})
		group.Go(func() { errs[2] = s.SetMeta(t.Context(), "name", []byte("value")) })
		until(t, "the group", func() bool { return s.Waiting() == 3 })
		if err := release(); err != nil {
			t.Fatal(err)
		}
		group.Wait()
		if errs[0] != nil || !errors.Is(errs[1], item.ErrChanged) || errs[2] != nil {
			t.Errorf("errors %v", errs)
		}
		if got := read(t, s, "1"); string(got.Body) != `1` {
			t.Errorf("body %q", got.Body)
		}
	})
	t.Run("a caller that goes before its group begins has stored nothing", func(t *testing.T) {
		s := open(t, file(t), boltkv.Options{})
		release := s.Hold(t.Context())
		ctx, cancel := context.WithCancel(t.Context())
		gone := make(chan error)
		go func() {
			_, err := s.PutRecords(ctx, []kv.Put{{RecordKey: key("1"), Value: alive(`1`)}})
			gone <- err
		}()
		until(t, "the caller", func() bool { return s.Waiting() == 1 })
		cancel()
		if err := <-gone; !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
		if err := release(); err != nil {
			t.Fatal(err)
		}
		put(t, s, "2", `2`) // queued behind it
		if got := read(t, s, "1"); got.Existence != kv.Absent {
			t.Errorf("it was stored: %s", got.Body)
		}
	})
	for size, want := range map[int]int{3: 7, 0: 1} { // 0 is the default
		t.Run(fmt.Sprintf("20 callers that wait, with a bound of %d, are stored by %d transactions", size, want), func(t *testing.T) {
			s := open(t, file(t), boltkv.Options{Group: size})
			release := s.Hold(t.Context())
			var group sync.WaitGroup
			for i := range 20 {
				group.Go(func() { put(t, s, fmt.Sprint(i), `1`) })
			}
			until(t, "all callers", func() bool { return s.Waiting() == 20 })
			before, err := s.Transactions(t.Context())
			if err := errors.Join(err, release()); err != nil {
				t.Fatal(err)
			}
			group.Wait()
			after, err := s.Transactions(t.Context())
			if after-before != want+1 || err != nil { // plus the one that was blocked
				t.Errorf("%d transactions, error %v", after-before-1, err)
			}
			if n, err := s.Count(t.Context(), "rec"); n != 20 || err != nil {
				t.Errorf("%d records, error %v", n, err)
			}
		})
	}
}

func TestTombstones(t *testing.T) {
	due := func(life kv.Existence) kv.Value {
		return kv.Value{Header: kv.Header{Existence: life, Stamp: 9, Fetched: time.Now().Add(-life.Keep() - time.Minute)}}
	}
	kept := func(life kv.Existence) kv.Value {
		return kv.Value{Header: kv.Header{Existence: life, Stamp: 9, Fetched: time.Now().Add(-life.Keep() + time.Hour/2)}}
	}
	blob := kv.BlobKey{Entity: key("1").Entity, Blob: "item"}
	store := func(t *testing.T, s *boltkv.Store, v kv.Value) {
		t.Helper()
		if _, err := s.PutRecords(t.Context(), []kv.Put{{RecordKey: key("1"), Value: v}}); err != nil {
			t.Fatal(err)
		}
		if _, err := s.PutBlobs(t.Context(), []kv.BlobPut{{BlobKey: blob, Value: v}}); err != nil {
			t.Fatal(err)
		}
	}
	for _, life := range []kv.Existence{kv.Gone, kv.Unknown} {
		t.Run(fmt.Sprintf("of life %d is absent once its time is past", life), func(t *testing.T) {
			s := open(t, file(t), boltkv.Options{})
			store(t, s, due(life))
			if diff := cmp.Diff(kv.Record{}, read(t, s, "1")); diff != "" {
				t.Errorf("record:\n%s", diff)
			}
			if got, err := s.Blobs(t.Context(), []kv.BlobKey{blob}); err != nil || got[0].Existence != kv.Absent {
				t.Errorf("blob %+v, error %v", got, err)
			}
			put(t, s, "1", `1`) // over stamp 0
			stored, err := s.PutBlobs(t.Context(), []kv.BlobPut{{BlobKey: blob, Value: kv.Value{Header: kv.Header{Existence: kv.Alive, Stamp: 1}}}})
			if err != nil || !stored[0] {
				t.Errorf("a lower gen over it: %v, error %v", stored, err)
			}
		})
		t.Run(fmt.Sprintf("of life %d is there until then", life), func(t *testing.T) {
			s := open(t, file(t), boltkv.Options{})
			store(t, s, kept(life))
			if got := read(t, s, "1"); got.Existence != life {
				t.Errorf("life %d", got.Existence)
			}
		})
	}
	t.Run("are removed in the end, and nothing else is", func(t *testing.T) {
		s := open(t, file(t), boltkv.Options{Janitor: time.Millisecond})
		store(t, s, due(kv.Gone))
		old := alive(`1`)
		old.Fetched = time.Now().Add(-10 * kv.KeepGone)
		if _, err := s.PutRecords(t.Context(), []kv.Put{{RecordKey: key("2"), Value: old}, {RecordKey: key("3"), Value: kept(kv.Unknown)}}); err != nil {
			t.Fatal(err)
		}
		until(t, "the janitor", func() bool {
			records, err := s.Count(t.Context(), "rec")
			blobs, err2 := s.Count(t.Context(), "blob")
			if err := errors.Join(err, err2); err != nil {
				t.Fatal(err)
			}
			return records == 2 && blobs == 0
		})
		if read(t, s, "2").Existence != kv.Alive || read(t, s, "3").Existence != kv.Unknown {
			t.Error("the janitor took too much")
		}
	})
}

// TestLostGens proves that the syncer folds an entity anew when its gens are lost, though its record is unchanged.
func TestLostGens(t *testing.T) {
	for name, mutate := range map[string]func([]byte) []byte{
		"flipped":   func(b []byte) []byte { b[len(b)-5] ^= 1; return b },
		"cut short": func(b []byte) []byte { return b[:3] },
		"emptied":   func(b []byte) []byte { return b[:0] },
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, file(t), boltkv.Options{})
			was := put(t, s, "1", `1`)
			if err := s.Corrupt(t.Context(), kv.StateKey(key("1").Entity), mutate); err != nil {
				t.Fatal(err)
			}
			states, err := s.States(t.Context(), []item.Entity{key("1").Entity})
			if diff := cmp.Diff([]kv.State{{Damaged: true}}, states); diff != "" || err != nil {
				t.Fatalf("damaged state is believed, error %v:\n%s", err, diff)
			}
			r, err := s.PutRecords(t.Context(), []kv.Put{{RecordKey: key("1"), Expect: was.Stamp, Value: alive(`1`), Same: true}})
			if err != nil || r[0].State.Gens["product"] <= was.State.Gens["product"] {
				t.Errorf("error %v, gens %v after %v", err, r[0].State.Gens, was.State.Gens)
			}
		})
	}
}

func TestMeta(t *testing.T) {
	s := open(t, file(t), boltkv.Options{})
	for _, name := range []string{"mirror-position", "", "vitrine", "a:b/c", "商品"} {
		if got, err := s.Meta(t.Context(), name); got != nil || err != nil {
			t.Errorf("%q before: %q, error %v", name, got, err)
		}
		for _, want := range []string{"a", "", "b\x00c"} {
			if err := s.SetMeta(t.Context(), name, []byte(want)); err != nil {
				t.Fatal(err)
			}
			if got, err := s.Meta(t.Context(), name); string(got) != want || err != nil {
				t.Errorf("%q: %q, want %q, error %v", name, got, want, err)
			}
		}
	}
	if info, err := os.Stat(s.Path()); err != nil || s.Size() != info.Size() || s.Size() == 0 {
		t.Errorf("size %d, error %v", s.Size(), err)
	}
}
