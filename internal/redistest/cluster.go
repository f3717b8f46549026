package redistest

import (
	"net"
	"strings"
	"testing"

	"vitrine/internal/freeaddr"
)

// Nodes is the number of nodes of a Cluster, all masters.
const Nodes = 3

// Servers are the nodes of one Cluster.
type Servers struct {
	URL   string // names every node
	Nodes [Nodes]*Server

	t    testing.TB
	args []string // of each server
}

// Cluster starts three masters that share all slots, without replicas, and waits until each reports a complete Cluster. Its servers
// have further arguments. It skips the test if redis-server is missing.
func Cluster(t testing.TB, args ...string) *Servers {
	t.Helper()
	c := join(t, func(own ...string) *Server { return Single(t, append(own, args...)...) })
	c.args = args
	return c
}

// join forms a Cluster of servers started by single.
func join(t testing.TB, single func(args ...string) *Server) *Servers {
	t.Helper()
	c := &Servers{t: t}
	var addrs, buses [Nodes]string
	for i := range c.Nodes {
		_, buses[i], _ = net.SplitHostPort(freeaddr.Of(t))
		c.Nodes[i] = single("--cluster-enabled", "yes", "--cluster-port", buses[i], "--cluster-node-timeout", "2000")
		addrs[i] = c.Nodes[i].Addr
	}
	c.URL = "redis://" + strings.Join(addrs[:], ",")
	for i, n := range c.Nodes {
		n.Do("CLUSTER", "ADDSLOTSRANGE", i*16384/Nodes, (i+1)*16384/Nodes-1)
		n.Do("CLUSTER", "SET-CONFIG-EPOCH", i+1)
	}
	for i, n := range c.Nodes[1:] {
		host, port, _ := net.SplitHostPort(n.Addr)
		c.Nodes[0].Do("CLUSTER", "MEET", host, port, buses[i+1])
	}
	c.Await()
	return c
}

// Await waits until each node reports a complete Cluster, after its start or that of a node.
func (c *Servers) Await() {
	c.t.Helper()
	for _, n := range c.Nodes {
		if !poll(n.whole) {
			c.t.Fatalf("the Cluster does not come together: %v", n.Do("CLUSTER", "INFO"))
		}
	}
}

// Flush removes all data of every node.
func (c *Servers) Flush() {
	c.t.Helper()
	for _, n := range c.Nodes {
		n.Flush()
	}
}

func (s *Server) whole() bool {
	info, err := s.try("CLUSTER", "INFO")
	text, _ := info.(string)
	return err == nil && strings.Contains(text, "cluster_state:ok") &&
		strings.Contains(text, "cluster_slots_ok:16384") && strings.Contains(text, "cluster_known_nodes:3")
}
