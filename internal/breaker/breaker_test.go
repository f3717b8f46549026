package breaker_test

import (
	"testing"
	"testing/synctest"
	"time"

	"vitrine/internal/breaker"
)

func TestBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var states []string
		b := breaker.New(breaker.Config{Failures: 3, Of: 4, Successes: 1, Probes: 1, Pause: time.Second,
			Changed: func(state, _ string) { states = append(states, state) }})
		for _, well := range []bool{false, false, true} {
			if !b.Allow() {
				t.Fatal("refused while closed")
			}
			b.Done(well)
		}
		if !b.Closed() || b.Probing() {
			t.Fatal("2 of 3 opened it")
		}
		b.Done(false)
		if b.Closed() || b.Allow() || b.Probing() || b.Wait() != time.Second {
			t.Fatalf("3 of 4 did not open it; next probe in %s", b.Wait())
		}
		time.Sleep(time.Second)
		if !b.Probing() || !b.Allow() || b.Allow() {
			t.Fatal("not one probe after the pause")
		}
		b.Done(false)
		if b.Allow() {
			t.Fatal("open again, but a call was allowed")
		}
		time.Sleep(time.Second)
		if !b.Allow() {
			t.Fatal("no second probe")
		}
		b.Done(true)
		if !b.Closed() || len(states) != 5 {
			t.Errorf("not closed after a probe that was well; states %q", states)
		}
	})
}
