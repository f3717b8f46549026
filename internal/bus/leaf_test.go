package bus_test

import (
	"errors"
	"net"
	"net/url"
	"strconv"
	"testing"

	"github.com/nats-io/nats-server/v2/server"

	"vitrine/internal/bus"
	"vitrine/internal/bustest"
	"vitrine/internal/freeaddr"
	"vitrine/internal/item"
	"vitrine/internal/poll"
)

// TestALeafNode proves that changes are published through a leaf node without a JetStream of its own, as deploy/nats/leaf.conf is,
// and that a role which is given its address is told where to go.
func TestALeafNode(t *testing.T) {
	t.Parallel()
	address := freeaddr.Of(t)
	host, text, _ := net.SplitHostPort(address)
	port, _ := strconv.Atoi(text)
	hub := bustest.Run(t, func(o *server.Options) { o.LeafNode.Host, o.LeafNode.Port = host, port })
	leaf := bustest.Run(t, func(o *server.Options) {
		o.JetStream = false
		o.LeafNode.Remotes = []*server.RemoteLeafOpts{{URLs: []*url.URL{{Scheme: "nats", Host: address}}}}
	})
	work := dial(t, bus.Config{URL: hub.ClientURL()})
	system, err := bus.Dial(t.Context(), bus.Config{URL: leaf.ClientURL()})
	if err != nil {
		t.Fatal(err)
	}
	defer system.Close()
	poll.Until(t, "a change published through the leaf node", func() bool {
		return system.PublishChanges(t.Context(), []item.Change{change(item.High, "1")}, bus.PublishOptions{}) == nil
	})
	if n := left(t, work); n != 1 {
		t.Errorf("%d changes have arrived, want 1", n)
	}
	if err := system.Check(t.Context()); !errors.Is(err, bus.ErrNoJetStream) {
		t.Errorf("a role is told %v, want %v", err, bus.ErrNoJetStream)
	}
}
