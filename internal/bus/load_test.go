package bus_test

import (
	"context"
	"strconv"
	"sync"
	"testing"
	"time"

	"vitrine/internal/bus"
	"vitrine/internal/item"
	"vitrine/internal/pause"
	"vitrine/internal/poll"
)

// publishEvery leaves time to whatever else runs on the machine.
const publishEvery = 5 * time.Millisecond

// load publishes changes one after the other, each again until it is acknowledged, and notes which were handled.
type load struct {
	t    *testing.T
	conn *bus.Conn

	mu      sync.Mutex // guards all below
	acked   []string
	handled map[string]bool
}

// newLoad publishes over one connection and consumes over another, until the test ends.
func newLoad(t *testing.T, publisher, consumer *bus.Conn) *load {
	t.Helper()
	l := &load{t: t, conn: publisher, handled: map[string]bool{}}
	consume(t, bus.ConsumerConfig{Conn: consumer, Handle: l.handle, Timing: bus.Timing{AckWait: 2 * time.Second}})
	ctx, cancel := context.WithCancel(t.Context())
	var publishing sync.WaitGroup
	publishing.Go(func() { l.publish(ctx) })
	t.Cleanup(func() {
		cancel()
		publishing.Wait()
	})
	return l
}

func (l *load) handle(_ context.Context, batch []bus.Task) []error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, task := range batch {
		l.handled[task.Change.Entity.ID] = true
	}
	return make([]error, len(batch))
}

func (l *load) publish(ctx context.Context) {
	for i := 0; pause.For(ctx, publishEvery) == nil; i++ {
		id := strconv.Itoa(i)
		if err := l.conn.PublishChanges(ctx, []item.Change{change(item.High, id)}, bus.PublishOptions{}); err != nil {
			continue // it is not acknowledged, and another one is next
		}
		l.mu.Lock()
		l.acked = append(l.acked, id)
		l.mu.Unlock()
	}
}

// settle waits until changes are acknowledged that were published from now on, and all that were acknowledged are handled.
func (l *load) settle(after string) {
	l.t.Helper()
	l.mu.Lock()
	want := len(l.acked) + 20
	l.mu.Unlock()
	poll.Until(l.t, "changes acknowledged after "+after, func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		return len(l.acked) >= want
	})
	l.mu.Lock()
	acked := l.acked[:want]
	l.mu.Unlock()
	poll.Until(l.t, "all that was acknowledged handled after "+after, func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		for _, id := range acked {
			if !l.handled[id] {
				return false
			}
		}
		return true
	})
}
