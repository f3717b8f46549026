package doctor_test

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"vitrine/internal/bus"
	"vitrine/internal/bustest"
	"vitrine/internal/doctor"
	"vitrine/internal/item"
	"vitrine/internal/netcut"
	"vitrine/internal/node"
	"vitrine/internal/poll"
	"vitrine/internal/rooms"
)

// TestDoctorListensToRooms proves that doctor says whether another room is heard, and by how much this room is behind it.
func TestDoctorListensToRooms(t *testing.T) {
	server, conn := bustest.Start(t)
	other, there := bustest.Start(t)
	cable := netcut.New(t, strings.TrimPrefix(other.URL(), "nats://"))
	marks := conn.Bucket(node.MarksBucket)
	var hears atomic.Bool
	relay := func() (stop func()) {
		ctx, cancel := context.WithCancel(t.Context())
		r := rooms.New(rooms.Config{Room: "west", Own: conn, Notes: marks, Log: slog.New(slog.DiscardHandler),
			Dial: func(ctx context.Context) (*bus.Conn, error) { return conn.Beside(ctx, "nats://"+cable.Addr) }, Hears: hears.Store})
		var running sync.WaitGroup
		running.Go(func() { _ = r.Run(ctx) })
		return func() { cancel(); running.Wait() }
	}
	expect := func(ok bool, texts ...string) {
		t.Helper()
		var found []doctor.Finding
		doctor.Run(t.Context(), doctor.Config{Dir: t.TempDir(), NATS: server.URL(), Room: "east", Rooms: map[string]string{"east": server.URL(), "west": "nats://" + cable.Addr},
			Catalog: "no file", Log: slog.New(slog.DiscardHandler), Report: func(f doctor.Finding) {
				if f.What == "heard" {
					found = append(found, f)
				}
			}})
		if len(found) != 1 || found[0].OK != ok || found[0].Warning {
			t.Fatalf("found %+v; want one that is good: %t", found, ok)
		}
		for _, text := range texts {
			if !strings.Contains(found[0].Text, text) {
				t.Errorf("%q lacks %q", found[0].Text, text)
			}
		}
	}
	expect(false, "west: it was never heard", "does a heterog with rooms: run here?")
	stop := relay()
	poll.Until(t, "west is heard", func() bool {
		notes, err := rooms.Heard(t.Context(), marks)
		return err == nil && !notes["west"].At.IsZero()
	})
	expect(true, "west is heard up to now")
	stop()
	changed := []item.Change{{Lane: item.Normal, Entity: item.Entity{Kind: "sku", ID: "1"}, Dimension: "price"}}
	if err := there.PublishChanges(t.Context(), changed, bus.PublishOptions{Everywhere: true}); err != nil {
		t.Fatal(err)
	}
	expect(false, "west: nobody hears it", "1 of its messages are still to come")
	defer relay()()
	expect(true, "west is heard up to now")
	cable.Cut()
	poll.Until(t, "west is not heard", func() bool { return !hears.Load() })
	expect(false, "west: it is not heard since")
}
