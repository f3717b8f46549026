package upstream

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"vitrine/internal/breaker"
	"vitrine/internal/catalog"
	"vitrine/internal/item"
)

// A circuit opens when broken of the last lately calls failed. After a pause it admits probes, and closes when most of
// them succeed.
const (
	lately = 16
	broken = 8
	probes = 3
	pause  = time.Second
)

// circuit guards one use of an upstream. Fetching and listing share one; live parts, whose deadlines are shorter, have
// another.
type circuit struct{ *breaker.Breaker }

// guarded is what a circuit guards.
type guarded struct {
	upstream string
	use      Use
}

// BreakerState is the state of one circuit.
type BreakerState struct {
	Upstream string
	Use      Use    // UseFetch, lists included, or UseLive
	State    string // one of breaker.States
}

// Breakers lists the state of all circuits used so far.
func (c *Client) Breakers() []BreakerState {
	c.mu.Lock()
	defer c.mu.Unlock()
	states := make([]BreakerState, 0, len(c.circuits))
	for g, b := range c.circuits {
		states = append(states, BreakerState{g.upstream, g.use, b.State()})
	}
	return states
}

func (c *Client) newCircuit(g guarded) circuit {
	return circuit{breaker.New(breaker.Config{
		Failures: broken, Of: lately, Successes: probes - 1, Probes: probes, Pause: pause, Jitter: 0.25,
		Changed: func(state, was string) {
			c.Log.Warn("upstream", "name", g.upstream, "use", string(g.use), "breaker", state, "was", was)
		},
	})}
}

// circuitFor gives the circuit of a use.
func (c *Client) circuitFor(name string, use Use) circuit {
	g := guarded{name, UseFetch}
	if use == UseLive {
		g.use = UseLive
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	b, ok := c.circuits[g]
	if !ok {
		b = c.newCircuit(g)
		c.circuits[g] = b
	}
	return b
}

// Capacity is how many calls an upstream may be sent now: 0 while its breaker is open, a few while it is probed, and no
// limit otherwise.
func (c *Client) Capacity(name string) int {
	b := c.circuitFor(name, UseFetch)
	switch {
	case c.Off(name):
		return 0
	case b.Closed():
		return math.MaxInt
	case b.Probing():
		return probes
	}
	return 0
}

// ask admits a call, or fails with item.ErrNotAsked.
func (b circuit) ask(u *catalog.Upstream) error {
	if b.Allow() {
		return nil
	}
	return fmt.Errorf("%w: %w: %s fails; it is asked again in %s", item.ErrUnavailable, item.ErrNotAsked, u.Name, b.Wait().Round(time.Millisecond))
}

// note reports to the breaker how an admitted call ended. A call that its caller cancelled says nothing about the upstream.
func (b circuit) note(ctx context.Context, res response, err error) {
	switch {
	case errors.Is(ctx.Err(), context.Canceled) && b.Closed():
	case errors.Is(err, item.ErrUnavailable) || err == nil && unwell(res.status):
		b.Done(false)
	default:
		b.Done(true)
	}
}
