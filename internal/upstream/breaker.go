package upstream

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync/atomic"
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

// circuit guards one use of a pool of an upstream. Fetching and listing share one; live parts, whose deadlines are shorter,
// have another.
type circuit struct {
	*breaker.Breaker
	bulk *atomic.Bool // a call of the refresh lane probes
}

// guarded is what a circuit guards.
type guarded struct {
	upstream string
	pool     string // "" for the upstream's own
	use      Use
}

// BreakerState is the state of one circuit.
type BreakerState struct {
	Upstream string
	Pool     string // "" for the upstream's own
	Use      Use    // UseFetch, lists included, or UseLive
	State    string // one of breaker.States
}

// Breakers lists the state of all circuits used so far.
func (c *Client) Breakers() []BreakerState {
	c.mu.Lock()
	defer c.mu.Unlock()
	states := make([]BreakerState, 0, len(c.circuits))
	for g, b := range c.circuits {
		states = append(states, BreakerState{g.upstream, g.pool, g.use, b.State()})
	}
	return states
}

func (c *Client) newCircuit(g guarded) circuit {
	return circuit{breaker.New(breaker.Config{
		Failures: broken, Of: lately, Successes: probes - 1, Probes: probes, Pause: pause, Jitter: 0.25,
		Changed: func(state, was string) {
			log := c.Log.Warn
			if state == breaker.HalfOpen || was == breaker.HalfOpen && state == breaker.Open {
				log = c.Log.Debug // it is probed, about once a second throughout an outage
			}
			log("upstream", "name", g.upstream, "pool", g.pool, "use", string(g.use), "breaker", state, "was", was)
		},
	}), &atomic.Bool{}}
}

// circuitFor gives the circuit of a use.
func (c *Client) circuitFor(name, pool string, use Use) circuit {
	g := guarded{name, pool, UseFetch}
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

// Capacity is how many calls may be made at a place now, which is a pool of an upstream: 0 while its breaker is open, a few
// while it is probed, and no limit otherwise.
func (c *Client) Capacity(place string) int {
	name, pool := splitPlace(place)
	b := c.circuitFor(name, pool, UseFetch)
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

// splitPlace undoes catalog.Upstream.Place.
func splitPlace(place string) (name, pool string) {
	name, pool, _ = strings.Cut(place, "-")
	return name, pool
}

func nameOfPool(p *catalog.Pool) string {
	if p == nil {
		return ""
	}
	return p.Name
}

// open fails with item.ErrNotAsked while nobody may call, so that nobody waits for a place, or uses up the rate, for nothing.
func (c *Client) open(r request) error {
	b := c.circuitFor(r.from.Name, nameOfPool(r.pool), r.use)
	if b.Closed() || b.Probing() {
		return nil
	}
	return b.notAsked(r)
}

func (b circuit) notAsked(r request) error {
	return fmt.Errorf("%w: %w: %s fails; it is asked again in %s", item.ErrUnavailable, item.ErrNotAsked, r.from.Place(r.pool), b.Wait().Round(time.Millisecond))
}

// pass is the permission to make one call.
type pass struct {
	circuit
	bulk bool // it probes for the refresh lane
}

// admit permits a call, or fails with item.ErrNotAsked. While the upstream is probed, one call of the refresh lane may be on
// its way at a time, and none begins while a more urgent one waits: bulk is slow as a rule, and would use up all probes.
func (c *Client) admit(r request) (p pass, err error) {
	pool := nameOfPool(r.pool)
	p.circuit = c.circuitFor(r.from.Name, pool, r.use)
	if r.lane == item.Refresh && p.Probing() {
		p.bulk = !c.door(r.from.Name).urgent(pool) && p.circuit.bulk.CompareAndSwap(false, true)
		if !p.bulk {
			return pass{}, fmt.Errorf("%w: %w: %s is probed, by one refresh at a time, after what is more urgent", item.ErrUnavailable, item.ErrNotAsked, r.from.Place(r.pool))
		}
	}
	if p.Allow() {
		return p, nil
	}
	if p.bulk {
		p.circuit.bulk.Store(false)
	}
	return pass{}, p.notAsked(r)
}

// note reports to the breaker how an admitted call ended. A call that its caller cancelled says nothing about the upstream.
func (b pass) note(ctx context.Context, res response, err error) {
	if b.bulk {
		b.circuit.bulk.Store(false)
	}
	switch {
	case errors.Is(ctx.Err(), context.Canceled) && b.Closed():
	case errors.Is(err, item.ErrUnavailable) || err == nil && unwell(res.status):
		b.Done(false)
	default:
		b.Done(true)
	}
}
