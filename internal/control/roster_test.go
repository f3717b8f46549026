package control_test

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vitrine/internal/control"
	"vitrine/internal/item"
	"vitrine/switches"
)

const quick = 50 * time.Millisecond

// tell announces a process's presence until the test ends.
func (s *system) tell(who switches.Identity) *control.Presence {
	p := control.NewPresence(control.PresenceConfig{Conn: s.conn, Who: who, Beat: quick})
	run(s.T, p.Run)
	return p
}

func (s *system) members() []control.Member {
	s.Helper()
	members, err := control.Members(s.Context(), s.conn)
	if err != nil {
		s.Fatal(err)
	}
	return members
}

// pushTo runs do, which pushes, and returns what the processes acknowledged.
func (s *system) pushTo(do func()) control.Outcome {
	s.Helper()
	out, err := control.Push{Conn: s.conn, Bucket: "switches", Expected: s.members(), Wait: quick, Do: func(context.Context) (string, uint64, error) {
		do()
		return "k", 7, nil
	}}.Run(s.Context())
	if err != nil {
		s.Fatal(err)
	}
	return out
}

// TestTwoHostsOfOneName proves that processes on two hosts of one name count as two, and that the acknowledgement of
// one does not stand for the other's.
func TestTwoHostsOfOneName(t *testing.T) {
	s := newSystem(t)
	a := s.tell(switches.Identity{Node: "web", ID: "aaaaaaaaaaaa", Role: "detail"})
	s.tell(switches.Identity{Node: "web", ID: "bbbbbbbbbbbb", Role: "detail"})
	s.eventually("both are there", func() bool { return len(s.members()) == 2 })
	out := s.pushTo(func() { a.Acknowledge(control.Ack{Bucket: "switches", Key: "k", Revision: 7}) })
	if len(out.Acks) != 1 || len(out.Missing) != 1 || out.Missing[0].Node != "web.bbbbbbbbbbbb" {
		t.Errorf("the outcome is %+v, want one acknowledgement, and web.bbbbbbbbbbbb missing", out)
	}
	if err := control.Forget(t.Context(), s.conn, "web"); err == nil || !strings.Contains(err.Error(), "web.aaaaaaaaaaaa, web.bbbbbbbbbbbb") {
		t.Error(err)
	}
}

// TestAFolderHasAnID proves that a folder's id survives a restart, that another folder has another, and that a copy
// has the same.
func TestAFolderHasAnID(t *testing.T) {
	dir, other := t.TempDir(), t.TempDir()
	id := func(dir string) string {
		b := control.NewBoard(control.BoardConfig{Dir: dir, Role: "detail", Log: slog.New(slog.DiscardHandler)})
		defer b.Close()
		return b.Panel().Who().ID
	}
	first := id(dir)
	if first == "" || id(dir) != first || id(other) == first {
		t.Errorf("%q, again %q, elsewhere %q", first, id(dir), id(other))
	}
	if err := os.WriteFile(filepath.Join(other, "node.id"), []byte("what\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if got := id(other); got != "" {
		t.Errorf("a damaged file gives %q", got)
	}
}

// TestACopiedFolderIsReported proves that two processes with the same name and id are named, in their own reports and to
// whoever pushes.
func TestACopiedFolderIsReported(t *testing.T) {
	s := newSystem(t)
	who := switches.Identity{Node: "web", ID: "aaaaaaaaaaaa", Role: "heterog"}
	a := s.tell(who)
	s.tell(who)
	s.eventually("they have noticed one another", func() bool {
		members := s.members()
		return len(members) == 1 && members[0].Duplicate != nil
	})
	// On a busy machine one process may miss beats of the other, and then has to detect it anew.
	s.eventually("a push names them", func() bool {
		out := s.pushTo(func() { a.Acknowledge(control.Ack{Bucket: "switches", Key: "k", Revision: 7}) })
		return len(out.Missing) == 1 && strings.Contains(out.Missing[0].Why, "remove node.id")
	})
}

// TestContainersWithACopiedFolderAreReported proves the same for two folders at one path in two containers of one
// machine. Two processes of one folder are no conflict: the second takes over.
func TestContainersWithACopiedFolderAreReported(t *testing.T) {
	who := switches.Identity{Node: "web", ID: "aaaaaaaaaaaa", Role: "detail"}
	for name, c := range map[string]struct {
		folders    func(t *testing.T) (a, b string)
		duplicates bool
	}{
		"a copy":      {func(t *testing.T) (a, b string) { return t.TempDir(), t.TempDir() }, true},
		"one folder":  {func(t *testing.T) (a, b string) { a = t.TempDir(); return a, a + "/." }, false},
		"one unknown": {func(t *testing.T) (a, b string) { return t.TempDir(), filepath.Join(t.TempDir(), "none") }, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSystem(t)
			a, b := c.folders(t)
			for _, dir := range []string{a, b} {
				run(t, control.NewPresence(control.PresenceConfig{Conn: s.conn, Who: who, Dir: dir, Beat: quick}).Run)
			}
			if c.duplicates {
				s.eventually("they have noticed one another", func() bool {
					members := s.members()
					return len(members) == 1 && members[0].Duplicate != nil
				})
				return
			}
			s.eventually("both have told often", func() bool {
				e, err := s.conn.Bucket("nodes").Get(t.Context(), item.EncodeID(who.Qualified()))
				return err == nil && e.Revision > 20
			})
			if members := s.members(); len(members) != 1 || members[0].Duplicate != nil {
				t.Errorf("the members are %+v, want one without a duplicate", members)
			}
		})
	}
}

