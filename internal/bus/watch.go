package bus

import (
	"context"
	"errors"
	"time"
	"vitrine/internal/pause"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// readEvery is how often a watcher makes sure that its bucket is still the same, and that it has missed no hint.
const readEvery = 2 * time.Second

// lagging is how long a server that answers reads may lag behind the one that took the write.
const lagging = 2 * time.Second

// hintHead is before the name of a bucket in the subject on which NATS publishes that it has something new.
const hintHead = "pushed."

// errRestart ends one watch to begin another.
var errRestart = errors.New("begin the watch again")

// BucketPosition says up to where somebody has read which bucket of a name. A bucket that was made anew, or whose server lost
// its last writes, has other things to say at the same revisions.
type BucketPosition struct {
	Made     time.Time `json:"made"`
	Revision uint64    `json:"revision"`
	Created  time.Time `json:"created"` // of that revision
}

// watcher follows a bucket over the losses of its connection and of the bucket itself.
type watcher struct {
	bucket  *Bucket
	f       func(Entry) error
	onRound func() // called after each round
	at      BucketPosition
	next    uint64 // the revision to read from; 0 where the latest of each key is to be read first
	last    uint64 // the bucket's last revision when it was identified
}

// Watch calls f with the latest revision of every key, deleted ones included, and then with each new one, until
// ctx ends (nil) or f fails. After an interruption it goes on; an older revision of a key never follows a newer
// one, and none comes twice. When the bucket is another than before, f is notified by an Entry with Reset set first.
func (b *Bucket) Watch(ctx context.Context, f func(Entry) error) error {
	return b.WatchAfter(ctx, BucketPosition{}, f)
}

// WatchAfter is Watch for somebody who has read up to a position before, in a process that has ended since, perhaps: the
// first Entry has Reset set where the bucket is another than that one.
func (b *Bucket) WatchAfter(ctx context.Context, at BucketPosition, f func(Entry) error) error {
	return b.Follow(ctx, at, func() {}, f)
}

// Follow is WatchAfter that calls looked whenever f has been called with all that is there, which is every two seconds at
// least while NATS answers and f returns.
func (b *Bucket) Follow(ctx context.Context, at BucketPosition, looked func(), f func(Entry) error) error {
	broken := 0
	w := &watcher{bucket: b, f: f, at: at, onRound: func() {
		broken = 0
		looked()
	}}
	for {
		blink := b.home().conn.interrupted()
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
		broken++
		b.conn.brokenOff(b.conn.log.With("bucket", b.name), "watch", broken, err)
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

// follow watches until the connection or the bucket changes. fatal says that err is f's.
func (w *watcher) follow(ctx context.Context) (fatal bool, err error) {
	blink := w.bucket.home().conn.interrupted()
	hints, stop, err := w.listen() // before the first read, so that nothing falls between
	if err != nil {
		return false, err
	}
	defer stop()
	if fatal, err := w.identify(ctx); err != nil {
		return fatal, err
	}
	if fatal, err := w.advance(ctx, w.last); err != nil {
		return fatal, err
	}
	look := time.NewTicker(readEvery)
	defer look.Stop()
	for {
		w.onRound()
		want := uint64(0)
		select {
		case <-ctx.Done():
			return false, ctx.Err()
		case <-blink:
			return false, errRestart
		case <-look.C:
			want, err = w.same(ctx)
			if err != nil {
				return false, err
			}
		case m := <-hints:
			want = number(m, "Nats-Sequence")
		}
		if fatal, err := w.advance(ctx, want); err != nil {
			return fatal, err
		}
	}
}

// listen subscribes to hints. One that is dropped is made up for by the next look.
func (w *watcher) listen() (hints chan *nats.Msg, stop func(), err error) {
	hints = make(chan *nats.Msg, 256)
	sub, err := w.bucket.home().conn.nats.ChanSubscribe(hintHead+w.bucket.name+".>", hints)
	if err != nil {
		return nil, nil, reached("watch the bucket "+w.bucket.name, err)
	}
	return hints, func() { _ = sub.Unsubscribe() }, nil // fails only where the connection is gone
}

// identify looks which bucket this is, and notifies f if it is another than before.
func (w *watcher) identify(ctx context.Context) (fatal bool, err error) {
	info, err := w.bucket.info(ctx)
	if err != nil {
		return false, err
	}
	w.last = info.State.LastSeq
	anew, err := w.another(ctx, info)
	if err != nil {
		return false, err
	}
	w.at.Made = info.Created
	if !anew {
		return false, nil
	}
	w.next = 0
	w.at.Revision = 0
	w.at.Created = time.Time{}
	err = w.f(Entry{Reset: true, Made: info.Created})
	return err != nil, err
}

// another reports whether the bucket is not the one that was read before: it was made at another time, it is shorter, or
// it says something else at the revision that was read last.
func (w *watcher) another(ctx context.Context, info *jetstream.StreamInfo) (bool, error) {
	if w.at.Made.IsZero() {
		return false, nil
	}
	if !w.at.Made.Equal(info.Created) || info.State.LastSeq < w.at.Revision {
		return true, nil
	}
	if w.at.Revision == 0 || w.at.Created.IsZero() {
		return false, nil
	}
	anew := false
	_, err := w.bucket.readBatch(ctx, directGet{Seq: w.at.Revision, NextFor: w.bucket.subjects()}, func(e Entry) error {
		anew = e.Revision == w.at.Revision && !e.Created.Equal(w.at.Created)
		return nil
	})
	return anew, err
}

// same returns the bucket's last revision; it fails when the bucket is not the one that is watched.
func (w *watcher) same(ctx context.Context) (last uint64, err error) {
	info, err := w.bucket.info(ctx)
	if err == nil && (!info.Created.Equal(w.at.Made) || info.State.LastSeq < w.at.Revision) {
		err = errRestart
	}
	if err != nil {
		return 0, err
	}
	return info.State.LastSeq, nil
}

// advance reads what is new, up to the revision want at least. A server that lags behind is asked again.
func (w *watcher) advance(ctx context.Context, want uint64) (fatal bool, err error) {
	deliver := func(e Entry) error {
		e.Made = w.at.Made
		if err := w.f(e); err != nil {
			fatal = true
			return err
		}
		w.at.Revision = e.Revision
		w.at.Created = e.Created
		w.next = e.Revision + 1
		return nil
	}
	if want != 0 && want == w.next { // as a rule: one hint, one revision
		if e, ok := w.bucket.one(ctx, want); ok {
			err := deliver(e)
			return fatal, err
		}
	}
	for began := time.Now(); want == 0 || want >= w.next; {
		next := uint64(0)
		if w.next == 0 {
			next, err = w.bucket.latest(ctx, deliver)
			next = max(next, 1)
		} else {
			next, err = w.bucket.from(ctx, w.next, deliver)
		}
		if err != nil {
			return fatal, err
		}
		w.next = max(w.next, next)
		if want < w.next || time.Since(began) > lagging || want == 0 {
			break
		}
		want, err = w.same(ctx)
		if err != nil { // a hint may say anything
			return false, err
		}
		if pause.For(ctx, 10*time.Millisecond) != nil {
			return false, ctx.Err()
		}
	}
	return false, nil
}
