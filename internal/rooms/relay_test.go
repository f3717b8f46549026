package rooms_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"vitrine/internal/bus"
	"vitrine/internal/bustest"
	"vitrine/internal/item"
	"vitrine/internal/netcut"
	"vitrine/internal/poll"
	"vitrine/internal/rooms"
	"vitrine/internal/testlog"
)

const marks = "marks"

// room is a room's NATS, and the cable on which the other room reaches it.
type room struct {
	name  string
	conn  *bus.Conn
	cable *netcut.Cable
}

func newRoom(t *testing.T, name string) *room {
	t.Helper()
	server, conn := bustest.Start(t)
	u, err := url.Parse(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	return &room{name, conn, netcut.New(t, u.Host)}
}

// relay has r hear another room until stop is called, or the test ends.
func (r *room) relay(t *testing.T, other *room) (stop func()) {
	t.Helper()
	relay := rooms.New(rooms.Config{
		Room: other.name, Own: r.conn, Notes: r.conn.Bucket(marks), Log: slog.New(slog.DiscardHandler),
		Dial: func(ctx context.Context) (*bus.Conn, error) {
			return bus.Dial(ctx, bus.Config{URL: "nats://" + other.cable.Addr})
		},
	})
	ctx, cancel := context.WithCancel(t.Context())
	var ended sync.WaitGroup
	ended.Go(func() {
		if err := relay.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	stop = func() { cancel(); ended.Wait() }
	t.Cleanup(stop)
	return stop
}

// hears waits until r has a position in what the other room says.
func (r *room) hears(t *testing.T, other *room) {
	t.Helper()
	poll.Until(t, r.name+" hears "+other.name, func() bool { return !r.note(t, other).At.IsZero() })
}

func (r *room) note(t *testing.T, other *room) rooms.Note {
	t.Helper()
	notes, err := rooms.Heard(t.Context(), r.conn.Bucket(marks))
	if err != nil {
		t.Fatal(err)
	}
	return notes[other.name]
}

// announce says as a system of the shop that prices may have changed.
func (r *room) announce(t *testing.T, ids ...string) {
	t.Helper()
	r.publish(t, bus.PublishOptions{Everywhere: true}, ids...)
}

func (r *room) publish(t *testing.T, opt bus.PublishOptions, ids ...string) {
	t.Helper()
	var changes []item.Change
	for _, id := range ids {
		changes = append(changes, item.Change{Lane: item.Normal, Entity: item.Entity{Kind: "sku", ID: id}, Dimension: "price"})
	}
	if err := r.conn.PublishChanges(t.Context(), changes, opt); err != nil {
		t.Fatal(err)
	}
}

// history lists what came to r's NATS, sorted.
func (r *room) history(t *testing.T) (ids []string) {
	t.Helper()
	_, past, err := r.conn.Past(t.Context(), 0, r.made(t))
	if err != nil {
		t.Fatal(err)
	}
	for p, err := range past {
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, p.Change.Entity.ID)
	}
	slices.Sort(ids)
	return ids
}

// has waits until exactly these have come to r's NATS, each once.
func (r *room) has(t *testing.T, ids ...string) {
	t.Helper()
	slices.Sort(ids)
	var got []string
	defer func() {
		if t.Failed() {
			t.Errorf("%s has %s, and not %s", r.name, strings.Join(got, " "), strings.Join(ids, " "))
		}
	}()
	poll.Until(t, "all has come to "+r.name, func() bool {
		got = r.history(t)
		return slices.Equal(got, ids)
	})
}

func numbered(prefix string, n int) (ids []string) {
	for i := range n {
		ids = append(ids, fmt.Sprint(prefix, i))
	}
	return ids
}

func TestNoticesReachBothRooms(t *testing.T) {
	t.Parallel()
	east, west := newRoom(t, "east"), newRoom(t, "west")
	east.relay(t, west)
	west.relay(t, east)
	east.hears(t, west)
	west.hears(t, east)

	east.announce(t, "1", "2")
	west.announce(t, "3")
	east.publish(t, bus.PublishOptions{}, "own") // what a room announces to mend itself
	east.has(t, "1", "2", "3", "own")
	west.has(t, "1", "2", "3")

	t.Log("the cable is cut; both go on")
	east.cable.Cut()
	west.cable.Cut()
	inEast, inWest := numbered("e", 700), numbered("w", 700)
	east.announce(t, inEast...)
	west.announce(t, inWest...)
	east.cable.Heal()
	west.cable.Heal()
	all := slices.Concat([]string{"1", "2", "3"}, inEast, inWest)
	west.has(t, all...)
	east.has(t, append(all, "own")...)
	if gaps := west.note(t, east).Gaps; gaps != 1 {
		t.Errorf("%d gaps were counted, and there is one, of the beginning", gaps)
	}
}

func TestOneOfSeveralRelaysHears(t *testing.T) {
	t.Parallel()
	east, west := newRoom(t, "east"), newRoom(t, "west")
	stop := east.relay(t, west)
	east.hears(t, west)
	east.relay(t, west)
	west.announce(t, "1")
	east.has(t, "1")
	first := east.note(t, west).Holder
	stop()
	poll.Until(t, "the other relay takes over", func() bool {
		holder := east.note(t, west).Holder
		return holder != "" && holder != first
	})
	west.announce(t, "2")
	east.has(t, "1", "2")
}

// made is when the room's NATS had its streams made.
func (r *room) made(t *testing.T) time.Time {
	t.Helper()
	made, _, err := r.conn.StreamsMade(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return made[bus.Changes]
}

// TestARoomDoesNotHearItself covers a process that was given another room's name: what it takes for the other room is its own.
func TestARoomDoesNotHearItself(t *testing.T) {
	t.Parallel()
	east := newRoom(t, "east")
	var log testlog.Buffer
	ctx, cancel := context.WithCancel(t.Context())
	var ended sync.WaitGroup
	ended.Go(func() {
		rooms.New(rooms.Config{
			Room: "west", Own: east.conn, Notes: east.conn.Bucket(marks), Log: slog.New(slog.NewTextHandler(&log, nil)),
			Dial: func(ctx context.Context) (*bus.Conn, error) {
				return bus.Dial(ctx, bus.Config{URL: "nats://" + east.cable.Addr})
			},
		}).Run(ctx)
	})
	t.Cleanup(func() { cancel(); ended.Wait() })
	poll.Until(t, "something is logged", func() bool { return log.String() != "" })
	if got := log.String(); !strings.Contains(got, "is this room's own") || east.note(t, &room{name: "west"}).Gaps != 0 {
		t.Errorf("logged: %s", got)
	}
}

// TestANewRoomIsHeardFromItsBeginning proves that a room that is added to one that runs costs that one nothing but what was announced in it.
func TestANewRoomIsHeardFromItsBeginning(t *testing.T) {
	t.Parallel()
	east, added := newRoom(t, "east"), newRoom(t, "added")
	added.announce(t, "1", "2")
	east.relay(t, added)
	east.has(t, "1", "2")
	east.hears(t, added)
	added.announce(t, "3")
	east.has(t, "1", "2", "3")
	if gaps := east.note(t, added).Gaps; gaps != 0 {
		t.Errorf("%d gaps were counted, so that everything is fetched anew in the room that ran", gaps)
	}
}

// TestMissedNoticesAreCounted covers a note whose position the other room does not know: its NATS was made anew, or keeps less.
func TestMissedNoticesAreCounted(t *testing.T) {
	t.Parallel()
	east, west := newRoom(t, "east"), newRoom(t, "west")
	stop := east.relay(t, west)
	east.hears(t, west)
	stop()
	heard := fmt.Sprintf(`{"heard":{"stream":%q,"seq":7},"gaps":1}`, west.made(t).Add(-time.Hour).Format(time.RFC3339Nano))
	if _, err := east.conn.Bucket(marks).Put(t.Context(), "room.west", []byte(heard)); err != nil {
		t.Fatal(err)
	}
	east.relay(t, west)
	poll.Until(t, "the gap is counted", func() bool { return east.note(t, west).Gaps == 2 })
	west.announce(t, "1")
	east.has(t, "1")
}
