package bus_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"vitrine/internal/bus"
	"vitrine/internal/item"
)

// batchOf has a place do batches of two works, each of which takes as long.
func batchOf(board bus.Board, at bus.Place, times int, took time.Duration) {
	for i := range times {
		board.Add(item.Normal, at, 5, fmt.Sprint(at.Name, "-before-", i))
		batch := board.Next()
		time.Sleep(took)
		board.Done(batch)
	}
}

// TestPlacesLeaveRoomOnTheBoard proves that full places, however many and however quick, leave room on the board for work that others
// can do. A place that is the only one may keep much of the board, since parking costs as much as working.
func TestPlacesLeaveRoomOnTheBoard(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var all []bus.Place
		for i := range 11 {
			all = append(all, bus.Place{Name: fmt.Sprint("p", i), Limit: 1})
		}
		board := bus.NewBoard(&bus.Urgency{}, 900, all...)
		for _, at := range all {
			batchOf(board, at, 1, time.Microsecond)
		}
		if n := board.Add(item.Normal, all[0], 1, ids(900)...); n < 490 || n > 500 {
			t.Errorf("%d of 900 works were turned away from an empty board with room for 900, want five ninths", n)
		}
		for _, at := range all[1:] {
			for k := range 100 {
				board.Add(item.Normal, at, 1, fmt.Sprint(at.Name, "-", k))
			}
		}
		if n := board.Room(t.Context(), item.Normal); n < 225 {
			t.Errorf("room for %d more, where 11 places are full; want a quarter of 900", n)
		}
	})
}

// TestAPlaceHoldsWhatItDoesInASecond proves that of a place as much waits as it does in a second, as much as it has in work if that
// takes longer, and always a full batch. What exceeds that is parked where there are other places, and not taken in
// where there is none.
func TestAPlaceHoldsWhatItDoesInASecond(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		batch time.Duration // takes it
		holds int           // by a place that takes two batches of five, and has had batches of one
	}{
		{"nothing known", 0, 10}, // what can begin at once
		{"10 ms", 10 * time.Millisecond, 200},
		{"100 ms", 100 * time.Millisecond, 20},
		{"a minute", time.Minute, 10},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				slow, other := bus.Place{Name: "slow", Limit: 2}, bus.Place{Name: "other", Limit: 2}
				several, single := bus.NewBoard(&bus.Urgency{}, 8192, slow, other), bus.NewBoard(&bus.Urgency{}, 8192, slow)
				if c.batch > 0 {
					batchOf(several, slow, 20, c.batch)
					batchOf(single, slow, 20, c.batch)
				}
				if n := 1000 - several.Add(item.Normal, slow, 5, ids(1000)...); n != c.holds {
					t.Errorf("%d works wait, want %d", n, c.holds)
				}
				if n := several.Room(t.Context(), item.Normal); n == 0 {
					t.Error("no room for work of the other place")
				}
				if n := single.Add(item.Normal, slow, 5, ids(c.holds)...); n != 0 {
					t.Errorf("%d works of the only place are turned away", n)
				}
				ctx, stop := context.WithTimeout(t.Context(), time.Minute)
				defer stop()
				if n := single.Room(ctx, item.Normal); n != 0 {
					t.Errorf("room for %d more at the only place, which is full", n)
				}
				for range c.holds / 5 {
					batch := single.Next()
					time.Sleep(c.batch)
					single.Done(batch)
				}
				if n := single.Room(t.Context(), item.Normal); n < 5 {
					t.Errorf("room for %d when all is done", n)
				}
			})
		})
	}
}
