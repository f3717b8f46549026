package redistest

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"vitrine/internal/freeaddr"
	"vitrine/internal/netcut"
)

// syncSoon has a master begin at once to copy its data to a new replica, and not wait five seconds for others.
var syncSoon = []string{"--repl-diskless-sync-delay", "0"}

// Pair is a server with a replica, behind one address, which leads to the replica after a failover.
type Pair struct {
	URL string

	t               testing.TB
	master, replica *Server
	cable           *netcut.Cable
}

// Replicated starts a server and its replica, and waits until the replica has copied the server's data.
func Replicated(t testing.TB) *Pair {
	t.Helper()
	p := &Pair{t: t, master: Single(t, syncSoon...), replica: Single(t)}
	host, port, _ := net.SplitHostPort(p.master.Addr)
	p.replica.Do("REPLICAOF", host, port)
	p.replica.awaitLink()
	p.cable = netcut.New(t, p.master.Addr)
	p.URL = "redis://" + p.cable.Addr
	return p
}

// Lag disconnects the replica from the server: it misses all later writes.
func (p *Pair) Lag() { p.replica.lag(p.master) }

// Failover ends the server and promotes the replica, at the same address.
func (p *Pair) Failover() {
	p.t.Helper()
	p.master.crash()
	p.replica.Resume()
	p.replica.Do("REPLICAOF", "NO", "ONE")
	p.cable.Lead(p.replica.Addr)
}

// Replica starts a replica of one of a Cluster's masters, and waits until it has copied the master's data.
func (c *Servers) Replica(of int) *Replica {
	c.t.Helper()
	master := c.Nodes[of]
	_, bus, _ := net.SplitHostPort(freeaddr.Of(c.t))
	r := &Replica{t: c.t, cluster: c, of: of}
	args := append([]string{"--cluster-enabled", "yes", "--cluster-port", bus, "--cluster-node-timeout", "2000"}, c.args...)
	r.server = Single(c.t, args...)
	host, port, _ := net.SplitHostPort(r.server.Addr)
	master.Do("CLUSTER", "MEET", host, port, bus)
	id, _ := master.Do("CLUSTER", "MYID").(string)
	if !poll(func() bool { _, err := r.server.try("CLUSTER", "REPLICATE", id); return err == nil }) {
		c.t.Fatalf("no replica of %s: %v", master.Addr, r.server.Do("CLUSTER", "NODES"))
	}
	r.server.awaitLink()
	return r
}

// Replica is a replica of one master of a Cluster.
type Replica struct {
	t       testing.TB
	cluster *Servers
	of      int
	server  *Server
}

// Do sends the replica one command and gives its answer.
func (r *Replica) Do(args ...any) any {
	r.t.Helper()
	return r.server.Do(args...)
}

// Lag disconnects the replica from its master: it misses all later writes.
func (r *Replica) Lag() { r.server.lag(r.cluster.Nodes[r.of]) }

// TakeOver ends the master and has the replica take its slots.
func (r *Replica) TakeOver() {
	r.t.Helper()
	r.cluster.Nodes[r.of].crash()
	r.server.Resume()
	r.server.Do("CLUSTER", "FAILOVER", "TAKEOVER")
	r.cluster.Nodes[r.of] = r.server
	for _, n := range r.cluster.Nodes {
		if !poll(func() bool { return n.sees(r.server) }) {
			r.t.Fatalf("%s does not see that the replica has taken over: %v", n.Addr, n.Do("CLUSTER", "NODES"))
		}
	}
}

// Elect ends the master, by the signal of a crash, and waits until the other masters have elected the replica in its place. Then it starts the old master, and
// waits until it is the replica of the new one.
func (r *Replica) Elect() {
	r.t.Helper()
	old := r.cluster.Nodes[r.of]
	old.crash()
	r.cluster.Nodes[r.of], r.server = r.server, old
	for _, n := range r.cluster.Nodes {
		if !pollFor(3*limit, func() bool { return n.sees(r.cluster.Nodes[r.of]) }) {
			r.t.Fatalf("%s does not see that the replica was elected: %v", n.Addr, n.Do("CLUSTER", "NODES"))
		}
	}
	old.Start()
	old.awaitLink()
}

// sees reports whether a node of a Cluster is healthy and knows another one as a master.
func (s *Server) sees(master *Server) bool {
	info, err := s.try("CLUSTER", "INFO")
	text, _ := info.(string)
	if err != nil || !strings.Contains(text, "cluster_state:ok") || !strings.Contains(text, "cluster_slots_ok:16384") {
		return false
	}
	nodes, err := s.try("CLUSTER", "NODES")
	text, _ = nodes.(string)
	for line := range strings.Lines(text) {
		if strings.Contains(line, " "+master.Addr+"@") {
			return err == nil && strings.Contains(line, "master")
		}
	}
	return false
}

// lag stops a replica and closes its connection, so that no later write waits for it in a buffer.
func (s *Server) lag(master *Server) {
	s.t.Helper()
	s.Pause()
	master.Do("CLIENT", "KILL", "TYPE", "replica")
}

// crash kills the process.
func (s *Server) crash() {
	s.signal(syscall.SIGCONT)
	s.signal(syscall.SIGKILL)
	s.Stop()
}

// Lose kills the process, and removes its data. Start runs it again, empty.
func (s *Server) Lose() {
	s.t.Helper()
	s.crash()
	files, err := filepath.Glob(filepath.Join(s.dir, "*"))
	for _, file := range files {
		err = errors.Join(err, os.RemoveAll(file))
	}
	if err != nil {
		s.t.Fatalf("remove the data of a server: %v", err)
	}
}

// awaitLink waits until a replica has copied its master.
func (s *Server) awaitLink() {
	s.t.Helper()
	if !pollFor(3*limit, func() bool {
		info, err := s.try("INFO", "replication")
		text, _ := info.(string)
		return err == nil && strings.Contains(text, "master_link_status:up")
	}) {
		s.t.Fatalf("the replica has no link: %v", s.Do("INFO", "replication"))
	}
}
