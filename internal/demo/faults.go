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

// The modes.
const (
	Sound   Mode = "ok"
	Slow    Mode = "slow"    // answers after 3 s, see slowness
	Failing Mode = "failing" // answers 500
	Hanging Mode = "hanging" // takes the request and never answers
)

// Modes returns all modes, Sound first.
func Modes() []Mode { return []Mode{Sound, Slow, Failing, Hanging} }

// slowness is the delay of Slow. It is longer than the timeout of any upstream in the demo's catalog.
const slowness = 3 * time.Second

// Upstreams returns the names of the demo's upstreams. The catalog's URLs have them behind "serve:".
func Upstreams() []string {
	return []string{"products", "content", "prices", "stock", "promotions", "delivery", "taxonomy", "partners"}
}

// faults holds the modes of upstreams that were set. The others are sound.
type faults struct {
	mu    sync.RWMutex // guards modes
	modes map[string]Mode
}

// Break sets the mode of an upstream. It fails if there is no such upstream or no such mode; its errors wrap nothing.
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

// Mode returns the current mode of an upstream. It is Sound for an unknown one.
func (s *Shop) Mode(upstream string) Mode {
	s.faults.mu.RLock()
	defer s.faults.mu.RUnlock()
	if m, ok := s.faults.modes[upstream]; ok {
		return m
	}
	return Sound
}

// breakable wraps a handler of an upstream, which then behaves by the upstream's mode.
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
