package rooms

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"vitrine/internal/bus"
	"vitrine/internal/item"
	"vitrine/internal/lease"
)

// notePrefix is before the name of the other room in the key of a note.
const notePrefix = "room."

// Note is what a room knows of its hearing of another one.
type Note struct {
	Heard  bus.Position `json:"heard"`            // how far; all before it was passed on
	At     time.Time    `json:"at,omitzero"`      // when the other room was last in hearing and nothing of it waited, by the holder's clock
	Gaps   uint64       `json:"gaps,omitempty"`   // how often notices were missed
	Holder string       `json:"holder,omitempty"` // who hears now; "" for nobody

	revision uint64
}

// readNote reads the note about a room, which is the zero note if there is none or it can't be read.
func readNote(ctx context.Context, notes lease.Notes, room string) (n Note, err error) {
	n, n.revision, err = lease.Read[Note](ctx, notes, notePrefix+item.EncodeID(room))
	if err != nil {
		return n, fmt.Errorf("read how far the room %s was heard: %w", room, err)
	}
	return n, nil
}

// writeNote stores the note. It fails with item.ErrChanged if another process has written it since it was read.
func writeNote(ctx context.Context, notes lease.Notes, room string, n *Note) (err error) {
	n.revision, err = lease.Write(ctx, notes, notePrefix+item.EncodeID(room), n, n.revision)
	if err != nil {
		return fmt.Errorf("write how far the room %s was heard: %w", room, err)
	}
	return nil
}

// Heard returns the notes about all other rooms, by name.
func Heard(ctx context.Context, marks *bus.Bucket) (map[string]Note, error) {
	entries, err := marks.Entries(ctx)
	if errors.Is(err, bus.ErrNoEntry) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read how far other rooms were heard: %w", err)
	}
	notes := map[string]Note{}
	for _, e := range entries {
		token, ok := strings.CutPrefix(e.Key, notePrefix)
		room, err := item.DecodeID(token)
		var n Note
		if ok && err == nil && json.Unmarshal(e.Value, &n) == nil {
			notes[room] = n
		}
	}
	return notes, nil
}

// Gaps returns how often notices of each other room were missed.
func Gaps(ctx context.Context, marks *bus.Bucket) (map[string]uint64, error) {
	notes, err := Heard(ctx, marks)
	gaps := map[string]uint64{}
	for room, n := range notes {
		gaps[room] = n.Gaps
	}
	return gaps, err
}
