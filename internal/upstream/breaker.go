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

// A circuit opens when broken of the last lately calls failed; a pause later it lets probes through, and closes
// when most of them are well.
const (
	lately = 16
	broken = 8
	probes = 3
	pause  = time.Second
)

// circuit stands before one use of an upstream: fetching and listing have one, live parts, which are less
// patient, another.
type circuit struct{ *breaker.Breaker }

// guarded is what a circuit stands before.
type guarded struct {
	upstream string
	use      Use
}

// BreakerState tells of one circuit.
type BreakerState struct {
	Upstream string
	Use      Use    // UseFetch, lists included, or UseLive
	State    string // one of breaker.States
}

// Breakers tells of all circuits that were needed so far.
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

// circuitFor gives the circuit of a use; live parts have their own.
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

// Takes is how many calls an upstream may be asked now: 0 while its breaker is open, a few while it is
// probed, else as many as one likes.
func (c *Client) Takes(name string) int {
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

// ask lets a call pass, or refuses it with item.ErrNotAsked.
func (b circuit) ask(u *catalog.Upstream) error {
	if b.Allow() {
		return nil
	}
	return fmt.Errorf("%w: %w: %s fails; it is asked again in %s", item.ErrUnavailable, item.ErrNotAsked, u.Name, b.Wait().Round(time.Millisecond))
}

// note tells the breaker how a call went that it let pass. What its caller gave up says nothing about the upstream.
func (b circuit) note(ctx context.Context, res response, err error) {
	switch {
	case errors.Is(ctx.Err(), context.Canceled) && b.Closed():
	case errors.Is(err, item.ErrUnavailable) || err == nil && unwell(res.status):
		b.Done(false)
	default:
		b.Done(true)
	}
}
