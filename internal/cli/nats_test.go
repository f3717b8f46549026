package cli_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"vitrine/internal/bus"
	"vitrine/internal/item"
	"vitrine/internal/redistest"
)

// deployedNATS runs a server with deploy/nats/nats.conf and returns a function that gives the URL of a user.
func deployedNATS(t *testing.T) (url func(user string) string) {
	t.Helper()
	options := deployedConfig(t, "nats.conf", nil)
	options.Host, options.Port, options.StoreDir, options.NoSigs, options.NoLog = "127.0.0.1", -1, t.TempDir(), true, true
	s, err := server.NewServer(options)
	if err != nil {
		t.Fatal(err)
	}
	address := startNATS(t, s)
	return func(user string) string { return "nats://" + user + ":" + user + "-secret@" + address }
}

// deployedConfig reads a file of deploy/nats. In a deployment the passwords, and the texts that replace others, come from the environment
// and are installed.
func deployedConfig(t *testing.T, name string, replace map[string]string) *server.Options {
	t.Helper()
	dir := t.TempDir()
	for _, file := range []string{name, "accounts.conf"} {
		conf := string(readFile(t, "../../deploy/nats/"+file))
		for _, user := range []string{"UPSTREAM", "WORKER", "DETAIL", "ROOM", "OPERATOR", "CONTROL"} {
			conf = strings.ReplaceAll(conf, "$"+user+"_PASSWORD", strings.ToLower(user)+"-secret")
		}
		for old, text := range replace {
			conf = strings.ReplaceAll(conf, old, text)
		}
		write(t, filepath.Join(dir, file), conf)
	}
	options, err := server.ProcessConfigFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return options
}

// startNATS starts a server, stops it when the test ends, and returns its address.
func startNATS(t *testing.T, s *server.Server) string {
	t.Helper()
	s.Start()
	t.Cleanup(func() {
		s.Shutdown()
		s.WaitForShutdown()
	})
	if !s.ReadyForConnections(time.Minute) {
		t.Fatal("NATS is not ready")
	}
	return s.Addr().String()
}

