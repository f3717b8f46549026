package lineage_test

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/internal/kv/rediskv"
	"vitrine/internal/lineage"
	"vitrine/internal/netcut"
	"vitrine/internal/poll"
	"vitrine/internal/redistest"
)

// divided is a room with two masters: the agent talks to the one, through a cable, and a worker to the other.
type divided struct {
	*room
	old, now *redistest.Server
	cable    *netcut.Cable
	worker   *rediskv.Store // at the old master, with the room's term
}

// newDivided starts a master and its replica. divide has the replica take over.
func newDivided(t *testing.T) *divided {
	t.Helper()
	d := &divided{old: redistest.Single(t, syncSoon, "0"), now: redistest.Single(t, syncSoon, "0")}
	follow(d.now, d.old)
	d.cable = netcut.New(t, d.old.Addr)
	s := redis(t, "redis://"+d.cable.Addr)
	d.room = newRoom(t, s, s)
	d.worker = workerAt(d.room, d.old.URL)
	d.look()
	copied(t, d.now, d.old)
	return d
}

// syncSoon is what a master waits for other replicas.
const syncSoon = "--repl-diskless-sync-delay"

// copied waits until a replica has all that its master has.
func copied(t *testing.T, replica, master *redistest.Server) {
	t.Helper()
	poll.Until(t, "the replica has it all", func() bool {
		info := replication(replica)
		return info["master_link_status"] == "up" && info["slave_repl_offset"] == replication(master)["master_repl_offset"]
	})
}

func replication(s *redistest.Server) map[string]string {
	info := map[string]string{}
	for line := range strings.Lines(fmt.Sprint(s.Do("INFO", "replication"))) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		info[name] = value
	}
	return info
}

// workerAt opens a server as a worker of the room does.
func workerAt(r *room, url string) *rediskv.Store {
	r.t.Helper()
	worker, err := rediskv.Open(r.t.Context(), rediskv.Config{URL: url, Log: slog.New(slog.DiscardHandler), Timeout: 20 * time.Second,
		Term: lineage.NewTerm(r.conn.Bucket("catalog")).Newest})
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { worker.Close() })
	return worker
}

// divide has the replica take over for all but the worker.
func (d *divided) divide() {
	d.t.Helper()
	d.now.Do("REPLICAOF", "NO", "ONE")
	d.cable.Lead(d.now.Addr)
}

// at gives the agent of a process that talks to a server.
func (d *divided) at(s *redistest.Server) *lineage.Agent {
	d.t.Helper()
	records, blobs := d.records, d.blobs
	defer func() { d.records, d.blobs = records, blobs }()
	there := redis(d.t, s.URL)
	d.records = there
	d.blobs = there
	return d.newAgent(nil)
}

// puts has the worker do a change, and reports what became of the put.
func (d *divided) puts(id string) error {
	d.t.Helper()
	key := kv.RecordKey{Entity: item.Entity{Kind: "sku", ID: id}, Dimension: "price"}
	held, err := d.worker.Records(d.t.Context(), []kv.RecordKey{key})
	if err != nil {
		d.t.Fatal(err)
	}
	put := kv.Put{RecordKey: key, Expect: held[0].Stamp, Value: kv.Value{Header: kv.Header{Existence: kv.Alive}, Body: []byte(`2`)}}
	_, err = d.worker.PutRecords(d.t.Context(), []kv.Put{put})
	return err
}

// TestAnOldMasterTakesNothing has a worker go on at a master from which another has taken over. What it puts there before the
// others have noticed is replayed, and later it can put nothing, so that nothing that was acknowledged is lost.
func TestAnOldMasterTakesNothing(t *testing.T) {
	t.Parallel()
	d := newDivided(t)
	d.divide()
	if err := d.puts("2"); err != nil {
		t.Fatal(err)
	}
	d.acknowledge("sku", "price", "2")
	d.look()
	d.expect("change.refresh.sku.price.2 forced")
	poll.Until(t, "the old master takes nothing", func() bool {
		err := d.puts("3")
		if err != nil && !errors.Is(err, item.ErrUnavailable) {
			t.Fatal(err)
		}
		return err != nil
	})
	if _, err := d.worker.States(t.Context(), []item.Entity{{Kind: "sku", ID: "1"}}); !errors.Is(err, item.ErrUnavailable) {
		t.Errorf("who reads states at an old master is told: %v", err)
	}
	if _, err := d.worker.PutBlobs(t.Context(), []kv.BlobPut{{BlobKey: kv.BlobKey{Entity: item.Entity{Kind: "sku", ID: "1"}, Blob: "offer"},
		Value: kv.Value{Header: kv.Header{Existence: kv.Alive, Stamp: 7}, Body: []byte(`1`)}}}); !errors.Is(err, item.ErrUnavailable) {
		t.Errorf("who puts a blob at an old master is told: %v", err)
	}
}

