package bus

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"vitrine/internal/item"
)

// pushedHeader is on an entry that was pushed in another room, or before its bucket was lost: when it was pushed there.
const pushedHeader = "Vitrine-Pushed"

// carryTries is how often a carried entry may meet others.
const carryTries = 10

// Newest returns the latest revision of each key, deleted ones included.
func (b *Bucket) Newest(ctx context.Context) (all []Entry, err error) {
	_, err = b.latest(ctx, func(e Entry) error {
		all = append(all, e)
		return nil
	})
	return all, err
}

// Standing identifies what a bucket holds: it is another one after each change. It fails with ErrNoEntry if the bucket is not there.
func (b *Bucket) Standing(ctx context.Context) (BucketPosition, error) {
	info, err := b.info(ctx)
	switch {
	case errors.Is(err, jetstream.ErrStreamNotFound):
		return BucketPosition{}, fmt.Errorf("bucket %s: it is not there: %w", b.name, ErrNoEntry)
	case err != nil:
		return BucketPosition{}, b.failed("look at", "it", err)
	}
	return BucketPosition{info.Created, info.State.LastSeq, info.State.LastTime}, nil
}

// Newer reports whether e was pushed after another entry of its key. Of two that were pushed at one moment, in two rooms, the same one is newer everywhere.
func (e Entry) Newer(than Entry) bool {
	if !e.Pushed.Equal(than.Pushed) {
		return e.Pushed.After(than.Pushed)
	}
	return bytes.Compare(e.Value, than.Value) > 0
}

// Carry stores an entry of another room's bucket with the time of its push, unless what is here is as new. It returns the revision that stands.
func (b *Bucket) Carry(ctx context.Context, e Entry) (revision uint64, err error) {
	for range carryTries {
		is, err := b.Latest(ctx, e.Key)
		if err != nil || !e.Newer(is) {
			return is.Revision, err
		}
		revision, err = b.store(ctx, "carry", e, is.Revision)
		if !errors.Is(err, item.ErrChanged) {
			return revision, err
		}
	}
	return 0, fmt.Errorf("carry %s into the bucket %s: %w by others, again and again", e.Key, b.name, item.ErrChanged)
}

// Latest returns the latest revision of a key, deleted or not; the zero Entry if there is none.
func (b *Bucket) Latest(ctx context.Context, key string) (found Entry, err error) {
	_, err = b.readBatch(ctx, directGet{LastFor: "$KV." + b.name + "." + key}, func(e Entry) error {
		found = e
		return nil
	})
	return found, err
}

// pushedAt is when an entry was pushed.
func pushedAt(h nats.Header, created time.Time) time.Time {
	if at, err := time.Parse(time.RFC3339Nano, h.Get(pushedHeader)); err == nil {
		return at
	}
	return created
}
