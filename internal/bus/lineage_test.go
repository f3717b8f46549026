package bus_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"vitrine/internal/bus"
	"vitrine/internal/item"
	"vitrine/internal/poll"
)

// files are the files of an embedded server, which a test can put back to an earlier state.
type files struct {
	t        *testing.T
	dir, old string
}

// run starts a server over the files, calls f, and stops the server.
func (s files) run(f func(c *bus.Conn)) {
	s.t.Helper()
	server, err := bus.Embed(s.t.Context(), bus.EmbedConfig{Dir: s.dir})
	if err != nil {
		s.t.Fatal(err)
	}
	defer server.Shutdown()
	c, err := bus.Dial(s.t.Context(), bus.Config{Server: server})
	if err != nil {
		s.t.Fatal(err)
	}
	defer c.Close()
	if err := c.Ensure(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
	f(c)
}

func (s files) save() { s.copy(s.dir, s.old) }
func (s files) back() { s.copy(s.old, s.dir) }

func (s files) copy(from, to string) {
	s.t.Helper()
	if err := os.RemoveAll(to); err != nil {
		s.t.Fatal(err)
	}
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		s.t.Fatal(err)
	}
}

func newFiles(t *testing.T) files {
	return files{t, filepath.Join(t.TempDir(), "nats"), filepath.Join(t.TempDir(), "old")}
}

// past waits until HISTORY holds n changes.
func past(t *testing.T, c *bus.Conn, n uint64) {
	t.Helper()
	poll.Until(t, "the changes in HISTORY", func() bool {
		m, err := c.MarkNow(t.Context(), bus.Mark{})
		return err == nil && m.History.Seq == n
	})
}

