package bus_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vitrine/internal/bus"
	"vitrine/internal/item"
	"vitrine/internal/poll"
)

// TestAQueuedChangeSaysWhatItWaitsFor proves that Find reports a change with its state and the reason, for each way in
// which an upstream may answer.
func TestAQueuedChangeSaysWhatItWaitsFor(t *testing.T) {
	t.Parallel()
	c := connect(t)
	var takes atomic.Int64
	says := map[byte]error{
		'r': fmt.Errorf("%w: shop /r1 answered 200: \x1b[2Jsorry\nno", item.ErrRefused),
		'u': fmt.Errorf("%w: GraphQL errors and no data", item.ErrUnavailable),
		'b': &bus.Doubted{Doubt: bus.Doubt{Version: "7", Since: time.Now(), Answers: 1}, Err: fmt.Errorf("%w: version 6", item.ErrBehind)},
		'l': bus.ErrSecondLook,
	}
	var tried atomic.Int64
	consume(t, bus.ConsumerConfig{
		Conn: c, Timing: bus.Timing{Backoff: func(n int) time.Duration { return time.Hour }, Second: time.Hour}, Attempts: 2,
		Group: func(change item.Change) (string, int) { return change.Entity.ID, 1 },
		Placement: bus.Placement{
			All: func() []bus.Place { return []bus.Place{{Name: "shop", Limit: 9}, {Name: "sick", Limit: 9}} },
			Of: func(change item.Change) bus.Place {
				return bus.Place{Name: map[bool]string{true: "sick", false: "shop"}[change.Entity.ID == "p1"], Limit: 9}
			},
			Capacity: func(place string) int { return map[bool]int{true: int(takes.Load()), false: 9}[place == "sick"] },
		},
		Handle: func(_ context.Context, batch []bus.Task) []error {
			tried.Add(1)
			return []error{says[batch[0].Change.Entity.ID[0]]}
		},
	})
	publish(t, c, change(item.Normal, "r1"), change(item.Normal, "u1"), change(item.Normal, "b1"), change(item.Normal, "l1"), change(item.Normal, "p1"))
	want := map[string]bus.State{"r1": bus.Refused, "u1": bus.Unanswered, "b1": bus.Older, "l1": bus.Looks, "p1": bus.Parks}
	for id, state := range want {
		var found []bus.Queued
		poll.Until(t, id+" is "+string(state), func() bool {
			var err error
			found, err = c.Find(t.Context(), item.Entity{Kind: "sku", ID: id})
			if err != nil {
				t.Fatal(err)
			}
			return len(found) == 1 && found[0].State == state
		})
		q := found[0]
		if q.Dimension != "price" || (state == bus.Refused || state == bus.Unanswered) != (q.Attempts == 1) {
			t.Errorf("%s is found as %+v", id, q)
		}
		if state == bus.Refused {
			if diff := cmp.Diff(`answer refused: shop /r1 answered 200: \x1b[2Jsorry no`, q.Reason); diff != "" {
				t.Error(diff)
			}
		}
	}
	if n := tried.Load(); n != 4 {
		t.Errorf("%d were handled, want 4: what is parked is not", n)
	}
}
