package boltkv_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/internal/kv/boltkv"
	"vitrine/internal/kv/kvtest"
)

const (
	bulk     = 40
	bulkSize = 1_000_000 // bytes of each
	kept     = 20
)

func smallKey(i int) kv.BlobKey {
	return kv.BlobKey{Entity: item.Entity{Kind: "sku", ID: fillID(i)}, Blob: "item"}
}

func putBlob(t *testing.T, s *boltkv.Store, i int, gen uint64, body string) {
	t.Helper()
	v := alive(body)
	v.Stamp = gen
	if _, err := s.PutBlobs(t.Context(), []kv.BlobPut{{BlobKey: smallKey(i), Value: v}}); err != nil {
		t.Fatal(err)
	}
}

// grown returns a store whose file was large, and which has little left in it.
func grown(t *testing.T, opt boltkv.Options) (s *boltkv.Store, bodies []string) {
	t.Helper()
	s = open(t, file(t), opt)
	for _, value := range [][]byte{make([]byte, bulkSize), nil} {
		for i := range bulk {
			if err := s.SetMeta(t.Context(), fmt.Sprint(i), value); err != nil {
				t.Fatal(err)
			}
		}
	}
	for i := range kept {
		bodies = append(bodies, fmt.Sprintf(`{"n":%d}`, i))
		putBlob(t, s, i, 1, bodies[i])
		put(t, s, fillID(i), bodies[i])
	}
	return s, bodies
}

// holds compares the contents of a store with bodies.
func holds(t *testing.T, s *boltkv.Store, bodies []string) {
	t.Helper()
	for i, want := range bodies {
		got, err := s.Blobs(t.Context(), []kv.BlobKey{smallKey(i)})
		if err != nil || string(got[0].Body) != want {
			t.Errorf("blob %d has %d bytes, want %d; error %v", i, len(got[0].Body), len(want), err)
		}
		if r := read(t, s, fillID(i)); r.Existence != kv.Alive {
			t.Errorf("record %d is gone", i)
		}
	}
	for _, bucket := range []string{"blob", "rec", "gen"} {
		if n, err := s.Count(t.Context(), bucket); err != nil || n != len(bodies) {
			t.Errorf("%d keys in %s, error %v", n, bucket, err)
		}
	}
}

func left(t *testing.T, s *boltkv.Store) bool {
	_, err := os.Stat(s.Path() + ".compacting")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	return err == nil
}

// TestCompact proves that a file which was large shrinks without being asked, while reads and writes go on.
func TestCompact(t *testing.T) {
	s, bodies := grown(t, boltkv.Options{NoSync: true, Janitor: time.Millisecond, Compact: 1 << 20})
	large := int64(bulk * bulkSize)
	ctx, stop := context.WithCancel(t.Context())
	var reading sync.WaitGroup
	for range 2 {
		reading.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				if got, err := s.Blobs(t.Context(), []kv.BlobKey{smallKey(i % kept)}); err != nil || got[0].Existence != kv.Alive {
					t.Errorf("blob %d: life %d, error %v", i%kept, got[0].Existence, err)
					return
				}
			}
		})
	}
	gen := uint64(1)
	until(t, "a small file", func() bool {
		gen++
		i := int(gen) % kept
		bodies[i] = strings.Replace(bodies[i], `{"n":`, `{"n":1`, 1)
		putBlob(t, s, i, gen, bodies[i])
		return s.Size() < large/2 && !left(t, s)
	})
	stop()
	reading.Wait()
	holds(t, s, bodies)
	if s.Free() > large/2 {
		t.Errorf("%d bytes are free in a file of %d", s.Free(), s.Size())
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	again := open(t, s.Path(), boltkv.Options{OnQuarantine: func(aside string) { t.Errorf("set aside as %s", aside) }})
	holds(t, again, bodies)
}

