package boltkv_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/internal/kv/boltkv"
	"vitrine/internal/kv/kvtest"
)

// ofEach returns an id whose entity is in each file, by file.
func ofEach(s *boltkv.Shards) []string {
	ids := make([]string, len(s.Files()))
	for i := 0; slices.Contains(ids, ""); i++ {
		ids[s.Of(key(fillID(i)).Entity)] = fillID(i)
	}
	return ids
}

func putsOf(ids []string) (puts []kv.Put) {
	for _, id := range ids {
		puts = append(puts, kv.Put{RecordKey: key(id), Value: alive(`1`)})
	}
	return puts
}

// TestShardsOnDisk proves that a store's files keep what was stored, that one file is the file of earlier versions, and that a
// folder is refused, and left as it is, if its files are others.
func TestShardsOnDisk(t *testing.T) {
	t.Run("one file is that of Open", func(t *testing.T) {
		dir := t.TempDir()
		single, err := boltkv.Open(t.Context(), filepath.Join(dir, "store.db"), boltkv.Options{Log: quiet()})
		if err != nil {
			t.Fatal(err)
		}
		put(t, single, "1", `1`)
		before, err := single.Parts(t.Context())
		if err := errors.Join(err, single.Close()); err != nil {
			t.Fatal(err)
		}
		s := openShards(t, dir, 1, fast)
		after, err := s.Parts(t.Context())
		if err != nil || read(t, s, "1").Existence != kv.Alive || after[0].Name != before[0].Name || after[0].Epoch != before[0].Epoch {
			t.Errorf("%+v became %+v; error %v", before, after, err)
		}
	})
	t.Run("several keep everything", func(t *testing.T) {
		dir := t.TempDir()
		s := openShards(t, dir, 4, fast)
		ids := ofEach(s)
		if _, err := s.PutRecords(t.Context(), putsOf(ids)); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = openShards(t, dir, 4, fast)
		for i, id := range ids {
			if s.Of(key(id).Entity) != i || read(t, s, id).Existence != kv.Alive {
				t.Errorf("%s of file %d is not there", id, i)
			}
		}
	})
	for have, want := range map[int]int{1: 4, 4: 1, 3: 4} {
		t.Run(fmt.Sprintf("%d are not opened as %d", have, want), func(t *testing.T) {
			dir := t.TempDir()
			s := openShards(t, dir, have, fast)
			put(t, s, "1", `1`)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			_, err := boltkv.OpenShards(t.Context(), dir, want, boltkv.Options{Log: quiet()})
			if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("open it with %d", have)) || !strings.Contains(err.Error(), dir) {
				t.Fatalf("error %v", err)
			}
			if found, err := filepath.Glob(filepath.Join(dir, "*")); err != nil || len(found) != have {
				t.Errorf("the folder has %v, %v", found, err)
			}
			if again := openShards(t, dir, have, fast); read(t, again, "1").Existence != kv.Alive {
				t.Error("what was stored is not there")
			}
		})
	}
	t.Run("files that have changed places are refused", func(t *testing.T) {
		dir := t.TempDir()
		if err := openShards(t, dir, 2, fast).Close(); err != nil {
			t.Fatal(err)
		}
		first, second, aside := filepath.Join(dir, "store-1-of-2.db"), filepath.Join(dir, "store-2-of-2.db"), filepath.Join(dir, "aside")
		if err := errors.Join(os.Rename(first, aside), os.Rename(second, first), os.Rename(aside, second)); err != nil {
			t.Fatal(err)
		}
		_, err := boltkv.OpenShards(t.Context(), dir, 2, boltkv.Options{Log: quiet()})
		if err == nil || !strings.Contains(err.Error(), "file 2 of 2") || !strings.Contains(err.Error(), first) {
			t.Errorf("error %v", err)
		}
	})
	t.Run("a number of files out of bounds", func(t *testing.T) {
		for _, n := range []int{-1, 0, boltkv.MaxShards + 1} {
			if _, err := boltkv.OpenShards(t.Context(), t.TempDir(), n, boltkv.Options{Log: quiet()}); err == nil {
				t.Errorf("%d: no error", n)
			}
		}
	})
}

