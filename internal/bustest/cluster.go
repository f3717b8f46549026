package bustest

import (
	"fmt"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/nats-io/nats-server/v2/server"

	"vitrine/internal/freeaddr"
	"vitrine/internal/netcut"
	"vitrine/internal/poll"
)

// unreachable is what servers of a cluster tell each other as their address, so that each keeps to the routes of the test.
const unreachable = "127.0.0.1:1"

// Cluster is some servers with JetStream in this process. They reach each other by routes that the test can cut.
type Cluster struct {
	URL   string // names every server
	Nodes []*Node

	t testing.TB
}

// Node is one server of a Cluster.
type Node struct {
	Name string // n0, n1, …
	URL  string // the same after a restart

	options *server.Options
	routes  []*netcut.Cable // to all: servers count them to know how many there will be
	running atomic.Pointer[server.Server]
}

// StartCluster starts n servers and waits until they have elected a leader and all know each other. change, if not nil, may
// alter the options of the i-th first. All ends with the test.
func StartCluster(t testing.TB, n int, change func(i int, o *server.Options)) *Cluster {
	t.Helper()
	c := &Cluster{t: t}
	for i := range n {
		c.Nodes = append(c.Nodes, c.newNode(i))
	}
	for i, node := range c.Nodes {
		for _, other := range c.Nodes {
			r := netcut.ToWhere(t, other.routeAddress)
			node.routes = append(node.routes, r)
			node.options.Routes = append(node.options.Routes, &url.URL{Scheme: "nats-route", Host: r.Addr})
		}
		if change != nil {
			change(i, node.options)
		}
	}
	t.Cleanup(func() {
		for i := range c.Nodes {
			c.Stop(i)
		}
	})
	urls := make([]string, n)
	for i, node := range c.Nodes {
		c.Start(i)
		urls[i] = node.URL
	}
	c.URL = strings.Join(urls, ",")
	c.Await()
	return c
}

func (c *Cluster) newNode(i int) *Node {
	address := freeaddr.Of(c.t)
	host, text, err := net.SplitHostPort(address)
	if err != nil {
		c.t.Fatal(err)
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		c.t.Fatal(err)
	}
	name := fmt.Sprintf("n%d", i)
	return &Node{Name: name, URL: "nats://" + address, options: &server.Options{
		ServerName: name, Host: host, Port: port, JetStream: true, StoreDir: c.t.TempDir(), NoSigs: true, NoLog: true,
		Cluster: server.ClusterOpts{Name: "vitrine", Host: host, Port: server.RANDOM_PORT, Advertise: unreachable},
	}}
}

// routeAddress is where the others reach this server; not ok while it is down.
func (n *Node) routeAddress() (string, bool) {
	s := n.running.Load()
	if s == nil || s.ClusterAddr() == nil {
		return "", false
	}
	return s.ClusterAddr().String(), true
}

// Start starts the i-th server, which was stopped.
func (c *Cluster) Start(i int) {
	c.t.Helper()
	node := c.Nodes[i]
	s, err := server.NewServer(node.options.Clone())
	if err != nil {
		c.t.Fatal(err)
	}
	node.running.Store(s) // the others may have to reach it before it is ready
	s.Start()
	if !s.ReadyForConnections(readyTime) {
		c.t.Fatalf("NATS %s is not ready", node.Name)
	}
}

// Stop stops the i-th server, if it runs. What it had acknowledged is in its files.
func (c *Cluster) Stop(i int) {
	if s := c.Nodes[i].running.Swap(nil); s != nil {
		stop(s)
	}
}

// Lose stops the i-th server and removes its files, as a machine whose disk is lost.
func (c *Cluster) Lose(i int) {
	c.t.Helper()
	c.Stop(i)
	if err := os.RemoveAll(c.Nodes[i].options.StoreDir); err != nil {
		c.t.Fatal(err)
	}
}

// Server is the i-th server; nil while it is stopped.
func (c *Cluster) Server(i int) *server.Server { return c.Nodes[i].running.Load() }

// Cut separates the i-th server from the others, as a broken network does: nobody is told. Clients still reach it.
func (c *Cluster) Cut(i int) { c.around(i, (*netcut.Cable).Cut) }

// Break is Cut that closes connections.
func (c *Cluster) Break(i int) { c.around(i, (*netcut.Cable).Break) }

// Heal ends a Cut or Break.
func (c *Cluster) Heal(i int) { c.around(i, (*netcut.Cable).Heal) }

// around does something with each cable between the i-th server and another.
func (c *Cluster) around(i int, do func(*netcut.Cable)) {
	for j, node := range c.Nodes {
		for k, r := range node.routes {
			if (j == i) != (k == i) {
				do(r)
			}
		}
	}
}

// count is 1 for true.
func count(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Await waits until the servers that run are all connected to each other, and have a leader, and each of them knows that leader and
// all servers. A cluster that loses its leader before is a cluster that has not been formed: it may never elect another one.
func (c *Cluster) Await() {
	c.t.Helper()
	poll.Until(c.t, "a leader of the cluster that all servers follow", func() bool {
		var running []*server.Server
		for i := range c.Nodes {
			if s := c.Server(i); s != nil {
				running = append(running, s)
			}
		}
		leaders, following := 0, 0
		for _, s := range running {
			info, err := s.Jsz(nil)
			if err != nil || info.Meta == nil || len(info.Meta.Replicas) != len(c.Nodes)-1 || info.Meta.Size != len(c.Nodes) ||
				!s.JetStreamIsCurrent() || neighbours(s) != len(running)-1 {
				return false
			}
			if !s.JetStreamIsLeader() {
				continue
			}
			leaders++
			for _, peer := range info.Meta.Replicas {
				following += count(!peer.Offline && peer.Current && peer.Lag == 0)
			}
		}
		return leaders == 1 && following == len(running)-1
	})
}

// neighbours is how many other servers a server has routes to.
func neighbours(s *server.Server) int {
	routes, err := s.Routez(nil)
	if err != nil {
		return 0
	}
	names := map[string]bool{}
	for _, r := range routes.Routes {
		names[r.RemoteName] = true
	}
	return len(names)
}

// Leader is the number of the server that leads a stream, or a consumer of it where consumer is not "", of the default account;
// -1 while none does.
func (c *Cluster) Leader(stream, consumer string) int {
	for i := range c.Nodes {
		s := c.Server(i)
		if s == nil {
			continue
		}
		if consumer == "" && s.JetStreamIsStreamLeader(server.DEFAULT_GLOBAL_ACCOUNT, stream) ||
			consumer != "" && s.JetStreamIsConsumerLeader(server.DEFAULT_GLOBAL_ACCOUNT, stream, consumer) {
			return i
		}
	}
	return -1
}
