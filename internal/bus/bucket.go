package bus

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"vitrine/internal/item"
)

// Bucket is a KV bucket: settings that are pushed to every process.
type Bucket struct {
	conn *Conn
	name string
}

// Entry is one revision of a key. Revisions are unique and rise within a bucket.
type Entry struct {
	Key      string
	Value    []byte
	Revision uint64
	Created  time.Time
	Pushed   time.Time // when it was pushed, in another room perhaps; Created where nothing else is known
	Deleted  bool      // deleted or expired; there is no value
	Reset    bool      // only from Watch, with no key: the bucket is another than before, its revisions say nothing about the former ones

	Made time.Time // only from Watch: when the bucket was made, which distinguishes it from others of its name
}

// ErrNoEntry is a key that has no value, or a bucket that is not there.
var ErrNoEntry = errors.New("no entry")

// Bucket names a bucket; Ensure makes it.
func (c *Conn) Bucket(name string) *Bucket { return &Bucket{c, name} }

// Put stores value whatever is there. Whoever writes to a bucket that was lost makes it anew.
func (b *Bucket) Put(ctx context.Context, key string, value []byte) (revision uint64, err error) {
	return b.write(ctx, "put", key, func(kv jetstream.KeyValue) (uint64, error) { return kv.Put(ctx, key, value) })
}

// Create stores value if the key has none; else it fails with item.ErrChanged.
func (b *Bucket) Create(ctx context.Context, key string, value []byte) (revision uint64, err error) {
	return b.write(ctx, "create", key, func(kv jetstream.KeyValue) (uint64, error) { return kv.Create(ctx, key, value) })
}

// Update stores value if the key still stands at revision last; else it fails with item.ErrChanged.
func (b *Bucket) Update(ctx context.Context, key string, value []byte, last uint64) (revision uint64, err error) {
	return b.write(ctx, "update", key, func(kv jetstream.KeyValue) (uint64, error) { return kv.Update(ctx, key, value, last) })
}

// Delete removes the key's value; its history stays.
func (b *Bucket) Delete(ctx context.Context, key string) error {
	_, err := b.write(ctx, "delete", key, func(kv jetstream.KeyValue) (uint64, error) { return 0, kv.Delete(ctx, key) })
	return err
}

// Get reads the key's value; ErrNoEntry where there is none.
func (b *Bucket) Get(ctx context.Context, key string) (Entry, error) {
	if err := b.checkKey(key); err != nil {
		return Entry{}, err
	}
	found := Entry{Deleted: true}
	_, err := b.readBatch(ctx, directGet{LastFor: "$KV." + b.name + "." + key}, func(e Entry) error {
		found = e
		return nil
	})
	switch {
	case err != nil:
		return Entry{}, err
	case found.Deleted:
		return Entry{}, fmt.Errorf("bucket %s: get %q: %w", b.name, item.Clip(key, 80), ErrNoEntry)
	}
	return found, nil
}

// checkKey refuses what is no key of one entry.
func (b *Bucket) checkKey(key string) error {
	if strings.ContainsAny(key, "*> \t\r\n") || key == "" {
		return fmt.Errorf("bucket %s: get %q: %w", b.name, item.Clip(key, 80), item.ErrName)
	}
	return nil
}

// Entries are the values of all keys, in the order of their revisions. It is one request, however many there are.
func (b *Bucket) Entries(ctx context.Context) (all []Entry, err error) {
	_, err = b.latest(ctx, func(e Entry) error {
		if !e.Deleted {
			all = append(all, e)
		}
		return nil
	})
	return all, err
}

// History lists the revisions that are kept of one key, or of all where it is "", the oldest first, deletions included.
func (b *Bucket) History(ctx context.Context, key string) (all []Entry, err error) {
	_, err = b.from(ctx, 1, func(e Entry) error {
		if key == "" || e.Key == key {
			all = append(all, e)
		}
		return nil
	})
	return all, err
}

// Keys lists the keys that have a value.
func (b *Bucket) Keys(ctx context.Context) (keys []string, err error) {
	entries, err := b.Entries(ctx)
	for _, e := range entries {
		keys = append(keys, e.Key)
	}
	return keys, err
}

func (b *Bucket) write(ctx context.Context, verb, key string, f func(jetstream.KeyValue) (uint64, error)) (uint64, error) {
	if err := fenced(ctx); err != nil {
		return 0, b.failed(verb, key, err)
	}
	kv, err := b.open(ctx)
	if errors.Is(err, ErrNoEntry) { // the bucket was lost, and nobody else may be about to make it
		err = b.conn.Ensure(ctx)
		if err == nil {
			kv, err = b.open(ctx)
		}
	}
	if err != nil {
		return 0, err
	}
	revision, err := f(kv)
	if err != nil {
		return 0, b.failed(verb, key, err)
	}
	return revision, nil
}

func (b *Bucket) open(ctx context.Context) (jetstream.KeyValue, error) {
	kv, err := b.home().js.KeyValue(ctx, b.name)
	if err != nil {
		return nil, b.failed("open", "it", err)
	}
	return kv, nil
}

// failed sorts an error of the client library into the classes that callers know.
func (b *Bucket) failed(verb, key string, err error) error {
	what := fmt.Sprintf("bucket %s: %s %q", b.name, verb, item.Clip(key, 80))
	var answer *jetstream.APIError
	switch {
	case errors.Is(err, jetstream.ErrKeyNotFound), errors.Is(err, jetstream.ErrBucketNotFound):
		return fmt.Errorf("%s: %w", what, ErrNoEntry)
	case errors.Is(err, jetstream.ErrInvalidKey):
		return fmt.Errorf("%s: %w", what, item.ErrName)
	case errors.Is(err, jetstream.ErrKeyExists),
		errors.As(err, &answer) && answer.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence:
		return fmt.Errorf("%s: %w", what, item.ErrChanged)
	}
	return reached(what, err)
}
