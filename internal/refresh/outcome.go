package refresh

import (
	"context"
	"fmt"
	"time"

	"vitrine/internal/bus"
	"vitrine/internal/item"
)

// failuresNamed bounds Outcome.Failures.
const failuresNamed = 10

// Outcome says what became of the changes that were announced.
type Outcome struct {
	Failed   int                    // how many of them became dead letters
	Failures []bus.StoredDeadLetter // the first ten of these
	Held     int                    // deletions that have begun to wait to be believed; nobody knows whose they are
}

// Bad reports whether a change has failed or a deletion waits.
func (o Outcome) Bad() bool { return o.Failed+o.Held > 0 }

// Baseline is how things stood before changes were announced.
type Baseline struct {
	lastDead uint64         // the sequence of the newest dead letter
	held     map[string]int // KIND.DIMENSION → deletions that waited
}

// TakeBaseline reads how things stand. It fails with item.ErrUnavailable, or with ctx's error.
func TakeBaseline(ctx context.Context, conn *bus.Conn) (b Baseline, err error) {
	err = again(ctx, silent, func() (err error) {
		b.lastDead, err = conn.LastDeadLetter(ctx)
		if err != nil {
			return err
		}
		b.held, err = heldNow(ctx, conn)
		return err
	})
	return b, err
}

// Outcome compares how things stand with the baseline. Of dead letters it counts those of entities for which announced
// returns true; of deletions all that came since. It fails as TakeBaseline does.
func (b Baseline) Outcome(ctx context.Context, conn *bus.Conn, announced func(item.Entity) bool) (o Outcome, err error) {
	err = again(ctx, silent, func() (err error) {
		o, err = b.compare(ctx, conn, announced)
		return err
	})
	return o, err
}

func (b Baseline) compare(ctx context.Context, conn *bus.Conn, announced func(item.Entity) bool) (o Outcome, err error) {
	for l, err := range conn.DeadLetters(ctx, "failed.>") {
		if err != nil {
			return o, err
		}
		change, err := item.ParseChange(l.Subject)
		if err != nil {
			change, err = item.ParseSync(l.Subject)
		}
		if err != nil || l.Seq <= b.lastDead || !announced(change.Entity) {
			continue
		}
		o.Failed++
		if o.Failed <= failuresNamed {
			o.Failures = append(o.Failures, l)
		}
	}
	held, err := heldNow(ctx, conn)
	for of, n := range held {
		o.Held += max(0, n-b.held[of])
	}
	return o, err
}

func heldNow(ctx context.Context, conn *bus.Conn) (map[string]int, error) {
	list, err := conn.Deletions().List(ctx)
	held := map[string]int{}
	for _, d := range list {
		held[d.Kind+"."+d.Dimension] = d.Waiting
	}
	return held, err
}

// Wait returns nil when no change waits and none is in work. Its error says how many are left when ctx has ended, or why
// the queues can't be asked. progress is called with each count, and with "" at the end.
func Wait(ctx context.Context, conn *bus.Conn, progress func(string)) error {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		var left uint64
		err := again(ctx, progress, func() (err error) {
			left, err = conn.Left(ctx)
			return err
		})
		if err != nil {
			return err
		}
		if left == 0 {
			progress("")
			return nil
		}
		progress(fmt.Sprintf("%d left in the queues", left))
		select {
		case <-ctx.Done():
			return fmt.Errorf("%d left in the queues: %w", left, ctx.Err())
		case <-tick.C:
		}
	}
}

// ParkedNow returns how many changes are parked until their upstream takes them. It fails with item.ErrUnavailable, or with
// ctx's error.
func ParkedNow(ctx context.Context, conn *bus.Conn) (parked uint64, err error) {
	depths, err := conn.Depths(ctx)
	return depths[bus.Parked].Stored, err
}