// TestCompactWithoutRoom proves that the file stays as it is if the disk has no room for a second one, and that the
// next attempt comes an hour later.
func TestCompactWithoutRoom(t *testing.T) {
	var asked, looks, passed atomic.Int64
	began := time.Now()
	s, bodies := grown(t, boltkv.Options{
		NoSync: true, Janitor: time.Millisecond, Compact: 1 << 20,
		Now: func() time.Time {
			looks.Add(1)
			return began.Add(time.Duration(passed.Load()))
		},
		Room: func(string) (uint64, error) {
			asked.Add(1)
			return 1 << 20, nil
		},
	})
	large := s.Size()
	for hour := range int64(2) {
		until(t, "a look at the disk", func() bool { return asked.Load() > hour })
		seen := looks.Load()
		until(t, "more looks", func() bool { return looks.Load() > seen+10 })
		if n := asked.Load(); n != hour+1 {
			t.Errorf("the disk was asked %d times in %d hours", n, hour)
		}
		passed.Add(int64(time.Hour))
	}
	if s.Size() != large || left(t, s) {
		t.Errorf("the file has %d bytes, want %d", s.Size(), large)
	}
	holds(t, s, bodies)
}

// churned compacts a store again and again until the test ends.
func churned(t *testing.T, s *boltkv.Store) *boltkv.Store {
	ended := make(chan struct{})
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		defer close(ended)
		for s.CompactNow(ctx) == nil {
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	return s
}

// TestStoreThatIsCompacted runs the conformance suite over a store that is being compacted all the time.
func TestStoreThatIsCompacted(t *testing.T) {
	t.Run("records", func(t *testing.T) {
		exerciseRecords(t, func(t *testing.T, opt boltkv.Options) subject { return churned(t, open(t, file(t), opt)) })
	})
	t.Run("blobs", func(t *testing.T) {
		exerciseBlobs(t, func(t *testing.T, opt boltkv.Options) subject { return churned(t, open(t, file(t), opt)) })
	})
	t.Run("dictionaries", func(t *testing.T) {
		s := churned(t, open(t, file(t), fast))
		kvtest.ExerciseDictionaries(t, s, s)
	})
}

// TestKilledWhileCompacting proves that a process killed during a compaction leaves an intact file, and that the next
// start removes the other one.
func TestKilledWhileCompacting(t *testing.T) {
	path := file(t)
	upTo, middle := 0, 0
	until(t, "three kills in the middle", func() bool {
		upTo += 10
		kill(t, path, upTo, compactEnv+"=1")
		if _, err := os.Stat(path + ".compacting"); err == nil {
			middle++
		}
		s, err := boltkv.Open(t.Context(), path, boltkv.Options{Log: quiet(), OnQuarantine: func(aside string) { t.Errorf("set aside as %s", aside) }})
		if err != nil {
			t.Fatal(err)
		}
		for i := range upTo + 1 {
			if got := read(t, s, fillID(i)); string(got.Body) != fillBody(i) {
				t.Fatalf("record %d was stored, and is %q", i, got.Body)
			}
		}
		if left(t, s) {
			t.Fatal("what the crash left of the other file is there")
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		return middle >= 3
	})
}

// TestTheLockOfAReplacedFile proves that a process which waited for the lock of a file opens the new
// file, not the replaced one, which nobody else would ever see.
func TestTheLockOfAReplacedFile(t *testing.T) {
	path := file(t)
	if err := open(t, path, boltkv.Options{}).Close(); err != nil {
		t.Fatal(err)
	}
	body, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path+".compacting", body, 0o600); err != nil {
		t.Fatal(err)
	}
	first, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	opened := make(chan error, 1)
	go func() { opened <- boltkv.OpenBolt(path, 10*time.Minute) }()
	until(t, "a second one to have the file open", func() bool { return descriptors(t, path) == 2 })
	if err := os.Rename(path+".compacting", path); err != nil {
		t.Fatal(err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-opened; !errors.Is(err, berrors.ErrTimeout) {
		t.Errorf("who waited has the replaced file: %v", err)
	}
	if err := boltkv.OpenBolt(path, time.Minute); err != nil {
		t.Errorf("the file that took its place: %v", err)
	}
}

// descriptors returns how many of this process's descriptors are of the file at path.
func descriptors(t *testing.T, path string) (n int) {
	t.Helper()
	there, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	for fd := range 1024 {
		if is, err := os.Stat(fmt.Sprintf("/proc/self/fd/%d", fd)); err == nil && os.SameFile(is, there) {
			n++
		}
	}
	return n
}
