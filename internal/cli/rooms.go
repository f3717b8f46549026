package cli

import (
	"strings"

	"vitrine/internal/item"
)

// roomsFlag names the rooms of a shop.
type roomsFlag struct {
	Rooms []string `help:"All rooms of the shop, each by its name and its NATS, this one included." placeholder:"NAME=URL"`
}

// addresses returns the URL of the NATS of each room, by name.
func (f roomsFlag) addresses() (map[string]string, error) {
	rooms := map[string]string{}
	for _, r := range f.Rooms {
		name, url, ok := strings.Cut(r, "=")
		switch {
		case !ok || url == "":
			return nil, usagef("--rooms takes NAME=URL, such as east=nats://10.1.0.5:4222; %q is none", item.Clip(name, 80))
		case item.CheckName(name) != nil:
			return nil, usagef("--rooms: %w", item.CheckName(name))
		case rooms[name] != "":
			return nil, usagef("--rooms names %s twice", name)
		}
		rooms[name] = url
	}
	return rooms, nil
}

// around returns the same for a process in a room, which has to be one of them.
func (f roomsFlag) around(own string) (map[string]string, error) {
	rooms, err := f.addresses()
	if err == nil && len(rooms) > 0 && rooms[own] == "" {
		err = usagef("--room %s is none of --rooms: name this room, too, so that each room may have the same list", own)
	}
	return rooms, err
}
