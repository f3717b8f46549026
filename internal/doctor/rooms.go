package doctor

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"vitrine/internal/bus"
	"vitrine/internal/control"
)

// checkRooms tries the NATS of each room of the shop.
func (x *checkRun) checkRooms(ctx context.Context, conn *bus.Conn) {
	if len(x.Rooms) > 0 && x.Rooms[x.Room] == "" {
		x.report("rooms", "", fmt.Errorf("--room %s is none of --rooms", x.Room))
	}
	for _, name := range slices.Sorted(maps.Keys(x.Rooms)) {
		good := name + " answers at " + x.Rooms[name]
		if name == x.Room {
			good = name + " is this room"
		}
		end, err := x.tryRoom(ctx, conn, name)
		x.report("rooms", good, err)
		if name != x.Room {
			x.checkHeard(ctx, conn, name, end)
		}
	}
	if len(x.Rooms) > 0 {
		x.checkApart(ctx, conn)
	}
}

// joinedWithin is how long processes at a NATS that is joined to this one may take to answer.
const joinedWithin = time.Second

// checkApart looks for processes of other rooms that hear what is said in this one.
func (x *checkRun) checkApart(ctx context.Context, conn *bus.Conn) {
	strangers, err := control.Joined(ctx, conn, joinedWithin)
	if err != nil {
		return // a login that may not ask
	}
	for _, s := range strangers {
		if s.Room != x.Room {
			x.report("rooms", "", fmt.Errorf("%s, of the room %s, hears what is said at the NATS of --nats, and is at another one: the two are joined, by a leaf node, a gateway or a route. "+
				"Then the announcements of each room disturb the other's pages, which are marked stale. Part them, or deny Vitrine's subjects there: docs/rooms.md", s.Node, s.Room))
			return
		}
	}
}

// tryRoom reports, by an error, a room that can't be reached, or whose name belongs to another one. end is where its announcements end, as far as that is known.
func (x *checkRun) tryRoom(ctx context.Context, conn *bus.Conn, name string) (end bus.Position, err error) {
	there, err := conn.Beside(ctx, x.Rooms[name])
	if err != nil {
		return end, fmt.Errorf("%s: %w; what is announced there waits there until it answers", name, err)
	}
	defer there.Close()
	end, _ = there.HistoryEnd(ctx) // how far this room is behind is not told then
	x.checkRoomClock(ctx, conn, there, name)
	own, err := there.SameHistory(ctx, conn)
	switch {
	case err != nil:
		return end, fmt.Errorf("%s: %w", name, err)
	case own && name != x.Room:
		return end, fmt.Errorf("%s: its NATS, %s, is that of --nats, and so of the room %s: is --room this room's name, and has --rooms the address of each?", name, x.Rooms[name], x.Room)
	case !own && name == x.Room:
		return end, fmt.Errorf("%s is this room by --room, but its address in --rooms, %s, is of another NATS than --nats", name, x.Rooms[name])
	}
	members, err := control.Members(ctx, there)
	if err != nil {
		return end, nil // a login of another room may only hear what is announced
	}
	for _, m := range members {
		if m.Present && m.Room != name {
			return end, fmt.Errorf("%s: at its NATS, %s, is %s, which calls its room %s: is its --room right, and the name in --rooms?", name, x.Rooms[name], m.Node, m.Room)
		}
	}
	return end, nil
}