// TestALostShard removes one file of three while nothing runs. The others keep what they have; the new one is a part of another
// life, so that what it had is fetched again, and has the dictionaries of the others.
func TestALostShard(t *testing.T) {
	dir := t.TempDir()
	s := openShards(t, dir, 3, fast)
	kvtest.ExerciseDictionaries(t, s, s)
	dictionaries, err := s.Dictionaries(t.Context())
	if err != nil || len(dictionaries) == 0 {
		t.Fatal(len(dictionaries), err)
	}
	ids := ofEach(s)
	if _, err := s.PutRecords(t.Context(), putsOf(ids)); err != nil {
		t.Fatal(err)
	}
	before, err := s.Parts(t.Context())
	if err := errors.Join(err, s.Mark(t.Context(), before, []byte("here")), s.Close(), os.Remove(filepath.Join(dir, "store-2-of-3.db"))); err != nil {
		t.Fatal(err)
	}
	s = openShards(t, dir, 3, fast)
	after, err := s.Parts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i, id := range ids {
		lost := i == 1
		if (read(t, s, id).Existence == kv.Absent) != lost || (after[i].Epoch != before[i].Epoch) != lost || (after[i].Mark == nil) != lost {
			t.Errorf("file %d, lost %t: %+v became %+v", i, lost, before[i], after[i])
		}
		if has, err := s.Files()[i].Dictionaries(t.Context()); err != nil || len(has) != len(dictionaries) {
			t.Errorf("file %d has %d dictionaries, %v", i, len(has), err)
		}
	}
}

// TestShardsWriteByThemselves proves that a file which can't commit holds up no other, and that a batch over all files stores what
// can be stored and names what could not.
func TestShardsWriteByThemselves(t *testing.T) {
	s := openShards(t, t.TempDir(), 3, fast)
	ids := ofEach(s)
	release := s.Files()[0].Hold(t.Context())
	put(t, s, ids[1], `1`)
	if got := read(t, s, ids[1]); got.Existence != kv.Alive {
		t.Errorf("beside a file that is held: %+v", got)
	}
	if err := errors.Join(release(), s.Files()[2].Close()); err != nil {
		t.Fatal(err)
	}
	puts := putsOf(ids)
	puts[1].Expect = read(t, s, ids[1]).Stamp
	results, err := s.PutRecords(t.Context(), puts)
	partial := (*kv.PartialError)(nil)
	if !errors.As(err, &partial) || partial.Items[0] != nil || partial.Items[1] != nil || !errors.Is(partial.Items[2], item.ErrUnavailable) {
		t.Fatalf("error %v", err)
	}
	if results[0].Outcome != kv.Applied || results[1].Outcome != kv.Applied {
		t.Errorf("results %+v", results)
	}
	records, err := s.Records(t.Context(), []kv.RecordKey{key(ids[2]), key(ids[0])})
	if !errors.As(err, &partial) || partial.Items[0] == nil || partial.Items[1] != nil || records[1].Existence != kv.Alive {
		t.Errorf("records %+v, error %v", records, err)
	}
	if _, err := s.States(t.Context(), []item.Entity{key(ids[2]).Entity}); errors.As(err, &partial) || !errors.Is(err, item.ErrUnavailable) {
		t.Errorf("of one key: %v", err)
	}
}

// TestAScanOverAShardThatFails proves that a scan gives the entities of the other files, and an error once, and that a list with
// members in such a file fails.
func TestAScanOverAShardThatFails(t *testing.T) {
	s := openShards(t, t.TempDir(), 3, fast)
	ids := ofEach(s)
	if _, err := s.PutRecords(t.Context(), putsOf(ids)); err != nil {
		t.Fatal(err)
	}
	if err := s.Files()[1].Close(); err != nil {
		t.Fatal(err)
	}
	var seen []string
	failures := 0
	for cursor, first := "", true; first || cursor != ""; first = false {
		entities, next, err := s.ScanEntities(t.Context(), cursor, 10)
		if err != nil {
			failures++
		}
		for _, e := range entities {
			seen = append(seen, e.ID)
		}
		cursor = next
	}
	if !slices.Equal(seen, []string{ids[0], ids[2]}) || failures != 1 {
		t.Errorf("%v of %v were seen, with %d errors", seen, ids, failures)
	}
	of := kv.Relation{Target: item.Entity{Kind: "brand", ID: "7"}, Kind: "sku", Ref: "brand"}
	if _, next, err := s.Related(t.Context(), of, "", 10); err == nil || next != "" {
		t.Errorf("a list: cursor %q, error %v", next, err)
	}
	for _, cursor := range []string{"3/", "-1/", "x", "1", "99999999999999999999/"} {
		if _, _, err := s.ScanBlobs(t.Context(), cursor, 10); !errors.Is(err, item.ErrRefused) {
			t.Errorf("cursor %q: %v", cursor, err)
		}
	}
}
