package lease

import (
	"context"
	"encoding/json"
	"errors"

	"vitrine/internal/bus"
)

// Notes is key-value storage that all processes of a room share; *bus.Bucket is one.
type Notes interface {
	Get(ctx context.Context, key string) (bus.Entry, error)
	Create(ctx context.Context, key string, value []byte) (revision uint64, err error)
	Update(ctx context.Context, key string, value []byte, last uint64) (revision uint64, err error)
}

// Read reads a note. Where there is none, the value is zero, and so is the revision; where it can't be read as a T, the value is zero.
func Read[T any](ctx context.Context, notes Notes, key string) (value T, revision uint64, err error) {
	e, err := notes.Get(ctx, key)
	switch {
	case errors.Is(err, bus.ErrNoEntry):
		return value, 0, nil
	case err != nil:
		return value, 0, err
	}
	if json.Unmarshal(e.Value, &value) != nil {
		var zero T
		value = zero
	}
	return value, e.Revision, nil
}

// Write stores a note, and returns its new revision. It fails with item.ErrChanged if the note has been written since it had the
// given revision, 0 for a note that was not there.
func Write(ctx context.Context, notes Notes, key string, value any, revision uint64) (uint64, error) {
	body, err := json.Marshal(value)
	if err != nil {
		return revision, err
	}
	var written uint64
	if revision == 0 {
		written, err = notes.Create(ctx, key, body)
	} else {
		written, err = notes.Update(ctx, key, body, revision)
	}
	if err != nil {
		return revision, err
	}
	return written, nil
}