// TestEachRoleMayDoItsOwn runs the whole loop with each role as its own NATS user, and proves that each user is
// refused what belongs to another role.
func TestEachRoleMayDoItsOwn(t *testing.T) {
	t.Parallel()
	url := deployedNATS(t)
	r := redistest.Single(t)
	s := newShop(t)
	fill(s, 5)
	dir := t.TempDir()
	if code, out, errs := vitrine(t, "catalog", "push", catalogFor(t, shopCatalog, s.URL), "--nats", url("operator"), "--control", url("control")); code != 0 {
		t.Fatal(out, errs)
	}
	role(t, "heterog", url("worker"), filepath.Join(dir, "heterog"), "--redis", r.URL, "--control", "control.API")
	role(t, "syncer", url("worker"), filepath.Join(dir, "syncer"), "--redis", r.URL, "--control", "control.API")
	d := detailServer(t, url("detail"), r.URL, filepath.Join(dir, "detail"), "--control", "control.API")
	dial := func(user, control string) *bus.Conn {
		conn, err := bus.Dial(t.Context(), bus.Config{URL: url(user), Control: control, Name: user, Log: slog.New(slog.DiscardHandler), Away: true})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(conn.Close)
		return conn
	}
	added := dial("detail", "control.API")
	eventually(t, func() string {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		answered := false
		err := added.Request(ctx, "ask.pages", func([]byte) bool { answered = true; return true })
		if !answered {
			return fmt.Sprint("a detail server does not learn which pages another has: ", err)
		}
		return ""
	})
	room := dial("room", "control.API")
	errHeard := errors.New("heard")
	hearing, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	err := room.FollowNotices(hearing, bus.Position{}, func(ctx context.Context, h bus.Heard) error {
		if h.Missed { // of what was announced before
			heard := item.Change{Lane: item.Normal, Entity: item.Entity{Kind: "sku", ID: s.IDs()[0]}, Dimension: item.All}
			return dial("upstream", "control.API").PublishChanges(ctx, []item.Change{heard}, bus.PublishOptions{Everywhere: true})
		}
		if len(h.Notices) > 0 {
			return errHeard
		}
		return nil
	})
	if !errors.Is(err, errHeard) {
		t.Errorf("another room hears: %v", err)
	}
	shop, worker, detail, operator := dial("upstream", "control.API"), dial("worker", "control.API"), dial("detail", "control.API"), dial("operator", url("control"))
	for _, id := range s.IDs() {
		announce(t, shop, item.All, id)
	}
	d.NATS = url("operator")
	d.converged(s)
	if out := d.flip(0, "live.offer", "off", "--control", url("control")); len(out.Acked) != 3 {
		t.Errorf("%+v", out)
	}

	short := func(f func(ctx context.Context) error) error {
		ctx, cancel := context.WithTimeout(t.Context(), 700*time.Millisecond) // a refused request gets no reply
		defer cancel()
		return f(ctx)
	}
	change := func(lane item.Lane) []item.Change {
		return []item.Change{{Lane: lane, Entity: item.Entity{Kind: "sku", ID: "9"}, Dimension: "product"}}
	}
	for _, c := range []struct {
		who, what string
		do        func(ctx context.Context) error
	}{
		{"an upstream", "set a switch", func(ctx context.Context) error { _, err := shop.Bucket("switches").Put(ctx, "x", nil); return err }},
		{"an upstream", "read a catalog", func(ctx context.Context) error { _, err := shop.Bucket("catalog").Get(ctx, "catalog"); return err }},
		{"an upstream", "announce to syncers", func(ctx context.Context) error { return shop.PublishSyncs(ctx, change(item.High)) }},
		{"another room", "announce", func(ctx context.Context) error {
			return room.PublishChanges(ctx, change(item.High), bus.PublishOptions{})
		}},
		{"another room", "set a switch", func(ctx context.Context) error { _, err := room.Bucket("switches").Put(ctx, "x", nil); return err }},
		{"a worker", "set a switch", func(ctx context.Context) error { _, err := worker.Bucket("switches").Put(ctx, "x", nil); return err }},
		{"a worker", "push a catalog", func(ctx context.Context) error {
			_, err := worker.Bucket("catalog").Put(ctx, "catalog", nil)
			return err
		}},
		{"a detail server", "set a switch", func(ctx context.Context) error { _, err := detail.Bucket("switches").Put(ctx, "x", nil); return err }},
		{"a detail server", "push a catalog", func(ctx context.Context) error {
			_, err := detail.Bucket("catalog").Put(ctx, "catalog", nil)
			return err
		}},
		{"a detail server", "publish in the normal lane", func(ctx context.Context) error {
			return detail.PublishChanges(ctx, change(item.Normal), bus.PublishOptions{})
		}},
		{"a detail server", "announce blobs", func(ctx context.Context) error {
			return detail.Announce(ctx, []bus.Announcement{{Entity: item.Entity{Kind: "sku", ID: "9"}, Gens: map[string]uint64{"item": 1}}})
		}},
	} {
		if err := short(c.do); err == nil {
			t.Errorf("%s may %s", c.who, c.what)
		}
	}
	if _, err := operator.Bucket("switches").Put(t.Context(), "x", nil); err != nil {
		t.Error("an operator may not push:", err)
	}
	if _, err := detail.Bucket("switches").Get(t.Context(), "x"); err != nil {
		t.Error("a detail server may not read switches:", err)
	}
	if _, err := bus.Dial(t.Context(), bus.Config{URL: strings.Replace(url("operator"), "operator-secret", "guess", 1), Name: "stranger", Log: slog.New(slog.DiscardHandler)}); err == nil {
		t.Error("anybody may connect")
	}
}
