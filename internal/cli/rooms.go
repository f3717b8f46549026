package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"strings"

	"vitrine/internal/bus"
	"vitrine/internal/control"
	"vitrine/internal/item"
	"vitrine/internal/redact"
)

// roomsFlag names the rooms of a shop.
type roomsFlag struct {
	Rooms []string `help:"All rooms of the shop, each by its name and its NATS, this one included; further servers of a NATS follow it, as NAME=URL,URL." placeholder:"NAME=URL"`
}

// addresses returns the URL of the NATS of each room, by name.
func (f roomsFlag) addresses() (map[string]string, error) {
	rooms, last := map[string]string{}, ""
	for _, r := range f.Rooms {
		name, address, ok := strings.Cut(r, "=")
		switch {
		case last != "" && strings.Contains(name, "://"): // one more server of the same NATS
			rooms[last] += "," + r
			continue
		case !ok || address == "":
			return nil, usagef("--rooms takes NAME=URL, such as east=nats://10.1.0.5:4222; what begins with %q is none", item.Clip(name, 20))
		case item.CheckName(name) != nil:
			return nil, usagef("--rooms: %w", item.CheckName(name))
		case rooms[name] != "":
			return nil, usagef("--rooms names %s twice", name)
		}
		rooms[name] = address
		last = name
	}
	return rooms, nil
}

// checkPush checks the flags of a push before anything is pushed.
func (f roomsFlag) checkPush(wait waitFlag) error {
	_, err := f.addresses()
	return cmp.Or(wait.check(), err)
}

// around returns the same for a process in a room, which has to be one of them.
func (f roomsFlag) around(own string) (map[string]string, error) {
	rooms, err := f.addresses()
	if err == nil && len(rooms) > 0 && rooms[own] == "" {
		err = usagef("--room %s is none of --rooms: name this room, too, so that each room may have the same list", own)
	}
	return rooms, err
}

// openRooms connects to the other rooms, before anything is pushed to that of conn.
func (f roomsFlag) openRooms(e *env, conn *bus.Conn) (*control.Rooms, error) {
	addresses, err := f.addresses()
	if err != nil {
		return nil, err
	}
	rooms, err := control.OpenRooms(e.ctx, conn, addresses)
	if errors.Is(err, control.ErrRooms) {
		err = usageError{err}
	}
	return rooms, err
}

// printRooms prints what a push came to in the other rooms.
func printRooms(w io.Writer, rooms []control.RoomOutcome) {
	for _, r := range rooms {
		switch {
		case r.Error != "":
			fmt.Fprintf(w, "room %s NOT REACHED: %s; it takes what was pushed when it and this room hear each other again\n", r.Room, r.Error)
			continue
		case r.Everywhere():
			fmt.Fprintf(w, "room %s has it in force as revision %d\n", r.Room, r.Revision)
		default:
			fmt.Fprintf(w, "room %s has it as revision %d, but NOT in force everywhere\n", r.Room, r.Revision)
		}
		for _, h := range r.Processes {
			fmt.Fprintf(w, "  %-50s %6.1f ms  %s\n", h.Node, h.MS, strings.TrimRight(h.State+": "+redact.Shown(h.Why), ": "))
		}
	}
}
