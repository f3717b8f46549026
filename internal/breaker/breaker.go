// Package breaker is the circuit breaker of stores and upstreams. It spares callers the wait for a call that would
// fail.
package breaker

import (
	"time"

	"github.com/failsafe-go/failsafe-go/circuitbreaker"
)

// Config configures a Breaker. All but Jitter and Changed are required.
type Config struct {
	Failures, Of      uint                    // the breaker opens when Failures of the last Of calls failed
	Successes, Probes uint                    // and closes when Successes of at most Probes probes succeeded
	Pause             time.Duration           // from when it opens to the first probe
	Jitter            float64                 // of the pause: 0.25 is ±25 %
	Changed           func(state, was string) // called after each change of state
}

// Breaker is closed while calls succeed, open while they are refused, and half-open while a few calls probe. It is safe
// for concurrent use.
type Breaker struct {
	circuit circuitbreaker.CircuitBreaker[any]
}

// New returns a closed breaker.
func New(c Config) *Breaker {
	b := circuitbreaker.NewBuilder[any]().
		WithFailureThresholdRatio(c.Failures, c.Of).WithSuccessThresholdRatio(c.Successes, c.Probes).
		WithDelay(c.Pause).WithJitterFactor(c.Jitter)
	if c.Changed != nil {
		b = b.OnStateChanged(func(e circuitbreaker.StateChangedEvent) { c.Changed(e.NewState.String(), e.OldState.String()) })
	}
	return &Breaker{b.Build()}
}

// Closed reports whether calls pass without limit.
func (b *Breaker) Closed() bool { return b.circuit.IsClosed() }

// Probing reports whether the breaker is open or half-open and admits a probe now.
func (b *Breaker) Probing() bool {
	return b.circuit.IsHalfOpen() || b.circuit.IsOpen() && b.circuit.RemainingDelay() == 0
}

// State is one of States.
func (b *Breaker) State() string { return b.circuit.State().String() }

// The states of a breaker.
const (
	Closed   = "closed"
	Open     = "open"
	HalfOpen = "half-open"
)

// States lists the states of a breaker.
func States() []string { return []string{Closed, Open, HalfOpen} }

// Wait is the time until the next probe is admitted.
func (b *Breaker) Wait() time.Duration { return b.circuit.RemainingDelay() }

// Allow reports whether a call may be made now. The caller must call Done after the call.
func (b *Breaker) Allow() bool { return b.circuit.TryAcquirePermit() }

// Done records whether an allowed call succeeded.
func (b *Breaker) Done(well bool) {
	if well {
		b.circuit.RecordSuccess()
		return
	}
	b.circuit.RecordFailure()
}
