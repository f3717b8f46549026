package rooms

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"vitrine/internal/bus"
	"vitrine/internal/pause"
)

// pushed returns the buckets of what operators push, each with the keys that concern all rooms; none means every key. The others of the
// catalog's bucket are addresses of one room.
func pushed() map[string][]string {
	return map[string][]string{"switches": nil, "catalog": {"catalog"}, "templates": nil}
}

// carrier has a room catch up with what was pushed in another one. What was pushed last wins, whichever room it was pushed in; each
// room carries what is newer in the other one.
type carrier struct {
	room  string // the other one
	other *bus.Conn
	own   *bus.Conn
	every time.Duration
	log   *slog.Logger

	seen   map[string][2]bus.BucketPosition // by bucket: what both held when they were compared
	failed string                           // the failure that was logged last
}

// run carries until ctx ends. A failure does not end it: who may not push hears of changes all the same.
func (c *carrier) run(ctx context.Context) error {
	if !c.own.MayPush() {
		<-ctx.Done()
	}
	c.seen = map[string][2]bus.BucketPosition{}
	for ctx.Err() == nil {
		var err error
		for bucket, keys := range pushed() {
			err = errors.Join(err, c.carry(ctx, bucket, keys))
		}
		c.tell(ctx, err)
		_ = pause.For(ctx, c.every)
	}
	return ctx.Err()
}

func (c *carrier) tell(ctx context.Context, err error) {
	switch {
	case ctx.Err() != nil:
	case err == nil:
		c.failed = ""
	case c.failed == "":
		c.failed = err.Error()
		c.log.Warn("what is pushed in another room is not carried here", "room", c.room, "error", err)
	}
}

// carry takes over what is newer in the other room's bucket, if either has changed since they were compared.
func (c *carrier) carry(ctx context.Context, bucket string, keys []string) error {
	other, own := c.other.Bucket(bucket), c.own.Bucket(bucket)
	var stand [2]bus.BucketPosition
	for i, b := range []*bus.Bucket{other, own} {
		at, err := b.Standing(ctx)
		if errors.Is(err, bus.ErrNoEntry) {
			return nil // it is made by who pushes first
		}
		if err != nil {
			return err
		}
		stand[i] = at
	}
	if c.seen[bucket] == stand {
		return nil
	}
	theirs, err := other.Newest(ctx)
	if err != nil {
		return fmt.Errorf("read the bucket %s of the room %s: %w", bucket, c.room, err)
	}
	for _, e := range theirs {
		if keys != nil && !slices.Contains(keys, e.Key) {
			continue
		}
		if _, err := own.Carry(ctx, e); err != nil {
			return err
		}
	}
	c.seen[bucket] = stand
	return nil
}
