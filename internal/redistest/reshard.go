package redistest

import (
	"net"
	"os/exec"
	"strconv"
)

// Reshard moves slots from one master of a Cluster to another by redis-cli, as an operator does, and returns when they are
// there.
func (c *Servers) Reshard(from, to, slots int) {
	c.t.Helper()
	id := func(n int) string { s, _ := c.Nodes[n].Do("CLUSTER", "MYID").(string); return s }
	out, err := exec.Command("redis-cli", "--cluster", "reshard", c.Nodes[from].Addr, "--cluster-from", id(from), "--cluster-to", id(to),
		"--cluster-slots", strconv.Itoa(slots), "--cluster-yes").CombinedOutput()
	if err != nil {
		c.t.Errorf("redis-cli --cluster reshard: %v\n%s", err, out)
	}
}

// MoveSome moves some keys of a slot from one master to another, and leaves the slot between both until Finish is called.
func (c *Servers) MoveSome(slot int64, from, to int, keys ...string) (finish func(rest ...string)) {
	c.t.Helper()
	a, b := c.Nodes[from], c.Nodes[to]
	b.Do("CLUSTER", "SETSLOT", slot, "IMPORTING", a.Do("CLUSTER", "MYID"))
	a.Do("CLUSTER", "SETSLOT", slot, "MIGRATING", b.Do("CLUSTER", "MYID"))
	c.migrate(a, b, keys)
	return func(rest ...string) {
		c.t.Helper()
		c.migrate(a, b, rest)
		for _, n := range []*Server{b, a} {
			n.Do("CLUSTER", "SETSLOT", slot, "NODE", b.Do("CLUSTER", "MYID"))
		}
	}
}

func (c *Servers) migrate(from, to *Server, keys []string) {
	c.t.Helper()
	host, port, _ := net.SplitHostPort(to.Addr)
	args := []any{"MIGRATE", host, port, "", 0, limit.Milliseconds(), "KEYS"}
	for _, key := range keys {
		args = append(args, key)
	}
	from.Do(args...)
}
