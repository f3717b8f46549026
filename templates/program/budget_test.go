package program

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"vitrine/internal/item"
)

// steps takes as many steps as the clock is looked at once in.
func steps(b *Budget) (err error) {
	for range stepsPerClock {
		err = errors.Join(err, b.Step(1))
	}
	return err
}

// TestAStalledMachineFailsNoPage proves that a page that hardly had the CPU is finished, however late.
func TestAStalledMachineFailsNoPage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b Budget
		b.Start()
		defer b.End()
		for b.steps < 10*stepsPerClock {
			if err := steps(&b); err != nil {
				t.Fatalf("after %s: %v", time.Since(b.began), err)
			}
			time.Sleep(maxTime / 11) // the bubble's time: no CPU is used
		}
		time.Sleep(maxTime)
		if err := steps(&b); !errors.Is(err, item.ErrRefused) {
			t.Errorf("after %s: %v, want a refusal", time.Since(b.began), err)
		}
	})
}

// TestAPageThatIsBusyEnds proves that the CPU time of a page is bounded once it is late.
func TestAPageThatIsBusyEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b Budget
		b.Start()
		defer b.End()
		time.Sleep(2 * freeTime) // the bubble's time does not go on while something runs
		if err := steps(&b); err != nil {
			t.Fatal(err)
		}
		began := threadTime()
		for threadTime() < began+moreTime+moreTime/10 {
			if err := steps(&b); err != nil {
				b.steps = 0
				if !errors.Is(err, item.ErrRefused) {
					t.Error(err)
				}
				return
			}
			b.steps = 0 // which MaxSteps would end
		}
		t.Errorf("it goes on after %s of CPU", moreTime)
	})
}
