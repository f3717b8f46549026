package bus_test

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"vitrine/internal/bus"
	"vitrine/internal/item"
)

// take takes the next batch of a board in the background.
func take(b bus.Board) <-chan bus.Batch {
	taken := make(chan bus.Batch, 1)
	go func() { taken <- b.Next() }()
	return taken
}

// waits fails if a batch is taken before the clock moves on.
func waits(t *testing.T, why string, taken <-chan bus.Batch) {
	t.Helper()
	synctest.Wait()
	select {
	case batch := <-taken:
		t.Fatalf("%s: %d works were taken", why, len(batch))
	default:
	}
}

func ids(n int) (ids []string) {
	for i := range n {
		ids = append(ids, fmt.Sprint(i))
	}
	return ids
}

// TestUrgentWorkOfOneStageSlowsRefreshesInAll proves that bulk work of one stage is paced while another stage has
// slow urgent work.
func TestUrgentWorkOfOneStageSlowsRefreshesInAll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		urgent := &bus.Urgency{}
		fetching, folding := bus.NewBoard(urgent, 8192), bus.NewBoard(urgent, 8192)
		goods, nowhere := bus.Place{Name: "goods", Limit: 16}, bus.Place{Limit: 64}
		fetching.Add(item.High, goods, 50, "urgent")
		inWork := fetching.Next()
		time.Sleep(time.Minute) // the urgent work is slow

		folding.Add(item.Refresh, nowhere, 10, ids(30)...)
		first := folding.Next()
		second := take(folding)
		waits(t, "urgent work of another stage is in work", second)
		folding.Done(first)
		batch := <-second // after a pause of the pacing
		third := take(folding)
		fetching.Done(inWork)
		waits(t, "urgent work has just gone on to the next stage", third)
		folding.Add(item.High, nowhere, 10, "urgent")
		inWork = <-third
		if len(batch) != 10 || !slices.Equal(inWork.IDs(), []string{"urgent"}) {
			t.Errorf("taken: %v and %v", batch.IDs(), inWork.IDs())
		}
		third = take(folding)
		time.Sleep(time.Minute)
		waits(t, "urgent work is in work", third)
		folding.Done(inWork)
		folding.Done(batch)
		if batch := <-third; len(batch) != 10 {
			t.Errorf("%d works after all urgent ones were done, want 10", len(batch))
		}
	})
}

// TestBatchesOfATrickleFill proves that work that arrives while a batch is in progress becomes one batch, not one for
// each delivery.
func TestBatchesOfATrickleFill(t *testing.T) {
	t.Parallel()
	for _, lane := range []item.Lane{item.Normal, item.Refresh} {
		t.Run(string(lane), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				board := bus.NewBoard(&bus.Urgency{}, 8192)
				goods, others := bus.Place{Name: "goods", Limit: 16}, bus.Place{Name: "others", Limit: 16}
				board.Add(lane, goods, 4, "0")
				first := board.Next() // does not wait
				taken := take(board)
				board.Add(lane, goods, 4, "1")
				waits(t, "another batch may fill", taken)
				board.Add(lane, others, 4, "x")
				if batch := <-taken; !slices.Equal(batch.IDs(), []string{"x"}) {
					t.Errorf("%v was taken, not what another place has no batch of", batch.IDs())
				}
				taken = take(board)
				board.Add(lane, goods, 4, "2", "3", "4")
				if batch := <-taken; len(batch) != 4 {
					t.Errorf("%v was taken, not a full batch", batch.IDs())
				} else {
					board.Done(batch)
				}
				taken = take(board)
				board.Add(lane, goods, 4, "5")
				waits(t, "another batch may fill", taken)
				board.Done(first)
				last := <-taken
				taken = take(board)
				board.Add(lane, goods, 4, "6")
				waits(t, "another batch may fill", taken)
				if batch := <-taken; !slices.Equal(last.IDs(), []string{"5"}) || !slices.Equal(batch.IDs(), []string{"6"}) { // after the delay
					t.Errorf("taken: %v and %v, want 5 and 6", last.IDs(), batch.IDs())
				}
				taken = take(board)
				board.Add(item.High, goods, 4, "7")
				if batch := <-taken; len(batch) != 1 || batch.IDs()[0] != "7" {
					t.Errorf("%v was taken, not what is urgent", batch.IDs())
				}
			})
		})
	}
}
