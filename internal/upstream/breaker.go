package upstream

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/failsafe-go/failsafe-go/circuitbreaker"

	"vitrine/internal/catalog"
	"vitrine/internal/item"
)

// A breaker opens when broken of the last lately calls failed; a pause later it lets probes through, and closes
// when most of them are well.
const (
	lately = 16
	broken = 8
	probes = 3
	pause  = time.Second
)

// breaker stands before one use of an upstream: fetching and listing have one, live parts, which are less
// patient, another.
type breaker struct {
	circuitbreaker.CircuitBreaker[any]
}

func (c *Client) newBreaker(name string) breaker {
	b := circuitbreaker.NewBuilder[any]().
		WithFailureThresholdRatio(broken, lately).WithSuccessThresholdRatio(probes-1, probes).
		WithDelay(pause).WithJitterFactor(0.25).
		OnStateChanged(func(e circuitbreaker.StateChangedEvent) {
			c.Log.Warn("upstream", "name", name, "breaker", e.NewState.String(), "was", e.OldState.String())
		}).Build()
	return breaker{b}
}

// breakerFor gives the breaker of a use; live parts have their own.
func (c *Client) breakerFor(name string) breaker {
	c.mu.Lock()
	defer c.mu.Unlock()
	b, ok := c.breakers[name]
	if !ok {
		b = c.newBreaker(name)
		c.breakers[name] = b
	}
	return b
}

// Takes is how many calls an upstream may be asked now: 0 while its breaker is open, a few while it is
// probed, else as many as one likes.
func (c *Client) Takes(name string) int {
	b := c.breakerFor(name)
	switch {
	case c.Off(name):
		return 0
	case b.IsClosed():
		return math.MaxInt
	case b.IsHalfOpen() || b.RemainingDelay() == 0:
		return probes
	}
	return 0
}

// ask lets a call pass, or refuses it with item.ErrNotAsked.
func (b breaker) ask(u *catalog.Upstream) error {
	if b.TryAcquirePermit() {
		return nil
	}
	return fmt.Errorf("%w: %w: %s fails; it is asked again in %s", item.ErrUnavailable, item.ErrNotAsked, u.Name, b.RemainingDelay().Round(time.Millisecond))
}

// note tells the breaker how a call went that it let pass. What its caller gave up says nothing about the upstream.
func (b breaker) note(ctx context.Context, res response, err error) {
	switch {
	case errors.Is(ctx.Err(), context.Canceled) && b.IsClosed():
	case errors.Is(err, item.ErrUnavailable) || err == nil && unwell(res.status):
		b.RecordFailure()
	default:
		b.RecordSuccess()
	}
}
