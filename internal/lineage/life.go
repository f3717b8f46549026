package lineage

import (
	"context"
	"encoding/json"
	"sync/atomic"

	"vitrine/internal/bus"
)

// Life tells which life of the stores this is to those who remember what they saw there. It is another one from when an
// Agent, in whatever process, begins to mend a loss, before it announces anything.
type Life struct{ current atomic.Pointer[string] }

// Follow follows the bucket of the Agents until ctx ends.
func (l *Life) Follow(ctx context.Context, bucket *bus.Bucket) error {
	return bucket.Watch(ctx, func(e bus.Entry) error {
		var p progress
		if e.Key == RepairKey && json.Unmarshal(e.Value, &p) == nil {
			l.current.Store(&p.To)
		}
		return nil
	})
}

// Current names the life; "" before the first loss.
func (l *Life) Current() string {
	if life := l.current.Load(); life != nil {
		return *life
	}
	return ""
}
