package control_test

import (
	"archive/zip"
	"bytes"
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
	"vitrine/templates"
)

// packedItem is a set of one page in the form in which it is pushed.
func packedItem(t *testing.T, page string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.Create("item.html")
	if err == nil {
		_, err = w.Write([]byte(page))
	}
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// renderer is a process that renders pages.
type renderer struct {
	loader *templates.Loader
	stop   func()
}

// renders starts a process with its state in dir. When it stops, it does not withdraw its presence.
func (s *system) renders(node, dir string) *renderer {
	s.Helper()
	quiet := slog.New(slog.DiscardHandler)
	loader, err := templates.Open("", dir, quiet)
	if err != nil {
		s.Fatal(err)
	}
	p := control.NewPresence(control.PresenceConfig{
		Conn: s.conn, Who: switches.Identity{Node: node, Role: "detail"}, Stays: func() bool { return true },
	})
	f := control.NewTemplateFollower(control.TemplateFollowerConfig{Conn: s.conn, Templates: loader, Dir: dir, OnAck: p.Acknowledge, Log: quiet})
	ctx, cancel := context.WithCancel(s.Context())
	ended := make(chan error, 3)
	for _, agent := range []func(context.Context) error{loader.Run, p.Run, f.Run} {
		go func() { ended <- agent(ctx) }()
	}
	stopped := false
	r := &renderer{loader: loader}
	r.stop = func() {
		cancel()
		for range 3 {
			if stopped {
				return
			}
			if err := <-ended; err != nil {
				s.Error(err)
			}
		}
		stopped = true
	}
	s.Cleanup(r.stop)
	return r
}

func (s *system) known(nodes ...string) {
	s.Helper()
	s.eventually("they are known", func() bool {
		members, err := control.Members(s.Context(), s.conn)
		return err == nil && len(members) == len(nodes)
	})
}

// spread pushes templates. It returns what each process reports, and whether the templates are in force on all that
// are present.
func (s *system) spread(packed []byte, wait time.Duration) (holders map[string]control.Holder, everywhere bool) {
	s.Helper()
	head, err := control.HeadTemplates(s.Context(), s.conn)
	if err != nil {
		s.Fatal(err)
	}
	out, err := control.SpreadTemplates(s.Context(), s.conn, packed, head, wait)
	if err != nil || out.Revision <= head {
		s.Fatalf("%+v %v", out, err)
	}
	holders = map[string]control.Holder{}
	for _, h := range out.Holders {
		holders[h.Node] = h
	}
	return holders, out.Everywhere()
}

// TestTemplatesAreInForceWhereTheyAreSaidToBe proves that a push names each process that cannot load the set, cannot
// store it, does not answer, or is cut off. A push fails where a present process lacks the set, and does not wait for
// absent ones.
func TestTemplatesAreInForceWhereTheyAreSaidToBe(t *testing.T) {
	s := newSystem(t)
	s.renders("whole", t.TempDir())
	full := filepath.Join(t.TempDir(), "full")
	s.renders("full", full) // it has no such folder, so it cannot store anything
	s.known("whole", "full")
	got, everywhere := s.spread(packedItem(t, "<!DOCTYPE html><title>one</title>"), patience)
	if !everywhere {
		t.Errorf("the templates are not in force everywhere: %+v", got)
	}
	if h := got["whole"]; h.State != control.InForce || h.Why != "" {
		t.Errorf("the process whole has %+v, want in force", h)
	}
	if h := got["full"]; h.State != control.InForce || !strings.Contains(h.Why, full) {
		t.Errorf("the process full has %+v, want in force, and why it can't be saved", h)
	}
	cut := s.renders("cut", t.TempDir())
	s.eventually("it is on the roster", func() bool {
		_, err := s.conn.Bucket("roster").Get(t.Context(), item.EncodeID("cut"))
		return err == nil
	})
	cut.stop()
	if err := s.conn.Bucket("nodes").Delete(t.Context(), item.EncodeID("cut")); err != nil { // as if it had expired
		t.Fatal(err)
	}
	got, everywhere = s.spread(packedItem(t, "<!DOCTYPE html><title>two</title>"), time.Hour)
	if h := got["cut"]; h.State != control.Absent || !strings.Contains(h.Why, "cut off") || !everywhere {
		t.Errorf("%+v, everywhere %t", h, everywhere)
	}
	got, everywhere = s.spread(packedItem(t, `<title>{{fromALaterVersion .}}</title>`), time.Hour)
	if everywhere {
		t.Errorf("refused templates are in force everywhere: %+v", got)
	}
	if h := got["whole"]; h.State != control.Refused || !strings.Contains(h.Why, "fromALaterVersion") || !strings.Contains(h.Why, "item.html:1") {
		t.Errorf("the process whole has %+v, want refused, with file and line", h)
	}
	run(t, control.NewPresence(control.PresenceConfig{Conn: s.conn, Who: switches.Identity{Node: "mute", Role: "detail"}}).Run)
	s.known("whole", "full", "cut", "mute")
	got, everywhere = s.spread(packedItem(t, "<!DOCTYPE html><title>three</title>"), 300*time.Millisecond)
	if h := got["mute"]; h.State != control.Silent || !strings.Contains(h.Why, "has not reported") || everywhere {
		t.Errorf("%+v, everywhere %t", h, everywhere)
	}
}

// TestACatalogIsInForceWhereItIsSaidToBe proves that a push reports where a catalog is in force, even if it was so
// already, and who refused it and why.
func TestACatalogIsInForceWhereItIsSaidToBe(t *testing.T) {
	s := newSystem(t)
	p := control.NewPresence(control.PresenceConfig{Conn: s.conn, Who: switches.Identity{Node: "worker", Role: "syncer"}})
	f := control.NewFollower(s.conn, slog.New(slog.DiscardHandler))
	f.OnAck = p.Acknowledge
	run(t, p.Run)
	run(t, f.Run)
	s.known("worker")
	for _, push := range []string{shop, shop, renamed} {
		out, err := control.SpreadCatalog(t.Context(), s.conn, []byte(push), patience)
		if err != nil || len(out.Holders) != 1 || !out.Everywhere() || string(f.Catalog().Source) != push {
			t.Errorf("the outcome is %+v, error %v; want the catalog in force in the one process", out, err)
		}
	}
	for range 2 {
		out, err := control.SpreadCatalog(t.Context(), s.conn, []byte("version: 1\nnonsense: true\n"), 100*time.Millisecond)
		if err != nil || len(out.Holders) != 1 || out.Everywhere() || !strings.Contains(out.Holders[0].Why, "nonsense") {
			t.Errorf("the outcome is %+v, error %v; want the catalog refused, with why", out, err)
		}
	}
}

// TestLostTemplatesArePutBack proves that lost templates are restored by the process that accepted them last,
// whichever starts first, and also by one that was away when the bucket was lost. They never replace a later push.
func TestLostTemplatesArePutBack(t *testing.T) {
	s := newSystem(t)
	older, newer, since := packedItem(t, "<title>older</title>"), packedItem(t, "<title>newer</title>"), packedItem(t, "<title>since</title>")
	oldDir, newDir := t.TempDir(), t.TempDir()
	old := s.renders("old", oldDir)
	s.known("old")
	s.spread(older, patience)
	old.stop() // it receives nothing of what follows
	recent := s.renders("recent", newDir)
	head, err := control.HeadTemplates(t.Context(), s.conn)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := control.PushTemplates(t.Context(), s.conn, newer, head); err != nil {
		t.Fatal(err)
	}
	accepted := func(dir string, packed []byte) func() bool {
		return func() bool {
			body, err := os.ReadFile(filepath.Join(dir, "templates.zip"))
			plain, err2 := templates.Stamped(body, time.Time{})
			want, _ := templates.Stamped(packed, time.Time{})
			_, err3 := os.Stat(filepath.Join(dir, "templates-pushed.json"))
			return err == nil && err2 == nil && err3 == nil && bytes.Equal(plain, want)
		}
	}
	s.eventually("the newer is in force", accepted(newDir, newer))
	lose := func() {
		t.Helper()
		if err := s.js.DeleteStream(t.Context(), "KV_"+control.TemplateBucket); err != nil {
			t.Fatal(err)
		}
		if err := s.conn.Ensure(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	has := func(packed []byte) func() bool {
		return func() bool {
			e, err := s.conn.Bucket(control.TemplateBucket).Get(t.Context(), control.TemplateKey)
			plain, err2 := templates.Stamped(e.Value, time.Time{})
			want, _ := templates.Stamped(packed, time.Time{})
			return err == nil && err2 == nil && bytes.Equal(plain, want)
		}
	}
	recent.stop()
	lose()
	old = s.renders("old", oldDir) // it is the only process, and knows of nothing newer
	s.eventually("the older is put back", has(older))
	recent = s.renders("recent", newDir)
	s.eventually("the newer is put back over it", has(newer))
	s.eventually("the other takes it", accepted(oldDir, newer))
	fresh := t.TempDir()
	s.renders("fresh", fresh)
	s.eventually("one that starts takes it", accepted(fresh, newer))
	recent.stop()
	lose()
	s.eventually("it is put back", has(newer))
	recent.stop()
	old.stop()
	lose()
	if _, err := control.PushTemplates(t.Context(), s.conn, since, 0); err != nil && !has(newer)() {
		t.Fatal(err)
	} else if err != nil { // the fresh process restored it first
		if head, err = control.HeadTemplates(t.Context(), s.conn); err == nil {
			_, err = control.PushTemplates(t.Context(), s.conn, since, head)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	s.renders("recent", newDir)
	s.eventually("what was pushed since is taken", accepted(newDir, since))
	if !has(since)() {
		t.Error("what was pushed since was replaced")
	}
}