func mark(t *testing.T, c *bus.Conn, before bus.Mark) bus.Mark {
	t.Helper()
	m, err := c.MarkNow(t.Context(), before)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func since(t *testing.T, c *bus.Conn, m bus.Mark) bus.Since {
	t.Helper()
	s, err := c.SinceMark(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestMarkSaysUpToWhereChangesAreDone proves that a mark's Done is no later than the oldest unfinished change, parked ones
// included.
func TestMarkSaysUpToWhereChangesAreDone(t *testing.T) {
	t.Parallel()
	c := connect(t)
	empty := mark(t, c, bus.Mark{})
	if empty.Done.IsZero() || !empty.Settled() {
		t.Errorf("nothing was published yet: %+v", empty)
	}
	publish(t, c, change(item.Normal, "1"))
	past(t, c, 1)
	waiting := mark(t, c, empty)
	if waiting.Done.After(waiting.History.Time) || waiting.Done.Before(empty.Done) {
		t.Errorf("a change waits: %+v after %+v", waiting, empty)
	}
	publish(t, c, change(item.Normal, "2"))
	past(t, c, 2)
	if m := mark(t, c, empty); !m.Done.Equal(waiting.Done) || m.Settled() {
		t.Errorf("two changes wait, the older one since %s: %+v", waiting.Done, m)
	}
	stop := consume(t, bus.ConsumerConfig{Conn: c, Handle: func(_ context.Context, tasks []bus.Task) []error {
		errs := make([]error, len(tasks))
		for i := range errs {
			errs[i] = item.ErrNotAsked
		}
		return errs
	}, Placement: bus.Placement{
		Of:       func(item.Change) bus.Place { return bus.Place{Name: "shop", Limit: 1} },
		All:      func() []bus.Place { return []bus.Place{{Name: "shop", Limit: 1}} },
		Capacity: func(string) int { return 1 },
	}})
	poll.Until(t, "both are parked", func() bool {
		streams, _, err := c.Pending(t.Context())
		return err == nil && streams[bus.Parked][item.Normal].Waiting+streams[bus.Parked][item.Normal].InFlight == 2
	})
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if m := mark(t, c, waiting); !m.Done.Equal(waiting.Done) {
		t.Errorf("two changes are parked: Done is %s, and was %s", m.Done, waiting.Done)
	}
	if m := mark(t, c, bus.Mark{}); !m.Done.IsZero() {
		t.Errorf("changes are parked, and nothing is known of before: %+v", m)
	}
	if err := bus.JetStream(c).DeleteStream(t.Context(), bus.Parked); err != nil {
		t.Fatal(err)
	}
	if err := c.Ensure(t.Context()); err != nil {
		t.Fatal(err)
	}
	if m := mark(t, c, waiting); !m.Settled() {
		t.Errorf("nothing is left: %+v", m)
	}
}

// TestARolledBackHistory proves that a rollback of HISTORY is found both while the stream is behind the mark and
// after it has passed it again.
func TestARolledBackHistory(t *testing.T) {
	t.Parallel()
	s := newFiles(t)
	var m bus.Mark
	s.run(func(c *bus.Conn) { publish(t, c, change(item.Normal, "1")); past(t, c, 1) })
	s.save()
	s.run(func(c *bus.Conn) {
		publish(t, c, change(item.Normal, "2"), change(item.Normal, "3"))
		past(t, c, 3)
		m = mark(t, c, bus.Mark{})
		if at := since(t, c, m); at.RolledBack || !at.Reaches {
			t.Errorf("nothing has happened: %+v", at)
		}
	})
	s.run(func(c *bus.Conn) {
		publish(t, c, change(item.Normal, "4"))
		past(t, c, 4)
		if at := since(t, c, m); at.RolledBack || !at.Reaches {
			t.Errorf("a restart: %+v", at)
		}
	})
	s.back()
	s.run(func(c *bus.Conn) {
		if at := since(t, c, m); !at.RolledBack {
			t.Errorf("behind the mark: %+v", at)
		}
		publish(t, c, change(item.Normal, "5"), change(item.Normal, "6"), change(item.Normal, "7"))
		past(t, c, 4)
		if at := since(t, c, m); !at.RolledBack {
			t.Errorf("past the mark again: %+v", at)
		}
		if err := bus.JetStream(c).DeleteStream(t.Context(), bus.History); err != nil {
			t.Fatal(err)
		}
		if err := c.Ensure(t.Context()); err != nil {
			t.Fatal(err)
		}
		if at := since(t, c, m); at.Reaches {
			t.Errorf("HISTORY is a new one: %+v", at)
		}
	})
}

// TestARefilledStreamOfAnnouncementsIsAGap proves that a follower reports a gap when BLOBS was rolled back, even if
// the stream has passed the follower's position again.
func TestARefilledStreamOfAnnouncementsIsAGap(t *testing.T) {
	t.Parallel()
	s := newFiles(t)
	announce := func(c *bus.Conn, ids ...string) {
		for _, id := range ids {
			a := bus.Announcement{Entity: item.Entity{Kind: "sku", ID: id}, Gens: map[string]uint64{"item": 1}}
			if err := c.Announce(t.Context(), []bus.Announcement{a}); err != nil {
				t.Fatal(err)
			}
		}
	}
	// follow receives announcements up to that of an id, and reports whether there was a gap.
	follow := func(c *bus.Conn, from bus.Position, until string) (at bus.Position, gap bool) {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		err := c.FollowBlobs(ctx, from, func(batch []bus.Announcement, p bus.Position) {
			at = p
			for _, a := range batch {
				if a.Entity.ID == until {
					cancel()
				}
			}
		}, func() {
			gap = true
			if until == "" {
				cancel()
			}
		})
		if err != nil {
			t.Error(err)
		}
		return at, gap
	}
	var at bus.Position
	s.run(func(c *bus.Conn) { announce(c, "1", "2") })
	s.save()
	s.run(func(c *bus.Conn) {
		at, _ = follow(c, bus.Position{}, "")
		announce(c, "3", "4")
		at, _ = follow(c, at, "4")
	})
	s.run(func(c *bus.Conn) {
		announce(c, "5", "1")
		if _, gap := follow(c, at, "1"); gap {
			t.Error("a restart is no gap")
		}
	})
	s.back()
	s.run(func(c *bus.Conn) {
		announce(c, "6", "7", "8", "9")
		if _, gap := follow(c, at, ""); !gap {
			t.Error("6 and 7 stand where 3 and 4 were, and were never taken")
		}
	})
	s.back()
	s.run(func(c *bus.Conn) {
		announce(c, "6", "7", "6", "7", "end")
		if _, gap := follow(c, at, "end"); gap {
			t.Error("what stands where 3 and 4 were was superseded, and comes later: nothing is missed")
		}
	})
}

// TestASupersededAnnouncementIsNoGap has the stream begin after the follower's position because all earlier
// announcements were superseded. Nothing is missed then. It is a gap if messages may have left the stream in another
// way.
func TestASupersededAnnouncementIsNoGap(t *testing.T) {
	t.Parallel()
	c := connect(t)
	announce := func(ids ...string) {
		t.Helper()
		for _, id := range ids {
			a := bus.Announcement{Entity: item.Entity{Kind: "sku", ID: id}, Gens: map[string]uint64{"item": 1}}
			if err := c.Announce(t.Context(), []bus.Announcement{a}); err != nil {
				t.Fatal(err)
			}
		}
	}
	follow := func(from bus.Position, until string) (taken []string, at bus.Position) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		note := func(what string) {
			taken = append(taken, what)
			if what == until {
				cancel()
			}
		}
		err := c.FollowBlobs(ctx, from, func(batch []bus.Announcement, p bus.Position) {
			at = p
			for _, a := range batch {
				note(a.Entity.ID)
			}
		}, func() { note("gap") })
		if err != nil {
			t.Error(err)
		}
		return taken, at
	}
	_, at := follow(bus.Position{}, "gap")
	announce("1")
	_, at = follow(at, "1")
	announce("2", "3", "1", "2", "3")
	if taken, _ := follow(at, "3"); !slices.Equal(taken, []string{"1", "2", "3"}) {
		t.Errorf("taken are %v", taken)
	}
	aged, timeless := at, at
	aged.Time = at.Time.Add(-time.Hour)
	timeless.Time = time.Time{}
	for name, from := range map[string]bus.Position{"of an hour ago": aged, "of no time": timeless} {
		if taken, _ := follow(from, "gap"); !slices.Equal(taken, []string{"gap"}) {
			t.Errorf("after a position %s, taken are %v", name, taken)
		}
	}
	stream, err := bus.JetStream(c).Stream(t.Context(), bus.Blobs)
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Purge(t.Context()); err != nil {
		t.Fatal(err)
	}
	if taken, _ := follow(at, "gap"); !slices.Equal(taken, []string{"gap"}) {
		t.Errorf("after a purge, taken are %v", taken)
	}
}
