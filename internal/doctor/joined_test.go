package doctor_test

import (
	"context"
	"log/slog"
	"net"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/nats-io/nats-server/v2/server"

	"vitrine/internal/bus"
	"vitrine/internal/bustest"
	"vitrine/internal/control"
	"vitrine/internal/doctor"
	"vitrine/internal/freeaddr"
	"vitrine/internal/poll"
	"vitrine/switches"
)

// TestDoctorFindsJoinedRooms proves that doctor finds rooms whose NATS are joined by a leaf node, over which the announcements of each come to the other.
func TestDoctorFindsJoinedRooms(t *testing.T) {
	address := freeaddr.Of(t)
	host, text, _ := net.SplitHostPort(address)
	port, _ := strconv.Atoi(text)
	east := bustest.Run(t, func(o *server.Options) {
		o.JetStreamDomain, o.LeafNode.Host, o.LeafNode.Port = "east", host, port
	})
	west := bustest.Run(t, func(o *server.Options) {
		o.JetStreamDomain = "west"
		o.LeafNode.Remotes = []*server.RemoteLeafOpts{{URLs: []*url.URL{{Scheme: "nats", Host: address}}}}
	})
	poll.Until(t, "the leaf node", func() bool { return east.NumLeafNodes() == 1 })
	for name, s := range map[string]*server.Server{"east": east, "west": west} {
		atHome(t, name, s.ClientURL())
	}
	findings := func() (found string) {
		doctor.Run(t.Context(), doctor.Config{
			Dir: t.TempDir(), NATS: east.ClientURL(), Room: "east", Rooms: map[string]string{"east": east.ClientURL()}, Catalog: "no file", Log: slog.New(slog.DiscardHandler),
			Report: func(f doctor.Finding) {
				if f.What == "rooms" && !f.OK {
					found += f.Text
				}
			},
		})
		return found
	}
	var found string
	poll.Until(t, "doctor finds it", func() bool {
		found = findings()
		return found != ""
	})
	if !strings.Contains(found, "worker-west, of the room west,") || !strings.Contains(found, "the two are joined") {
		t.Errorf("doctor says %s", found)
	}
}

// atHome starts a process of a room at a NATS.
func atHome(t *testing.T, room, address string) {
	t.Helper()
	conn, err := bus.Dial(t.Context(), bus.Config{URL: address})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	if err := conn.Ensure(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var ended sync.WaitGroup
	ended.Go(func() {
		_ = control.NewPresence(control.PresenceConfig{Conn: conn, Who: switches.Identity{Node: "worker-" + room, Role: "syncer", Room: room}}).Run(ctx)
	})
	t.Cleanup(func() {
		cancel()
		ended.Wait()
	})
	poll.Until(t, "worker-"+room+" is there", func() bool {
		members, err := control.Members(t.Context(), conn)
		return err == nil && len(members) == 1
	})
}
