package lineage

import (
	"context"
	"encoding/json"
	"sync/atomic"
	"time"

	"vitrine/internal/bus"
)

// Life gives the current life of the stores to those who remember what they read there. It changes when an Agent, in
// whatever process, begins to repair a loss, before it announces anything.
type Life struct{ current atomic.Pointer[begun] }

// begun is a life and its beginning.
type begun struct {
	name  string
	since time.Time // when this process learned of it, or what it learned it from was noted, by NATS's clock
}

// Follow follows the Agents' bucket until ctx ends.
func (l *Life) Follow(ctx context.Context, bucket *bus.Bucket) error {
	return bucket.Watch(ctx, func(e bus.Entry) error {
		var p progress
		if e.Key == RepairKey && json.Unmarshal(e.Value, &p) == nil && p.To != l.Current() {
			l.current.Store(&begun{p.To, e.Created})
		}
		return nil
	})
}

// Current is the name of the life; "" before the first loss.
func (l *Life) Current() string {
	if now := l.current.Load(); now != nil {
		return now.name
	}
	return ""
}

// Since is when the life began, by NATS's clock, or later where this process was started later; the zero time before the first loss.
func (l *Life) Since() time.Time {
	if now := l.current.Load(); now != nil {
		return now.since
	}
	return time.Time{}
}
