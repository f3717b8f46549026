package catalog

import (
	"strconv"
)

// Pool is a part of an upstream's calls that has places and breakers of its own, so that slow queries don't hold up quick
// ones of the same server. Its name is unique within its upstream.
type Pool struct {
	Name        string
	Concurrency int // calls in flight, besides those of the upstream; defaults to the upstream's
}

// Bounds of what holds an upstream's calls apart.
const (
	maxPools = 16   // of an upstream: each has queues of its own
	maxRate  = 1e6  // requests in a second
	minRate  = 1e-3 // the same
)

// Place is where the calls of a pool are made, nil being the upstream's own: a token of a subject, which no other pool of
// any upstream has, since names have no dash.
func (u *Upstream) Place(p *Pool) string {
	if p == nil {
		return u.Name
	}
	return u.Name + "-" + p.Name
}

// Places is how many calls of a pool may be in flight, nil being the upstream's own.
func (u *Upstream) Places(p *Pool) int {
	if p == nil {
		return u.Concurrency
	}
	return p.Concurrency
}

// poolsOf reads the pools of an upstream. It needs the upstream's own concurrency.
func (c *compiler) poolsOf(n *node, u *Upstream) {
	u.Pools = map[string]*Pool{}
	c.named(n, "pools", func(key, n *node) {
		p := &Pool{Name: key.text, Concurrency: u.Concurrency}
		u.Pools[p.Name] = p
		c.fieldsOf(n, "pool "+p.Name, map[string]func(*node){"concurrency": c.integer("concurrency", &p.Concurrency, 1, 4096)})
	})
	if len(u.Pools) > maxPools {
		c.add(n, "", "upstream %s has %d pools, more than %d", u.Name, len(u.Pools), maxPools)
	}
}

// poolOf reads which pool of its upstream something is asked in; nil for the upstream's own.
func (c *compiler) poolOf(n *node, u *Upstream) *Pool {
	if n == nil || !c.want(n, text, "pool") {
		return nil
	}
	if u == nil {
		c.add(n, "", "pool is for what has from")
		return nil
	}
	p := u.Pools[n.text]
	if p != nil {
		return p
	}
	hint := oneOf("pool", n.text, keysOf(u.Pools))
	if len(u.Pools) == 0 {
		hint = "give the upstream one: pools: { " + n.text + ": { concurrency: 8 } }"
	}
	for _, other := range keysOf(c.cat.Upstreams) {
		if c.cat.Upstreams[other].Pools[n.text] != nil {
			hint = "that is a pool of " + other + ", and a pool belongs to one upstream"
		}
	}
	c.add(n, hint, "upstream %s has no pool %q", u.Name, n.text)
	return nil
}

// rate reads requests in a second.
func (c *compiler) rate(n *node, u *Upstream) {
	v, err := strconv.ParseFloat(n.text, 64)
	if n.form != number || err != nil || !(v >= minRate && v <= maxRate) {
		c.add(n, "leave it out for no limit", "rate must be a number of requests in a second, from %g to %.0f", minRate, maxRate)
		return
	}
	u.Rate = v
}
