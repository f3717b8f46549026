package node

import (
	"context"
	"math"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"strconv"
	"strings"
	"time"

	"vitrine/internal/pause"
)

// A server of pages that lives in 40 MB would collect garbage for every 300 pages that it makes, which costs a fifth of its CPU.
// So it lets the heap grow to heapFloor before the first collection; from half of that on, the runtime's own rule
// takes over, by which a heap may double.
const (
	heapFloor    = 256 << 20 // bytes
	heapShare    = 4         // the floor is at most this part of what a container may use
	garbageEvery = 100 * time.Millisecond
	percentStep  = 10 // of a percentage: smaller changes are left
)

// garbage sets the percentage by which the heap may grow, as GOGC does. Whoever sets GOGC has decided that.
type garbage struct {
	floor uint64        // bytes
	live  func() uint64 // bytes that the last collection left
	set   func(percent int) (was int)
}

// newGarbage gives nil where GOGC is set.
func newGarbage() *garbage {
	if os.Getenv("GOGC") != "" {
		return nil
	}
	floor := uint64(heapFloor)
	if limit := containerLimit("/sys/fs/cgroup/memory.max"); limit > 0 {
		floor = min(floor, limit/heapShare)
	}
	return &garbage{floor: floor, live: liveHeap, set: debug.SetGCPercent}
}

// Run follows the size of the heap until ctx ends.
func (g *garbage) Run(ctx context.Context) error {
	now := g.percent(g.live())
	before := g.set(now)
	defer g.set(before)
	pause.Every(ctx, garbageEvery, func() {
		next := g.percent(g.live())
		if step := max(next-now, now-next); step*100 >= now*percentStep {
			g.set(next)
			now = next
		}
	})
	return nil
}

// percent is what lets a heap of live bytes grow to the floor, or to twice its size.
func (g *garbage) percent(live uint64) int {
	return int(max(100, min(1000, (g.floor-min(g.floor, live))*100/max(live, 1))))
}

// liveHeap is what the last collection left, in bytes.
func liveHeap() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	if sample[0].Value.Kind() != metrics.KindUint64 {
		return math.MaxInt64 // an unknown runtime: its own rule is best
	}
	return sample[0].Value.Uint64()
}

// containerLimit reads how many bytes the container may use; 0 where there is no limit, or no container.
func containerLimit(file string) uint64 {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0
	}
	limit, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64)
	if err != nil {
		return 0
	}
	return limit
}
