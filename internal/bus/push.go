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
	"vitrine/internal/pause"
)

const (
	// tickOfPush is by how much a push is later than what it replaces where that is from a room whose clock is ahead.
	tickOfPush = time.Millisecond
	// pushTries is how often a push may meet others, with pauses between.
	pushTries = 10
	pushPause = 20 * time.Millisecond
)

// Push stores a value whatever is there.
func (b *Bucket) Push(ctx context.Context, key string, value []byte) (revision uint64, err error) {
	for range pushTries {
		old, err := b.Head(ctx, key)
		if err != nil {
			return 0, err
		}
		revision, err = b.PushOver(ctx, old, value)
		if !errors.Is(err, item.ErrChanged) {
			return revision, err
		}
		if err := pause.For(ctx, pushPause); err != nil {
			return 0, err
		}
	}
	return 0, fmt.Errorf("push %s into the bucket %s: %w by others, again and again", key, b.name, item.ErrChanged)
}

// Head returns what a push to the key replaces: its latest revision, deleted or not; an Entry without a revision if there is none, or no bucket.
func (b *Bucket) Head(ctx context.Context, key string) (Entry, error) {
	if err := b.checkKey(key); err != nil {
		return Entry{}, err
	}
	old, err := b.Latest(ctx, key)
	if errors.Is(err, ErrNoEntry) {
		err = nil
	}
	old.Key = key
	return old, err
}

// PushOver stores a value over the entry that stands there; if another one does it fails with item.ErrChanged. What is pushed last wins in all rooms: over an
// entry from a room whose clock is ahead of this NATS's a push has a time just after that entry's.
//
//	west, 5 min ahead: off at 12:05 ── carried here ── on at 12:01 ── west carries off here again
func (b *Bucket) PushOver(ctx context.Context, old Entry, value []byte) (revision uint64, err error) {
	_, err = b.Made(ctx)
	if errors.Is(err, ErrNoEntry) { // the bucket was lost, and nobody else may be about to make it
		old.Revision = 0
		err = b.conn.Ensure(ctx)
	}
	if err != nil {
		return 0, err
	}
	now, _ := b.conn.Now()
	e := Entry{Key: old.Key, Value: value}
	if !old.Pushed.Before(now.Add(-time.Second)) { // now is known to some milliseconds
		e.Pushed = old.Pushed.Add(tickOfPush)
		if e.Pushed.Before(now) {
			e.Pushed = now
		}
	}
	return b.store(ctx, "push", e, old.Revision)
}

// store writes an entry over the revision last of its key. Without a time of its push, that is when it is stored.
func (b *Bucket) store(ctx context.Context, verb string, e Entry, last uint64) (revision uint64, err error) {
	m := &nats.Msg{Subject: "$KV." + b.name + "." + e.Key, Data: e.Value, Header: nats.Header{
		jetstream.ExpectedLastSubjSeqHeader: {strconv.FormatUint(last, 10)},
	}}
	if !e.Pushed.IsZero() {
		m.Header.Set(pushedHeader, e.Pushed.UTC().Format(time.RFC3339Nano))
	}
	if e.Deleted {
		m.Data = nil
		m.Header.Set("KV-Operation", "DEL")
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	ack, err := b.home().js.PublishMsg(ctx, m)
	if err != nil {
		return 0, b.failed(verb, e.Key, err)
	}
	return ack.Sequence, nil
}

// LatestSince is Latest at a revision of the key or a later one: a server that lags behind is asked again.
func (b *Bucket) LatestSince(ctx context.Context, key string, revision uint64) (e Entry, err error) {
	for began := time.Now(); ; {
		e, err = b.Latest(ctx, key)
		switch {
		case err != nil || e.Revision >= revision:
			return e, err
		case time.Since(began) > lagging:
			return e, fmt.Errorf("bucket %s: %s has revision %d, and had %d: has NATS lost what was pushed?", b.name, key, e.Revision, revision)
		}
		if err := pause.For(ctx, pushPause); err != nil {
			return e, err
		}
	}
}