// TestWhoIsRefusedFollowsTheName proves that a process which was refused by an old master goes where the address leads by then.
func TestWhoIsRefusedFollowsTheName(t *testing.T) {
	t.Parallel()
	d := newDivided(t)
	name := netcut.New(t, d.old.Addr)
	d.worker = workerAt(d.room, "redis://"+name.Addr)
	if err := d.puts("1"); err != nil {
		t.Fatal(err)
	}
	d.divide()
	name.Moves(d.now.Addr)
	d.look()
	poll.Until(t, "puts at the new master", func() bool { return d.puts("2") == nil && has(d.now, "2") })

	// By plan: a replica is promoted, the name leads there, and the master becomes its replica.
	follow(d.old, d.now)
	copied(t, d.old, d.now)
	d.old.Do("REPLICAOF", "NO", "ONE")
	name.Moves(d.old.Addr)
	follow(d.now, d.old)
	poll.Until(t, "puts at the promoted one", func() bool { return d.puts("3") == nil && has(d.old, "3") })
}

// has reports whether a server has the record that puts puts.
func has(s *redistest.Server, id string) bool {
	return s.Do("EXISTS", "rec:{sku:"+id+"}:price") == int64(1)
}

// follow makes a server the replica of another.
func follow(s, master *redistest.Server) {
	host, port, _ := net.SplitHostPort(master.Addr)
	s.Do("REPLICAOF", host, port)
}

// TestAnAgentAtAnOldMaster proves that an agent beside an old master does not take that for the new one: it would undo the term of the other.
func TestAnAgentAtAnOldMaster(t *testing.T) {
	t.Parallel()
	d := newDivided(t)
	d.divide()
	d.look()
	d.look()
	d.announced()
	old := d.at(d.old)
	for range 2 {
		if err := old.Check(t.Context()); !errors.Is(err, item.ErrUnavailable) {
			t.Errorf("at the old master: %v", err)
		}
		d.look()
	}
	d.expect()

	// Restarted, it is taken for the one that has taken over: somebody wants it to be the master.
	d.old.Stop()
	d.old.Start()
	if err := old.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := old.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	poll.Until(t, "it takes writes again", func() bool { return d.puts("4") == nil })
	if err := d.agent.Check(t.Context()); !errors.Is(err, item.ErrUnavailable) {
		t.Errorf("at the other one, which is the old one now: %v", err)
	}
}

// TestTwoFailoversInARow has a second server take over before what the first one lacked is mended. Both former masters go on, and neither
// may be written to, or be taken for the one that has taken over.
func TestTwoFailoversInARow(t *testing.T) {
	t.Parallel()
	d := newDivided(t)
	d.divide()
	d.look() // begins the term of the second server
	third := redistest.Single(t, syncSoon, "0")
	follow(third, d.now)
	copied(t, third, d.now)
	third.Do("REPLICAOF", "NO", "ONE")
	d.cable.Lead(third.Addr)
	d.acknowledge("sku", "price", "3") // which was put at the second
	d.look()
	d.expect("change.refresh.sku.price.3 forced")
	for _, old := range []*redistest.Server{d.old, d.now} {
		d.worker = workerAt(d.room, old.URL)
		if err := d.puts("4"); !errors.Is(err, item.ErrUnavailable) {
			t.Errorf("a former master takes a write: %v", err)
		}
		if err := d.at(old).Check(t.Context()); !errors.Is(err, item.ErrUnavailable) {
			t.Errorf("an agent at a former master: %v", err)
		}
	}
	d.worker = workerAt(d.room, third.URL)
	if err := d.puts("4"); err != nil {
		t.Errorf("the master takes no write: %v", err)
	}
}

// TestATermBeforeAnythingIsSeen has a server take over while everything is announced for the first time, so that no life was noted yet.
func TestATermBeforeAnythingIsSeen(t *testing.T) {
	t.Parallel()
	d := newDivided(t)
	if err := d.conn.Bucket("catalog").Delete(t.Context(), lineage.SeenKey); err != nil {
		t.Fatal(err)
	}
	d.divide()
	d.look()
	poll.Until(t, "the old master takes nothing", func() bool { return d.puts("1") != nil })
}

// TestAServerThatLostItsTermGetsANewOne proves that a server which comes back from before the term began does not refuse for ever.
func TestAServerThatLostItsTermGetsANewOne(t *testing.T) {
	t.Parallel()
	srv := redistest.Single(t)
	s := redis(t, srv.URL)
	r := newRoom(t, s, s)
	r.look()
	restore := srv.Snapshot()
	for range 2 { // terms 1 and 2
		srv.Stop()
		srv.Start()
		r.look()
	}
	d := &divided{room: r, worker: workerAt(r, srv.URL)}
	restore()
	if err := d.puts("1"); !errors.Is(err, item.ErrUnavailable) {
		t.Errorf("a server from before the newest term takes writes: %v", err)
	}
	r.look()
	poll.Until(t, "a write", func() bool { return d.puts("1") == nil })
	srv.Do("HDEL", "lineage:{0}", "term")
	poll.Until(t, "a refusal", func() bool { return d.puts("2") != nil })
	r.look()
	poll.Until(t, "another write", func() bool { return d.puts("3") == nil })
	srv.Flush()
	if err := d.puts("4"); err != nil {
		t.Errorf("a server that was emptied takes no write: %v", err)
	}
}
