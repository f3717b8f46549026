package upstream_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/upstream"
)

// TestARateHoldsAndUrgentCallsGoFirst proves that an upstream is asked no more often than its catalog says, whatever comes at
// once and however many pools it has, that an urgent call does not wait behind bulk, and that bulk does not wait for ever.
func TestARateHoldsAndUrgentCallsGoFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := &catalog.Upstream{Name: "shop", Concurrency: 100, Rate: 10, Burst: 3}
		pool := &catalog.Pool{Name: "quick", Concurrency: 100}
		door := upstream.NewDoor()
		began := time.Now()
		var mu sync.Mutex
		var order []item.Lane
		var at []time.Duration
		var wait sync.WaitGroup
		ask := func(lane item.Lane, p *catalog.Pool) {
			wait.Go(func() {
				leave, err := door.Enter(t.Context(), u, p, lane)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				order = append(order, lane)
				at = append(at, time.Since(began))
				mu.Unlock()
				leave()
			})
			synctest.Wait()
		}
		for range 60 {
			ask(item.Refresh, nil)
		}
		time.Sleep(time.Second) // of the fake clock
		for range 40 {
			ask(item.High, pool)
		}
		wait.Wait()
		took := time.Since(began)
		if took < 9600*time.Millisecond || took > 9900*time.Millisecond { // three at once, then ten a second
			t.Errorf("100 calls took %s", took)
		}
		for i := range at {
			if i >= 11 && at[i]-at[i-11] < 790*time.Millisecond { // eleven more than a burst
				t.Errorf("calls %d to %d within %s", i-11, i, at[i]-at[i-11])
			}
		}
		count := map[item.Lane]int{}
		for _, lane := range order[13 : 13+34] { // what was admitted since the urgent ones came
			count[lane]++
		}
		if count[item.High] < 31 || count[item.Refresh] < 1 {
			t.Errorf("of 34 calls while both lanes waited: %v", count)
		}
	})
}

// TestWhoLeavesTheQueueTakesNothing proves that calls that were given up cost neither places nor rate, and say what they
// waited for.
func TestWhoLeavesTheQueueTakesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := &catalog.Upstream{Name: "shop", Concurrency: 1, Rate: 1, Burst: 1}
		door := upstream.NewDoor()
		leave, err := door.Enter(t.Context(), u, nil, item.Normal)
		if err != nil {
			t.Fatal(err)
		}
		for _, says := range []string{"all 1 calls are taken", "its rate of 1 calls in a second is used up"} {
			for range 5 {
				ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
				if _, err := door.Enter(ctx, u, nil, item.High); err == nil || !strings.Contains(err.Error(), says) {
					t.Errorf("it says %v, want %q", err, says)
				}
				cancel()
			}
			if leave != nil {
				leave()
				leave = nil
			}
		}
		began := time.Now()
		if _, err := door.Enter(t.Context(), u, nil, item.Refresh); err != nil || time.Since(began) > time.Second {
			t.Errorf("after %s: %v", time.Since(began), err)
		}
	})
}

// TestPoolsDoNotShareTheirPlaces proves that a full pool holds up no other, and that a change of the catalog counts.
func TestPoolsDoNotShareTheirPlaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := &catalog.Upstream{Name: "shop", Concurrency: 2}
		quick := &catalog.Pool{Name: "quick", Concurrency: 1}
		door := upstream.NewDoor()
		enters := func(p *catalog.Pool, times int) {
			t.Helper()
			for range times {
				if !enter(t, door, u, p) {
					t.Errorf("there are not %d places", times)
				}
			}
			if enter(t, door, u, p) {
				t.Errorf("there are more than %d places", times)
			}
		}
		enters(nil, 2)
		enters(quick, 1)
		quick.Concurrency = 2
		enters(quick, 1)
		enters(nil, 0)
	})
}

// enter reports whether there is a place now.
func enter(t *testing.T, door upstream.Door, u *catalog.Upstream, p *catalog.Pool) bool {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	_, err := door.Enter(ctx, u, p, item.Normal)
	return err == nil
}
