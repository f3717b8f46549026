package lineage_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vitrine/internal/bus"
	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/internal/kv/boltkv"
	"vitrine/internal/lineage"
	"vitrine/internal/redistest"
)

// loseQueue deletes and creates CHANGES.
func (r *room) loseQueue() {
	r.t.Helper()
	if err := r.js.DeleteStream(r.t.Context(), bus.Changes); err != nil {
		r.t.Fatal(err)
	}
	if err := r.conn.Ensure(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
}

// forgetHistory removes the messages of HISTORY.
func (r *room) forgetHistory() {
	r.t.Helper()
	history, err := r.js.Stream(r.t.Context(), bus.History)
	if err != nil {
		r.t.Fatal(err)
	}
	if err := history.Purge(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
}

// TestEverythingIsAnnounced proves that after the loss of a queue each entity is announced once: those that upstreams
// list, and those that only the store has, though HISTORY does not name them.
func TestEverythingIsAnnounced(t *testing.T) {
	t.Parallel()
	r := bolt(t)
	r.upstream.pages["sku"] = [][]string{{"1", "2"}, {"3"}}
	r.look()
	r.change("sku", "price", "1")
	r.change("sku", "price", "deleted")
	r.change("brand", "brand", "7")
	r.inHistory()
	r.look()
	r.expect()
	r.forgetHistory()
	r.loseQueue()
	r.look()
	r.expect(append(all("sku", "1", "2", "3", "deleted"), all("brand", "7")...)...)
	if r.look(); r.mended != 1 {
		t.Errorf("what a repair calls for in the end was called for %d times", r.mended)
	}
	r.look()
	r.expect()
}

// TestAWalkWaitsOutALag covers a change that was published just before a loss and is lost together with its second
// look. The walk grants no second look, so its announcements must wait until no replica lags any more. If only a
// store lost something, they come at once.
func TestAWalkWaitsOutALag(t *testing.T) {
	t.Parallel()
	r := bolt(t)
	r.upstream.pages["sku"] = [][]string{{"1"}}
	r.look()
	r.change("sku", "price", "1")
	r.inHistory()
	r.look()
	r.expect()
	r.agent.Lag = time.Hour
	r.loseQueue()
	r.look()
	r.look()
	r.expect()
	r.agent.Lag = time.Nanosecond
	r.look()
	r.expect(all("sku", "1")...)
}

// TestChangesJustBeforeAFlushAreReplayed covers a lost record whose replica may still lag when the
// walk asks it. The change must be replayed, and what is replayed gets a second look.
func TestChangesJustBeforeAFlushAreReplayed(t *testing.T) {
	t.Parallel()
	srv := redistest.Single(t)
	s := redis(t, srv.URL)
	r := newRoom(t, s, s)
	r.look()
	r.change("sku", "price", "1")
	r.look()
	r.agent.Lag = time.Hour
	srv.Flush()
	r.look()
	r.expect(append(all("sku", "1"), "change.refresh.sku.price.1 forced")...)
}

// TestBadIDsAreLeftOut proves that invalid ids do not end a walk, and are counted.
func TestBadIDsAreLeftOut(t *testing.T) {
	t.Parallel()
	r := bolt(t)
	r.upstream.pages["sku"] = [][]string{{"1", "", "a\nb", "2"}, {".."}, {"3"}}
	r.look()
	r.loseQueue()
	r.look()
	r.expect(all("sku", "1", "2", "3")...)
	if r.refused["sku"] != 3 {
		t.Errorf("%d ids were refused", r.refused["sku"])
	}
	asked := len(r.upstream.asked)
	r.look()
	if r.expect(); len(r.upstream.asked) != asked {
		t.Errorf("the lists were asked for again: %v", r.upstream.asked[asked:])
	}
}

// TestAFailingListHoldsUpNothing proves that other lists go on, that the failing one resumes where it stood, and that
// the loss is settled only after it has succeeded.
func TestAFailingListHoldsUpNothing(t *testing.T) {
	t.Parallel()
	r := bolt(t)
	r.upstream.pages["sku"] = [][]string{{"1"}, {"2"}, {"3"}}
	r.upstream.pages["shop"] = [][]string{{"8"}}
	r.look()
	r.loseQueue()
	r.upstream.fail("sku1", true)
	for range 2 {
		if err := r.agent.Check(t.Context()); err == nil {
			t.Fatal("a list failed, and nobody says so")
		}
	}
	r.expect(append(all("sku", "1"), all("shop", "8")...)...)
	r.upstream.fail("sku1", false)
	r.look()
	r.expect(all("sku", "2", "3")...)
	if diff := cmp.Diff([]string{"shop", "sku", "sku1", "sku1", "sku1", "sku2"}, r.upstream.asked); diff != "" {
		t.Error(diff)
	}
	r.look()
	r.expect()
}

// TestTheNextProcessGoesOn proves that another process continues a repair whose process has ended.
func TestTheNextProcessGoesOn(t *testing.T) {
	t.Parallel()
	r := bolt(t)
	r.upstream.pages["sku"] = [][]string{{"1"}, {"2"}}
	r.upstream.pages["shop"] = [][]string{{"8"}}
	r.look()
	r.loseQueue()
	r.upstream.fail("sku1", true)
	if err := r.agent.Check(t.Context()); err == nil {
		t.Fatal("a list failed, and nobody says so")
	}
	r.expect(append(all("sku", "1"), all("shop", "8")...)...)
	r.upstream.fail("sku1", false)
	r.agent = r.newAgent(nil)
	r.look()
	r.expect(all("sku", "2")...)
}

// TestASnapshotIsReplayed restores Redis from a snapshot. Everything done after the snapshot's mark must be replayed
// with force, and also what was waiting when the mark was made and was done later.
func TestASnapshotIsReplayed(t *testing.T) {
	t.Parallel()
	srv := redistest.Single(t, "--appendonly", "no")
	s := redis(t, srv.URL)
	r := newRoom(t, s, s)
	r.upstream.pages["sku"] = [][]string{{"1", "2", "3"}}
	r.look()
	r.change("sku", "price", "long before")
	waits := item.Change{Lane: item.Normal, Entity: item.Entity{Kind: "sku", ID: "waits"}, Dimension: "price"}
	if err := r.conn.PublishChanges(t.Context(), []item.Change{waits}, bus.PublishOptions{}); err != nil {
		t.Fatal(err)
	}
	r.inHistory()
	r.look()
	srv.Do("SAVE")
	r.expect(waits.Subject())
	r.change("sku", "price", "after")
	r.look()
	srv.Stop()
	srv.Start()
	r.look()
	r.expect("change.refresh.sku.price.waits forced", "change.refresh.sku.price.after forced")
	r.look()
	r.expect()
}

// TestARestartAtRestCostsNothing proves that a restart announces nothing if nothing was published since the last
// mark.
func TestARestartAtRestCostsNothing(t *testing.T) {
	t.Parallel()
	srv := redistest.Single(t)
	s := redis(t, srv.URL)
	r := newRoom(t, s, s)
	r.look()
	r.change("sku", "price", "1")
	r.look()
	srv.Stop()
	srv.Start()
	r.look()
	r.expect()
}

// TestAFlushIsFilledFromHistoryToo proves that HISTORY's entities are announced after a flush, since it may name some
// that no upstream lists and the store has lost.
func TestAFlushIsFilledFromHistoryToo(t *testing.T) {
	t.Parallel()
	srv := redistest.Single(t)
	s := redis(t, srv.URL)
	r := newRoom(t, s, s)
	r.upstream.pages["sku"] = [][]string{{"1", "2"}}
	r.look()
	r.change("brand", "brand", "7")
	r.change("sku", "price", "1")
	r.look()
	srv.Flush()
	r.look()
	r.expect(append(all("sku", "1", "2"), all("brand", "7")...)...)
}

// TestOneMasterIsEmptied proves that after one master was emptied everything is announced, and the relations of every
// entity are checked, since their lists are on other masters than the states.
func TestOneMasterIsEmptied(t *testing.T) {
	t.Parallel()
	c := redistest.Cluster(t)
	s := redis(t, c.URL)
	r := newRoom(t, s, s)
	r.look()
	r.change("brand", "brand", "7")
	r.look()
	c.Nodes[1].Flush()
	r.look()
	r.expect("change.refresh.brand.all.7")
}

// TestOneMasterIsRestarted proves that a restarted master's last writes are replayed, and that relations are checked
// although all blobs are where they were.
func TestOneMasterIsRestarted(t *testing.T) {
	t.Parallel()
	c := redistest.Cluster(t)
	s := redis(t, c.URL)
	r := newRoom(t, s, redis(t, redistest.Single(t).URL))
	r.look()
	r.change("brand", "brand", "7")
	c.Nodes[1].Stop()
	c.Nodes[1].Start()
	c.Await()
	r.look()
	r.expect("change.refresh.brand.brand.7 forced", "sync.refresh.brand.7")
}

// TestABlobsStoreOfItsOwn proves that nothing is fetched when only a separate store of blobs was emptied.
func TestABlobsStoreOfItsOwn(t *testing.T) {
	t.Parallel()
	blobs := redistest.Single(t)
	r := newRoom(t, redis(t, redistest.Single(t).URL), redis(t, blobs.URL))
	r.look()
	r.change("sku", "price", "1")
	r.look()
	blobs.Flush()
	r.look()
	r.expect("sync.refresh.sku.1")
}

// TestAnOlderFileIsPutBack replaces the embedded store's file by an older copy.
func TestAnOlderFileIsPutBack(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "store.db")
	s := openBolt(t, path)
	r := newRoom(t, s, s)
	r.look()
	r.change("sku", "price", "before")
	r.change("sku", "price", "last")
	r.look()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	older, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	r.reopen(path)
	r.look()
	r.expect() // nothing was published since the mark
	r.change("sku", "price", "lost")
	r.look()
	if err := r.records.(interface{ Close() error }).Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, older, 0o600); err != nil {
		t.Fatal(err)
	}
	r.reopen(path)
	r.look()
	got := r.announced()
	if slices.Contains(got, "change.refresh.sku.price.before forced") || !slices.Contains(got, "change.refresh.sku.price.lost forced") {
		t.Errorf("announced: %v", got)
	}
}

