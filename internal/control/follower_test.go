package control_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	"vitrine/internal/bus"
	"vitrine/internal/bustest"
	"vitrine/internal/control"
	"vitrine/internal/item"
	"vitrine/switches"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = time.Minute

const shop = `
version: 1
upstreams: { shop: { url: "http://127.0.0.1:9" } }
entities:
  sku:
    dimensions: { price: { from: shop, get: "/{id}" } }
    blobs: { offer: { of: [price] } }
pages: { item: { path: "/item/{sku}.html", blob: offer, template: item.html } }
`

// renamed is the shop's catalog with another name for its blob.
var renamed = strings.ReplaceAll(shop, "offer", "deal")

// system is a NATS server and a connection to it.
type system struct {
	*testing.T
	conn *bus.Conn
	js   jetstream.JetStream // as any other client has it
}

func newSystem(t *testing.T) *system {
	server, conn := bustest.Start(t)
	s := &system{T: t, conn: conn}
	raw, err := nats.Connect(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(raw.Close)
	s.js, err = jetstream.New(raw)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *system) push(catalog string) {
	s.Helper()
	if _, err := s.conn.Bucket(control.CatalogBucket).Put(s.Context(), control.CatalogKey, []byte(catalog)); err != nil {
		s.Fatal(err)
	}
}

func (s *system) follow() *control.Follower {
	f := control.NewFollower(s.conn, slog.New(slog.DiscardHandler))
	run(s.T, f.Run)
	return f
}

// run runs an agent until the test ends.
func run(t *testing.T, agent func(context.Context) error) {
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- agent(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func (s *system) eventually(what string, ok func() bool) {
	s.Helper()
	deadline := time.After(patience)
	for !ok() {
		select {
		case <-deadline:
			s.Fatalf("never happened: %s", what)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func (s *system) inForce(f *control.Follower, catalog string) {
	s.Helper()
	s.eventually("the pushed catalog is in force", func() bool { return f.Catalog() != nil && string(f.Catalog().Source) == catalog })
}

func TestALostCatalogIsPutBack(t *testing.T) {
	s := newSystem(t)
	s.push(renamed)
	s.push(shop)
	f := s.follow()
	s.inForce(f, shop)
	if err := s.js.DeleteStream(t.Context(), "KV_"+control.CatalogBucket); err != nil {
		t.Fatal(err)
	}
	s.eventually("the bucket has the catalog again", func() bool {
		e, err := s.conn.Bucket(control.CatalogBucket).Get(t.Context(), control.CatalogKey)
		return err == nil && string(e.Value) == shop
	})
	if err := f.Head(t.Context()); err != nil || f.Behind() {
		t.Errorf("behind %t, head: %v", f.Behind(), err)
	}
	s.push(renamed)
	s.inForce(f, renamed)
}

func TestPresenceIsRestoredAfterTheBucketIsLost(t *testing.T) {
	s := newSystem(t)
	p := control.NewPresence(control.PresenceConfig{Conn: s.conn, Who: switches.Identity{Node: "n", Role: "up"}})
	run(t, p.Run)
	there := func() bool {
		members, err := control.Members(t.Context(), s.conn)
		return err == nil && len(members) == 1 && members[0].Present
	}
	s.eventually("it is there", there)
	for _, bucket := range []string{"KV_nodes", "KV_roster"} {
		if err := s.js.DeleteStream(t.Context(), bucket); err != nil {
			t.Fatal(err)
		}
	}
	s.eventually("it is there again", there)
}

func TestHead(t *testing.T) {
	s := newSystem(t)
	f := control.NewFollower(s.conn, slog.New(slog.DiscardHandler))
	if err := f.Head(t.Context()); err != nil {
		t.Errorf("where nothing was ever pushed: %v", err)
	}
	s.push(shop)
	if err := f.Head(t.Context()); !errors.Is(err, item.ErrCatalog) {
		t.Errorf("before the pushed catalog is in force: %v", err)
	}
	run(t, f.Run)
	s.inForce(f, shop)
	if err := f.Head(t.Context()); err != nil {
		t.Error(err)
	}
	s.push("version: 1\nnonsense: true\n")
	s.eventually("it is behind", f.Behind)
	if err := f.Head(t.Context()); !errors.Is(err, item.ErrCatalog) || string(f.Catalog().Source) != shop {
		t.Errorf("a catalog that does not compile: %v", err)
	}
	s.push(shop)
	s.eventually("it is not behind any more", func() bool { return !f.Behind() })
	s.conn.Close()
	if err := f.Head(t.Context()); !errors.Is(err, item.ErrOwn) {
		t.Errorf("without NATS: %v", err)
	}
}

func TestThePreviousCatalogIsKnownForAWhile(t *testing.T) {
	s := newSystem(t)
	s.push(shop)
	f := s.follow()
	s.inForce(f, shop)
	if f.Previous() != nil {
		t.Error("the first has none before it")
	}
	s.push(shop + "\n# the shapes are the same\n")
	s.inForce(f, shop+"\n# the shapes are the same\n")
	if f.Previous() != nil {
		t.Error("the one before has no other shapes")
	}
	s.push(renamed)
	s.inForce(f, renamed)
	started := s.follow()
	s.inForce(started, renamed)
	for name, f := range map[string]*control.Follower{"that was there": f, "that has just started": started} {
		if p := f.Previous(); p == nil || p.Shapes == f.Catalog().Shapes || f.Serving() != p {
			t.Errorf("a process %s knows %v", name, p)
		}
	}
}

func TestRemovedNamesAreKnownForAWhile(t *testing.T) {
	s := newSystem(t)
	with := strings.Replace(shop, "    blobs:", `      stock: { from: shop, get: "/s/{id}" }`+"\n    blobs:", 1)
	with = strings.Replace(with, `    dimensions: { price: { from: shop, get: "/{id}" } }`, "    dimensions:\n"+`      price: { from: shop, get: "/{id}" }`, 1)
	s.push(with)
	f := s.follow()
	s.inForce(f, with)
	s.push(shop)
	s.inForce(f, shop)
	s.push(renamed) // another push does not discard it
	s.inForce(f, renamed)
	started := s.follow()
	s.inForce(started, renamed)
	for name, f := range map[string]*control.Follower{"that was there": f, "that has just started": started} {
		if !f.Removed("sku", "stock") || f.Removed("sku", "price") || f.Removed("sku", "news") || f.Removed("sku", item.All) {
			t.Errorf("a process %s: stock %t, price %t, news %t, all %t", name, f.Removed("sku", "stock"), f.Removed("sku", "price"), f.Removed("sku", "news"), f.Removed("sku", item.All))
		}
	}
}
