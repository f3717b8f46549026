package rediskv_test

import (
	"fmt"
	"testing"

	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/internal/redistest"
)

func mustParts(t *testing.T, s kv.Lineage) []kv.Shard {
	t.Helper()
	parts, err := s.Parts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return parts
}

// TestARollBackShowsInTheLineage proves that a server restored from a snapshot has another run id, and the mark that
// the snapshot had.
func TestARollBackShowsInTheLineage(t *testing.T) {
	t.Parallel()
	srv := redistest.Single(t, "--appendonly", "no")
	s := openAt(t, srv.URL)
	mark := func(text string) {
		if err := s.Mark(t.Context(), mustParts(t, s), []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	mark("in the snapshot")
	before := mustParts(t, s)
	srv.Do("SAVE")
	mark("later")
	srv.Stop()
	srv.Start()
	after := mustParts(t, s)
	if len(after) != 1 || after[0].Epoch != before[0].Epoch || after[0].Run == before[0].Run || string(after[0].Mark) != "in the snapshot" {
		t.Errorf("it was %+v, and is %+v", before, after)
	}
}

// TestEachMasterHasALineageOfItsOwn proves that a master of a Cluster which was emptied or restarted can be told from
// the others.
func TestEachMasterHasALineageOfItsOwn(t *testing.T) {
	t.Parallel()
	c := redistest.Cluster(t)
	s := openAt(t, c.URL)
	before := mustParts(t, s)
	if err := s.Mark(t.Context(), before, []byte("here")); err != nil {
		t.Fatal(err)
	}
	changed := func(other func(was, is kv.Shard) bool) (n int) {
		for i, is := range mustParts(t, s) {
			if other(before[i], is) {
				n++
			}
		}
		return n
	}
	c.Nodes[1].Flush()
	if n := changed(func(was, is kv.Shard) bool { return was.Epoch != is.Epoch && is.Mark == nil }); n < 20 || n > 22 {
		t.Errorf("%d of %d parts tell of the flush of one master of three", n, len(before))
	}
	c.Nodes[2].Stop()
	c.Nodes[2].Start()
	c.Await()
	if n := changed(func(was, is kv.Shard) bool { return was.Run != is.Run }); n < 20 || n > 22 {
		t.Errorf("%d of %d parts tell of the restart of one master of three", n, len(before))
	}
}

// TestScansSurviveARestart proves that a scan visits every entity though the servers restart meanwhile and no longer
// know its cursor.
func TestScansSurviveARestart(t *testing.T) {
	t.Parallel()
	for _, cluster := range []bool{false, true} {
		t.Run(fmt.Sprintf("cluster %v", cluster), func(t *testing.T) {
			var s kv.Records
			var nodes []*redistest.Server
			await := func() {}
			if cluster {
				c := redistest.Cluster(t)
				s, nodes, await = openAt(t, c.URL), c.Nodes[:], c.Await
			} else {
				srv := redistest.Single(t)
				s, nodes = openAt(t, srv.URL), []*redistest.Server{srv}
			}
			var puts []kv.Put
			for i := range 2000 {
				puts = append(puts, kv.Put{RecordKey: record(fmt.Sprint(i)), Value: kv.Value{Header: kv.Header{Existence: kv.Alive}, Body: []byte(`1`)}})
			}
			if _, err := s.PutRecords(t.Context(), puts); err != nil {
				t.Fatal(err)
			}
			seen := map[item.Entity]bool{}
			for page, cursor := 0, ""; page == 0 || cursor != ""; page++ {
				some, next, err := s.ScanEntities(t.Context(), cursor, 100)
				if err != nil {
					t.Fatal(err)
				}
				for _, e := range some {
					seen[e] = true
				}
				cursor = next
				if page == 3 {
					for _, n := range nodes {
						n.Stop()
						n.Start()
					}
					await()
				}
			}
			if len(seen) != len(puts) {
				t.Errorf("%d of %d entities were found", len(seen), len(puts))
			}
		})
	}
}
