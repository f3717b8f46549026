package heterog_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"vitrine/heterog"
	"vitrine/internal/bus"
	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/internal/upstream"
)

// drawer keeps held deletions.
type drawer struct {
	mu   sync.Mutex // guards all below
	held []item.Change
	bus.Suspension
}

func (d *drawer) Hold(_ context.Context, changes []item.Change) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.held = append(d.held, changes...)
	return nil
}

func (d *drawer) Suspend(_ context.Context, _, _ string, s bus.Suspension) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.Suspension = s
	return nil
}

// shelf is a bench with a drawer.
type shelf struct {
	*bench
	drawer *shown
}

// shown is a drawer that shows a worker whether the guard is suspended.
type shown struct{ drawer }

func (s *shown) Suspension(context.Context, string, string) (bus.Suspension, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.drawer.Suspension, nil
}

// newShelf returns a shelf with the prices of n articles in its store.
func newShelf(t *testing.T, n int) *shelf {
	s := &shelf{newBench(t), &shown{}}
	s.another()
	var tasks []bus.Task
	for i := range n {
		s.upstream.say(fmt.Sprint(i), `{"amount":1}`)
		tasks = append(tasks, change(item.Normal, "price", fmt.Sprint(i)))
	}
	s.must(tasks...)
	s.another()
	return s
}

// another replaces the worker by one of another process, which has seen nothing.
func (s *shelf) another() {
	s.worker = heterog.New(heterog.Config{
		Catalog: s.worker.Catalog, Store: s.store, Upstream: s.upstream, Bus: s.line, Log: s.worker.Log, Deletions: s.drawer,
	})
}

func (s *shelf) gone(from, to int) {
	for i := from; i < to; i++ {
		s.upstream.answer(fmt.Sprint(i), upstream.Answer{Status: upstream.Gone})
	}
}

// announce handles the changes of articles one by one, as they trickle in.
func (s *shelf) announce(from, to int) {
	s.Helper()
	for i := from; i < to; i++ {
		s.must(change(item.Normal, "price", fmt.Sprint(i)))
	}
}

func (s *shelf) alive(n int) (alive int) {
	for i := range n {
		if s.record("price", fmt.Sprint(i)).Existence == kv.Alive {
			alive++
		}
	}
	return alive
}

// TestDeletionsBelievedTooSoonAreAskedForAgain proves that the deletions that passed before the upstream was suspected are held with the
// others, so that they are asked for again when it answers as before.
func TestDeletionsBelievedTooSoonAreAskedForAgain(t *testing.T) {
	s := newShelf(t, 60)
	s.gone(0, 60)
	s.announce(0, 20)
	if n := s.alive(60); n == 60 {
		t.Fatal("no deletion was believed")
	}
	held := map[string]bool{}
	for _, c := range s.drawer.held {
		held[c.Entity.ID] = true
	}
	for i := range 20 {
		if !held[fmt.Sprint(i)] {
			t.Errorf("the deletion of %d is not held", i)
		}
	}
}

// TestMuchThatIsGoneWaits has an upstream answer 404 for everything. All deletions must be held except the first two,
// which are not unusual, by a worker that starts in the middle too.
func TestMuchThatIsGoneWaits(t *testing.T) {
	for name, announce := range map[string]func(s *shelf){
		"one by one": func(s *shelf) { s.announce(0, 20) },
		"in a batch": func(s *shelf) {
			var tasks []bus.Task
			for i := range 20 {
				tasks = append(tasks, change(item.Normal, "price", fmt.Sprint(i)))
			}
			s.must(tasks...)
		},
		"by two processes": func(s *shelf) { s.announce(0, 10); s.another(); s.announce(10, 20) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newShelf(t, 60)
			s.gone(0, 60)
			announce(s)
			if n := s.alive(60); n < 58 {
				t.Errorf("%d of 60 are left", n)
			}
			if n := len(s.drawer.held); n < 18 || !s.drawer.Holds() || len(s.drawer.Controls) < 8 {
				t.Errorf("%d held, because of %v", n, s.drawer.Controls)
			}
		})
	}
}

// TestLegitimateDeletionsPass proves that a part of a shop deleted at once, all of a small shop, and what somebody
// has released are deleted.
func TestLegitimateDeletionsPass(t *testing.T) {
	for name, c := range map[string]struct{ has, loses int }{"much of a shop": {200, 80}, "a small shop": {9, 9}, "one of many": {200, 1}} {
		t.Run(name, func(t *testing.T) {
			s := newShelf(t, c.has)
			s.gone(0, c.loses)
			s.announce(0, c.loses)
			if n := s.alive(c.has); n != c.has-c.loses || s.drawer.Holds() {
				t.Errorf("%d are left of %d, %d gone; held: %t", n, c.has, c.loses, s.drawer.Holds())
			}
		})
	}
	t.Run("released", func(t *testing.T) {
		s := newShelf(t, 60)
		s.drawer.Since = time.Now()
		s.drawer.Released = time.Now().Add(time.Hour)
		s.gone(0, 60)
		s.announce(0, 60)
		if n := s.alive(60); n > 0 {
			t.Errorf("%d are left", n)
		}
	})
}

// TestAnUpstreamThatIsSilentAboutTheControlDeletesNothing proves that nothing is deleted while the upstream is silent about the
// control entity, and that the change is tried again.
func TestAnUpstreamThatIsSilentAboutTheControlDeletesNothing(t *testing.T) {
	s := newShelf(t, 60)
	for i := range 60 {
		s.upstream.answer(fmt.Sprint(i), upstream.Answer{Err: item.ErrUnavailable})
	}
	s.gone(0, 5)
	var tasks []bus.Task
	for i := range 5 {
		tasks = append(tasks, change(item.Normal, "price", fmt.Sprint(i)))
	}
	for _, err := range s.handle(tasks...) {
		if !errors.Is(err, item.ErrUnavailable) {
			t.Errorf("error %v", err)
		}
	}
	if n := s.alive(60); n != 60 {
		t.Errorf("%d of 60 are left", n)
	}
}

func TestAnUpstreamThatKnowsItsRecordsAgainHasRecovered(t *testing.T) {
	s := newShelf(t, 60)
	s.gone(0, 60)
	s.announce(0, 10)
	held := bus.HeldDimension{Kind: "sku", Dimension: "price", Suspension: s.drawer.drawer.Suspension}
	if !held.Holds() || s.worker.Recovered(t.Context(), held) {
		t.Errorf("recovered while all is gone; held: %t", held.Holds())
	}
	for i := range 60 {
		s.upstream.answer(fmt.Sprint(i), upstream.Answer{Err: item.ErrUnavailable})
	}
	if s.worker.Recovered(t.Context(), held) {
		t.Error("recovered by silence")
	}
	for i := range 60 {
		s.upstream.say(fmt.Sprint(i), `{"amount":2}`)
	}
	if !s.worker.Recovered(t.Context(), held) {
		t.Error("not recovered, though all is there again")
	}
}