// TestALostRosterIsReported proves that processes announce themselves in a new roster at once, and that a push does not
// claim meanwhile to know all of them.
func TestALostRosterIsReported(t *testing.T) {
	s := newSystem(t)
	s.tell(switches.Identity{Node: "web", ID: "aaaaaaaaaaaa", Role: "detail"})
	rostered := func() bool {
		entries, err := s.conn.Bucket("roster").Entries(t.Context())
		return err == nil && len(entries) == 1
	}
	s.eventually("it is expected", rostered)
	for _, bucket := range []string{"KV_nodes", "KV_roster"} {
		if err := s.js.DeleteStream(t.Context(), bucket); err != nil {
			t.Fatal(err)
		}
	}
	s.eventually("it is expected again", rostered)
	s.eventually("the loss is told", func() bool {
		return strings.Contains(control.Unsure(t.Context(), s.conn, s.members()), "NATS lost its files")
	})
	out, err := control.SpreadTemplates(t.Context(), s.conn, packedItem(t, "pushed since"), 0, quick)
	if err != nil || !strings.Contains(out.Unsure, "NATS lost its files") {
		t.Errorf("who pushes templates is told %q, %v", out.Unsure, err)
	}
	if out, err = control.SpreadCatalog(t.Context(), s.conn, []byte(shop), quick); err != nil || !strings.Contains(out.Unsure, "NATS lost its files") {
		t.Errorf("who pushes a catalog is told %q, %v", out.Unsure, err)
	}
}

// TestAProcessThatHangsIsNamed proves that a process is named that is connected and announces its presence, but
// applies nothing.
func TestAProcessThatHangsIsNamed(t *testing.T) {
	s := newSystem(t)
	log := slog.New(slog.DiscardHandler)
	board := control.NewBoard(control.BoardConfig{Dir: t.TempDir(), Role: "detail", Log: log})
	t.Cleanup(board.Close)
	p := control.NewPresence(control.PresenceConfig{Conn: s.conn, Who: board.Panel().Who(), Describe: board.Describe, Beat: quick})
	run(t, p.Run)
	hang := make(chan struct{})
	run(t, control.NewSwitchFollower(board, s.conn, p, func([]byte) { <-hang }).Run)
	t.Cleanup(func() { close(hang) }) // runs before the test waits for the follower's end
	if _, err := s.conn.Bucket(control.SwitchBucket).Put(t.Context(), control.RulesKey, []byte("[]")); err != nil {
		t.Fatal(err)
	}
	s.eventually("it is known to hang", func() bool {
		members := s.members()
		return len(members) == 1 && members[0].Present && members[0].Hangs()
	})
	panel := switches.NewPanel(switches.Identity{})
	defer panel.Close()
	set := switches.Setting{Name: switches.Crawlers, Scope: switches.All, Value: "off"}
	out, err := control.SetSwitch(t.Context(), s.conn, panel.Switch(set.Name), set, 0, quick)
	if err != nil {
		t.Fatal(err)
	}
	if len(out.Missing) != 1 || !strings.Contains(out.Why[out.Missing[0]], "it hangs") {
		t.Errorf("the outcome is %+v, want one missing process that hangs", out)
	}
}
