package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"

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

// carrier has what was pushed in one room in force in another one.
type carrier func(ctx context.Context, from, to *bus.Conn) (control.RoomOutcome, error)

// carry carries what was pushed in the room of conn to all other rooms at once, and says what that came to in each.
func (f roomsFlag) carry(e *env, conn *bus.Conn, do carrier) ([]control.RoomOutcome, error) {
	rooms, err := f.addresses()
	if err != nil || len(rooms) == 0 {
		return nil, err
	}
	own, err := conn.Bucket(control.SwitchBucket).Made(e.ctx)
	if err != nil {
		return nil, err
	}
	names := slices.Sorted(maps.Keys(rooms))
	outcomes := make([]*control.RoomOutcome, len(names))
	var carried sync.WaitGroup
	for i, name := range names {
		carried.Go(func() {
			defer redact.Crash()
			to, err := conn.Beside(e.ctx, rooms[name])
			if err != nil {
				outcomes[i] = &control.RoomOutcome{Room: name, Error: redact.Shown(err.Error())}
				return
			}
			defer to.Close()
			if made, err := to.Bucket(control.SwitchBucket).Made(e.ctx); err == nil && made.Equal(own) {
				return // this room itself
			}
			out, err := do(e.ctx, conn, to)
			out.Room = name
			if err != nil {
				out.Error = redact.Shown(err.Error())
			}
			outcomes[i] = &out
		})
	}
	carried.Wait()
	var all []control.RoomOutcome
	for _, out := range outcomes {
		if out != nil {
			all = append(all, *out)
		}
	}
	return all, nil
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
