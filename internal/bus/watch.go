package bus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// lookEvery is how often a watcher makes sure that its bucket is still the same.
const lookEvery = 2 * time.Second

// errRestart ends one watch to begin another.
var errRestart = errors.New("begin the watch again")

// watcher follows a bucket over the losses of its connection and of the bucket itself.
type watcher struct {
	bucket *Bucket
	f      func(Entry) error
	made   time.Time         // which bucket of that name
	seen   map[string]uint64 // key → the revision delivered last
	last   uint64            // the highest of them
}

// Watch calls f with the latest revision of every key, deleted ones included, and then with each new one, until
// ctx ends (nil) or f fails. After an interruption it goes on; an older revision of a key never follows a newer
// one, and none comes twice. When the bucket was made anew, f is told so by an Entry with Reset set first.
func (b *Bucket) Watch(ctx context.Context, f func(Entry) error) error {
	w := &watcher{bucket: b, f: f, seen: map[string]uint64{}}
	for broken := 1; ; broken++ {
		blink := b.conn.interrupted()
		fatal, err := w.follow(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case fatal:
			return err
		case errors.Is(err, errRestart):
			broken = 0
			continue
		}
		b.conn.log.Warn("watch broken off, beginning again", "bucket", b.name, "error", err)
		if b.lost(err) {
			if err := b.conn.Ensure(ctx); err != nil {
				b.conn.log.Warn("bucket not made anew", "bucket", b.name, "error", err)
			}
		}
		waitOr(ctx, min(backoff(broken), 2*time.Second), blink)
	}
}

// waitOr waits for a time, or until the connection is lost or back: then it is time to look at once.
func waitOr(ctx context.Context, d time.Duration, blink <-chan struct{}) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	case <-blink:
	}
}

func (b *Bucket) lost(err error) bool {
	return errors.Is(err, jetstream.ErrStreamNotFound) || errors.Is(err, jetstream.ErrBucketNotFound) || errors.Is(err, ErrNoEntry)
}

// follow watches until the connection or the bucket changes. fatal tells that err is f's.
func (w *watcher) follow(ctx context.Context) (fatal bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	blink := w.bucket.conn.interrupted()
	if fatal, err := w.identify(ctx); err != nil {
		return fatal, err
	}
	kv, err := w.bucket.open(ctx)
	if err != nil {
		return false, err
	}
	updates, err := kv.WatchAll(ctx)
	if err != nil {
		return false, w.bucket.failed("watch", "*", err)
	}
	defer func() { _ = updates.Stop() }() // fails only where the connection is gone
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return false, ctx.Err()
		case <-blink:
			return false, errRestart
		case <-look.C:
			if err := w.same(ctx); err != nil {
				return false, err
			}
		case e, ok := <-updates.Updates():
			if !ok {
				return false, errors.New("the watch was closed")
			}
			if e == nil {
				continue // the end of the initial values
			}
			if err := w.deliver(entry(e)); err != nil {
				return true, err
			}
		}
	}
}

// identify looks which bucket this is, and tells f when it is another than before.
func (w *watcher) identify(ctx context.Context) (fatal bool, err error) {
	made, last, err := w.look(ctx)
	if err != nil {
		return false, err
	}
	anew := !w.made.IsZero() && (!w.made.Equal(made) || last < w.last)
	w.made = made
	if !anew {
		return false, nil
	}
	clear(w.seen)
	w.last = 0
	err = w.f(Entry{Reset: true})
	return err != nil, err
}

// same fails when the bucket is not the one that is watched.
func (w *watcher) same(ctx context.Context) error {
	made, last, err := w.look(ctx)
	if err == nil && (!made.Equal(w.made) || last < w.last) {
		err = errRestart
	}
	return err
}

// look returns when the bucket was made and its last revision.
func (w *watcher) look(ctx context.Context) (made time.Time, last uint64, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	stream, err := w.bucket.conn.js.Stream(ctx, "KV_"+w.bucket.name)
	if err != nil {
		return time.Time{}, 0, fmt.Errorf("look at the bucket %s: %w", w.bucket.name, err)
	}
	info := stream.CachedInfo()
	return info.Created, info.State.LastSeq, nil
}

func (w *watcher) deliver(e Entry) error {
	if e.Revision <= w.seen[e.Key] {
		return nil
	}
	w.seen[e.Key] = e.Revision
	w.last = max(w.last, e.Revision)
	return w.f(e)
}
