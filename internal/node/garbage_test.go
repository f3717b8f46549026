package node_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"vitrine/internal/node"
)

// TestHeapGrowsToTheFloor proves that a small heap may grow to the floor, that a large one may double, and that one
// that has become large gets the runtime's default rule back at once.
func TestHeapGrowsToTheFloor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var live, percent atomic.Int64
		live.Store(32 << 20)
		percent.Store(100)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error)
		go func() {
			done <- node.FollowHeap(ctx, 256<<20, func() uint64 { return uint64(live.Load()) }, func(p int) int { return int(percent.Swap(int64(p))) })
		}()
		for _, c := range []struct{ live, percent int64 }{{32, 700}, {33, 700}, {64, 300}, {128, 100}, {400, 100}, {1, 1000}, {0, 1000}} {
			live.Store(c.live << 20)
			time.Sleep(time.Second)
			synctest.Wait()
			if got := percent.Load(); got != c.percent {
				t.Errorf("%d MiB are left: %d%%, want %d%%", c.live, got, c.percent)
			}
		}
		stop()
		if err := <-done; err != nil || percent.Load() != 100 {
			t.Errorf("in the end %d%%, error %v", percent.Load(), err)
		}
	})
}
