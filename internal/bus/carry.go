package bus

import (
	"context"
	"errors"
	"fmt"
	"strconv"
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

// Carry stores an entry of another room's bucket with the time of its push, unless what is here was pushed at that time or
// later. It returns the revision that stands.
func (b *Bucket) Carry(ctx context.Context, e Entry) (revision uint64, err error) {
	for range carryTries {
		is, err := b.Latest(ctx, e.Key)
		if err != nil || !e.Pushed.After(is.Pushed) {
			return is.Revision, err
		}
		revision, err = b.carry(ctx, e, is.Revision)
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

func (b *Bucket) carry(ctx context.Context, e Entry, last uint64) (revision uint64, err error) {
	m := &nats.Msg{Subject: "$KV." + b.name + "." + e.Key, Data: e.Value, Header: nats.Header{
		pushedHeader:                        {e.Pushed.UTC().Format(time.RFC3339Nano)},
		jetstream.ExpectedLastSubjSeqHeader: {strconv.FormatUint(last, 10)},
	}}
	if e.Deleted {
		m.Data = nil
		m.Header.Set("KV-Operation", "DEL")
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	ack, err := b.home().js.PublishMsg(ctx, m)
	if err != nil {
		return 0, b.failed("carry", e.Key, err)
	}
	return ack.Sequence, nil
}

// pushedAt is when an entry was pushed.
func pushedAt(h nats.Header, created time.Time) time.Time {
	if at, err := time.Parse(time.RFC3339Nano, h.Get(pushedHeader)); err == nil {
		return at
	}
	return created
}
