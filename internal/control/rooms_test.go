package control_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"vitrine/internal/bus"
	"vitrine/internal/bustest"
	"vitrine/internal/control"
	"vitrine/switches"
)

// nowhere is an address at which no NATS is.
const nowhere = "nats://127.0.0.1:1"

// inRoom starts a NATS with one process that says in which room it is.
func inRoom(t *testing.T, room string) (address string, conn *bus.Conn) {
	t.Helper()
	server, conn := bustest.Start(t)
	run(t, control.NewPresence(control.PresenceConfig{Conn: conn, Who: switches.Identity{Node: "worker-" + room, Role: "syncer", Room: room}}).Run)
	s := &system{T: t, conn: conn}
	s.known("worker-" + room)
	return server.URL(), conn
}

// TestRoomsAreWhatTheyAreCalled proves that a push is refused where the names and addresses of rooms are mixed up, and not where one can't be reached.
func TestRoomsAreWhatTheyAreCalled(t *testing.T) {
	east, conn := inRoom(t, "east")
	west, _ := inRoom(t, "west")
	empty, _ := bustest.Start(t)
	for name, c := range map[string]struct {
		rooms map[string]string
		want  string // "" for none
	}{
		"sound":                         {map[string]string{"east": east, "west": west, "north": empty.URL()}, ""},
		"none":                          {nil, ""},
		"one is away":                   {map[string]string{"east": east, "west": nowhere}, ""},
		"this one is away, by its name": {map[string]string{"east": nowhere, "west": west}, ""},
		"exchanged":                     {map[string]string{"east": west, "west": east}, "which says that it is in the room west"},
		"one address twice":             {map[string]string{"east": east, "north": east}, "which says that it is in the room east"},
		"two names of one":              {map[string]string{"east": east, "n": empty.URL(), "o": empty.URL()}, "n and o lead to one NATS"},
		"another shop's rooms":          {map[string]string{"prod": empty.URL(), "west": west}, "none of the rooms leads to the NATS of --nats"},
		"this one's name is another's":  {map[string]string{"east": empty.URL(), "north": nowhere}, "says that it is in the room east, which leads to another NATS"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rooms, err := control.OpenRooms(t.Context(), conn, c.rooms)
			if err == nil {
				rooms.Close()
			}
			if c.want == "" && err != nil || c.want != "" && (!errors.Is(err, control.ErrRooms) || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
}

// TestEachOtherRoomIsReported proves that a push says of each other room what it came to, and nothing of its own.
func TestEachOtherRoomIsReported(t *testing.T) {
	east, conn := inRoom(t, "east")
	west, there := inRoom(t, "west")
	rooms, err := control.OpenRooms(t.Context(), conn, map[string]string{"east": east, "west": west, "north": nowhere})
	if err != nil {
		t.Fatal(err)
	}
	defer rooms.Close()
	pushed, err := control.SpreadCatalog(t.Context(), conn, []byte(shop), quick)
	if err != nil {
		t.Fatal(err)
	}
	outcomes := rooms.Carry(t.Context(), control.CarryCatalog([]byte(shop), pushed.Revision, quick))
	named := func(room string) int {
		return slices.IndexFunc(outcomes, func(o control.RoomOutcome) bool { return o.Room == room })
	}
	if len(outcomes) != 2 || named("north") != 0 || named("west") != 1 {
		t.Fatalf("the outcomes are %+v, want those of north and west", outcomes)
	}
	if o := outcomes[0]; o.Error == "" || o.Everywhere() {
		t.Errorf("a room that can't be reached has %+v", o)
	}
	if o := outcomes[1]; o.Error != "" || len(o.Processes) != 1 || o.Processes[0].State != control.Silent {
		t.Errorf("a room whose process does not follow catalogs has %+v", o)
	}
	e, err := there.Bucket(control.CatalogBucket).Get(t.Context(), control.CatalogKey)
	if err != nil || string(e.Value) != shop {
		t.Errorf("the other room has %q, %v", e.Value, err)
	}
	outcomes = rooms.Carry(t.Context(), control.CarryCatalog([]byte(shop), pushed.Revision+1, quick))
	if o := outcomes[1]; !strings.Contains(o.Error, "has NATS lost what was pushed?") {
		t.Errorf("what is not there is carried: %+v", o)
	}

	away, err := control.OpenRooms(t.Context(), conn, map[string]string{"east": nowhere, "west": west})
	if err != nil {
		t.Fatal(err)
	}
	defer away.Close()
	outcomes = away.Carry(t.Context(), control.CarryCatalog([]byte(shop), pushed.Revision, quick))
	if len(outcomes) != 1 || outcomes[0].Room != "west" || outcomes[0].Error != "" {
		t.Errorf("where the room that is pushed in does not answer at its address in the list, the outcomes are %+v, want that of west", outcomes)
	}
}