// TestAFileOfSeveralIsLost removes one file of a store of three, and then puts an older copy of it back.
func TestAFileOfSeveralIsLost(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "store-2-of-3.db")
	open := func() *boltkv.Shards {
		s, err := boltkv.OpenShards(t.Context(), dir, 3, boltkv.Options{Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		return s
	}
	s := open()
	r := newRoom(t, s, s)
	r.look()
	var ids []string
	for i := range 9 { // some of them in each file
		ids = append(ids, fmt.Sprint(i))
		r.change("brand", "brand", ids[i])
	}
	r.look()
	reopen := func(change func() error) {
		if err := errors.Join(s.Close(), change()); err != nil {
			t.Fatal(err)
		}
		s = open()
		r.use(s, s)
		r.look()
	}
	var older []byte
	reopen(func() (err error) {
		older, err = os.ReadFile(file)
		return err
	})
	r.expect() // nothing was published since the marks
	reopen(func() error { return os.Remove(file) })
	r.expect(all("brand", ids...)...)
	r.change("brand", "brand", "lost")
	r.look()
	reopen(func() error { return os.WriteFile(file, older, 0o600) })
	if got := r.announced(); !slices.ContainsFunc(got, func(s string) bool { return strings.HasSuffix(s, ".lost forced") }) && !slices.Contains(got, "change.refresh.brand.all.lost") {
		t.Errorf("announced: %v", got)
	}
}

func (r *room) reopen(path string) {
	s := openBolt(r.t, path)
	r.use(s, s)
}

// use goes on with other stores, which hold what the ones before held.
func (r *room) use(records kv.Records, blobs kv.Blobs) {
	r.records = records
	r.blobs = blobs
	r.agent = r.newAgent(nil)
}

// TestAnotherLossEndsARepair flushes the store while the lists are walked after the loss of a queue.
func TestAnotherLossEndsARepair(t *testing.T) {
	t.Parallel()
	srv := redistest.Single(t)
	s := redis(t, srv.URL)
	r := newRoom(t, s, s)
	r.upstream.pages["sku"] = [][]string{{"1"}, {"2"}}
	r.look()
	r.change("sku", "price", "1")
	r.look()
	r.loseQueue()
	r.upstream.fail("sku1", true)
	if err := r.agent.Check(t.Context()); err == nil {
		t.Fatal("a list failed, and nobody says so")
	}
	r.expect(all("sku", "1")...)
	srv.Flush()
	r.upstream.fail("sku1", false)
	r.look()
	r.expect(all("sku", "1", "2")...)
	r.look()
	r.expect()
}

// TestMarksStandStillDuringARepair proves that no mark is made during a repair, which could hide what a further loss
// requires.
func TestMarksStandStillDuringARepair(t *testing.T) {
	t.Parallel()
	r := bolt(t)
	r.upstream.pages["sku"] = [][]string{{"1"}}
	r.look()
	before := r.mark()
	r.loseQueue()
	r.upstream.fail("sku", true)
	r.upstream.fail("shop", true)
	for range 2 {
		if err := r.agent.Check(t.Context()); err == nil {
			t.Fatal("a list failed, and nobody says so")
		}
	}
	if diff := cmp.Diff(before, r.mark()); diff != "" {
		t.Error(diff)
	}
}

func (r *room) mark() string {
	r.t.Helper()
	parts, err := r.records.Parts(r.t.Context())
	if err != nil || len(parts) != 1 {
		r.t.Fatal(parts, err)
	}
	return string(parts[0].Mark)
}

// machine reports a crash of the machine until the loss is settled.
type machine struct{ settled bool }

func (m *machine) Lost() bool    { return !m.settled }
func (m *machine) Settle() error { m.settled = true; return nil }

// TestTheMachineWentDown proves that everything is announced after a crash of the machine, and that the loss is
// settled only afterwards.
func TestTheMachineWentDown(t *testing.T) {
	t.Parallel()
	r := bolt(t)
	r.upstream.pages["sku"] = [][]string{{"1"}}
	r.look()
	m := &machine{}
	r.agent = r.newAgent(m)
	r.upstream.fail("sku", true)
	if err := r.agent.Check(t.Context()); err == nil || m.settled {
		t.Errorf("settled %v, error %v", m.settled, err)
	}
	r.upstream.fail("sku", false)
	r.look()
	if r.expect(all("sku", "1")...); !m.settled {
		t.Error("the loss is not settled")
	}
}

// TestASnapshotWithoutHistory restores Redis from a snapshot whose mark HISTORY no longer reaches. Everything is
// announced instead of replayed, and with force as well: a cache may hold a blob whose gen was lost, of an unchanged
// entity.
func TestASnapshotWithoutHistory(t *testing.T) {
	t.Parallel()
	srv := redistest.Single(t, "--appendonly", "no")
	s := redis(t, srv.URL)
	r := newRoom(t, s, s)
	r.upstream.pages["sku"] = [][]string{{"1"}}
	r.look()
	r.change("sku", "price", "before")
	r.inHistory()
	r.look()
	srv.Do("SAVE")
	r.change("sku", "price", "after")
	r.look()
	srv.Stop()
	srv.Start()
	r.forgetHistory()
	r.look()
	r.expect("change.refresh.sku.all.1 forced", "change.refresh.sku.all.before forced")
	r.look()
	r.expect()
}

// TestAnEndedRepairComesBack rolls NATS back to the middle of a repair that has ended since. The repair must begin
// anew.
func TestAnEndedRepairComesBack(t *testing.T) {
	t.Parallel()
	r := bolt(t)
	r.upstream.pages["sku"] = [][]string{{"1"}, {"2"}}
	r.look()
	r.loseQueue()
	r.upstream.fail("sku1", true)
	if err := r.agent.Check(t.Context()); err == nil {
		t.Fatal("a list failed, and nobody says so")
	}
	marks, before := r.conn.Bucket("catalog"), map[string][]byte{}
	for _, key := range []string{lineage.SeenKey, lineage.RepairKey} {
		entry, err := marks.Get(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		before[key] = entry.Value
	}
	r.upstream.fail("sku1", false)
	r.look()
	r.expect(all("sku", "1", "2")...)
	for key, value := range before {
		if _, err := marks.Put(t.Context(), key, value); err != nil {
			t.Fatal(err)
		}
	}
	r.look()
	r.expect(all("sku", "1", "2")...)
}

// TestMissedNoticesOfAnotherRoom proves that everything is announced once when another room was missed, and when one is new.
func TestMissedNoticesOfAnotherRoom(t *testing.T) {
	t.Parallel()
	r := bolt(t)
	gaps := map[string]uint64{}
	r.agent.Gaps = func(context.Context) (map[string]uint64, error) { return maps.Clone(gaps), nil }
	r.upstream.pages["sku"] = [][]string{{"1"}}
	r.look()
	r.expect()
	gaps["west"] = 1
	r.look()
	r.expect(all("sku", "1")...)
	r.look()
	r.expect()
	gaps["west"] = 2
	r.look()
	r.expect(all("sku", "1")...)
	delete(gaps, "west")
	r.look()
	r.expect()
}
