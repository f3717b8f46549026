package demo

import (
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"vitrine/internal/pause"
)

// Mode is how an upstream behaves.
type Mode string

// Modes.
const (
	Sound   Mode = "ok"
	Slow    Mode = "slow"    // answers after slowness
	Failing Mode = "failing" // answers 500
	Hanging Mode = "hanging" // takes the request and never answers
)

// Modes are all modes, the sound one first.
func Modes() []Mode { return []Mode{Sound, Slow, Failing, Hanging} }

// slowness is longer than the catalog's timeout of any of its upstreams.
const slowness = 3 * time.Second

// Upstreams are the names of the demo's upstreams, as the catalog has them behind "serve:".
func Upstreams() []string {
	return []string{"products", "content", "prices", "stock", "promotions", "delivery", "taxonomy", "partners"}
}

// faults holds the mode of each upstream that is not sound.
type faults struct {
	mu    sync.RWMutex // guards modes
	modes map[string]Mode
}

// Break puts an upstream into a mode.
func (s *Shop) Break(upstream string, m Mode) error {
	if !slices.Contains(Upstreams(), upstream) {
		return fmt.Errorf("no upstream is called %q", upstream)
	}
	if !slices.Contains(Modes(), m) {
		return fmt.Errorf("no mode is called %q", m)
	}
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	if s.faults.modes == nil {
		s.faults.modes = map[string]Mode{}
	}
	s.faults.modes[upstream] = m
	return nil
}

// Mode is how an upstream behaves now.
func (s *Shop) Mode(upstream string) Mode {
	s.faults.mu.RLock()
	defer s.faults.mu.RUnlock()
	if m, ok := s.faults.modes[upstream]; ok {
		return m
	}
	return Sound
}

// breakable makes a handler behave as its upstream's mode says.
func (s *Shop) breakable(upstream string, next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		switch s.Mode(upstream) {
		case Failing:
			http.Error(w, upstream+" is failing, as it was told to", http.StatusInternalServerError)
			return
		case Hanging:
			<-r.Context().Done()
			return
		case Slow:
			if pause.For(r.Context(), slowness) != nil {
				return
			}
		}
		next(w, r)
	}
}
