package lineage_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"vitrine/internal/kv"
	"vitrine/internal/kv/rediskv"
	"vitrine/internal/redistest"
)

// late is a store whose clock is behind by as much as is set.
type late struct {
	*rediskv.Store
	by atomic.Int64
}

func (l *late) Parts(ctx context.Context) ([]kv.Shard, error) {
	parts, err := l.Store.Parts(ctx)
	for i := range parts {
		parts[i].Clock = parts[i].Clock.Add(-time.Duration(l.by.Load()))
	}
	return parts, err
}

// TestARepairWaitsForALateClock proves that what may be lost is announced again only when the clock of the server that took over
// has passed that of the one before: its gens would be lower than those that were lost.
func TestARepairWaitsForALateClock(t *testing.T) {
	t.Parallel()
	srv := redistest.Single(t)
	s := redis(t, srv.URL)
	l := &late{Store: s}
	r := newRoom(t, l, l)
	r.look()
	r.change("sku", "price", "1")
	srv.Stop()
	srv.Start()
	l.by.Store(int64(time.Hour))
	r.look()
	r.look()
	r.expect()
	l.by.Store(int64(300 * time.Millisecond))
	r.look()
	r.expect("change.refresh.sku.price.1 forced")
	r.look()
	r.expect()

	// What came between the flush and the walk has gens of that clock, so the walk is forced.
	r.upstream.pages["sku"] = [][]string{{"1"}}
	r.agent.Lag = time.Nanosecond
	l.by.Store(int64(2 * time.Second))
	began := time.Now()
	srv.Flush()
	r.look()
	r.expect("change.refresh.sku.all.1 forced")
	if took := time.Since(began); took < time.Second {
		t.Errorf("a clock that was behind by 1.7 s more was waited for for %s", took)
	}
}
