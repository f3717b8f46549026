package redistest

import (
	"fmt"
	"net"
	"strings"
	"testing"
)

// MasterName is the name by which the sentinels of Watch know their master.
const MasterName = "vitrine"

// sentinels is their number: the fewest that elect a leader when one of them is gone.
const sentinels = 3

// Watched is a master with replicas, and the sentinels that watch it.
type Watched struct {
	URL       string // redis+sentinel://…
	Servers   []*Server
	Sentinels []*Server

	t      testing.TB
	master *Server
}

// Watch starts a master with replicas and three sentinels, and waits until all know each other. The sentinels take no
// server for gone before Kill, however busy the machine is.
func Watch(t testing.TB, replicas int, args ...string) *Watched {
	t.Helper()
	master := Single(t, append(args, syncSoon...)...)
	return watch(t, master, master.Addr, replicas, args...)
}

// watch starts replicas and sentinels of a master that they reach at an address.
func watch(t testing.TB, master *Server, at string, replicas int, args ...string) *Watched {
	t.Helper()
	w := &Watched{t: t, master: master, Servers: []*Server{master}}
	host, port, _ := net.SplitHostPort(at)
	for range replicas {
		r := Single(t, append(args, syncSoon...)...)
		r.Do("REPLICAOF", host, port)
		w.Servers = append(w.Servers, r)
	}
	for _, r := range w.Servers[1:] {
		r.awaitLink()
	}
	var addrs []string
	for range sentinels {
		s := Sentinel(t, at)
		w.Sentinels = append(w.Sentinels, s)
		addrs = append(addrs, s.Addr)
	}
	w.URL = "redis+sentinel://" + strings.Join(addrs, ",") + "/" + MasterName
	for _, s := range w.Sentinels {
		if !poll(func() bool { return s.knows(sentinels-1, replicas) }) {
			t.Fatalf("a sentinel does not know the others: %v", s.Do("SENTINEL", "MASTER", MasterName))
		}
	}
	return w
}

// Sentinel starts one that watches a master at an address, with further arguments.
func Sentinel(t testing.TB, master string, args ...string) *Server {
	t.Helper()
	installed(t)
	host, port, _ := net.SplitHostPort(master)
	s := &Server{t: t, dir: t.TempDir(), args: args, config: fmt.Sprintf(
		"sentinel monitor %[1]s %s %s 2\nsentinel down-after-milliseconds %[1]s 120000\nsentinel failover-timeout %[1]s 4000\n", MasterName, host, port)}
	t.Cleanup(s.Stop)
	s.launch()
	return s
}

// knows reports whether a sentinel knows so many other sentinels and replicas.
func (s *Server) knows(others, replicas int) bool {
	answer, err := s.try("SENTINEL", "MASTER", MasterName)
	known, _ := answer.(map[any]any)
	return err == nil && known["num-other-sentinels"] == fmt.Sprint(others) && known["num-slaves"] == fmt.Sprint(replicas)
}

// Master is the server that was the master at the last Kill, or at the start.
func (w *Watched) Master() *Server { return w.master }

// Lag stops the replicas and closes their connections: they miss all later writes, until Kill.
func (w *Watched) Lag() {
	w.t.Helper()
	for _, r := range w.Servers {
		if r != w.master && r.process != nil {
			r.lag(w.master)
		}
	}
}

// Kill ends the master, whose replicas go on, and has the sentinels notice that soon and elect another.
func (w *Watched) Kill() {
	w.t.Helper()
	w.master.crash()
	for _, r := range w.Servers {
		r.Resume()
	}
	for _, s := range w.Sentinels {
		s.Do("SENTINEL", "SET", MasterName, "down-after-milliseconds", 500)
	}
}

// Elected waits until every sentinel names another master than the one that was killed, and that one says so itself.
func (w *Watched) Elected() *Server {
	w.t.Helper()
	elected := func() bool {
		next := w.named()
		if next == nil || next == w.master {
			return false
		}
		w.master = next
		return true
	}
	if !pollFor(3*limit, elected) { // an election that failed is tried again after a while
		w.t.Fatalf("nobody is elected: %v", w.Sentinels[0].Do("SENTINEL", "MASTER", MasterName))
	}
	for _, s := range w.Sentinels {
		s.Do("SENTINEL", "SET", MasterName, "down-after-milliseconds", 120000)
	}
	return w.master
}

// Return starts the servers that have ended, and waits until all but the master are its replicas: the sentinels see to that.
func (w *Watched) Return() {
	w.t.Helper()
	for _, s := range w.Servers {
		s.Start()
	}
	for _, s := range w.Servers {
		if s != w.master {
			s.awaitLink()
		}
	}
}

// named is the server that all sentinels name; nil if they differ, or it is none.
func (w *Watched) named() (master *Server) {
	for _, s := range w.Sentinels {
		answer, err := s.try("SENTINEL", "GET-MASTER-ADDR-BY-NAME", MasterName)
		parts, _ := answer.([]any)
		if err != nil || len(parts) != 2 {
			return nil
		}
		named := w.at(net.JoinHostPort(fmt.Sprint(parts[0]), fmt.Sprint(parts[1])))
		if named == nil || master != nil && master != named {
			return nil
		}
		master = named
	}
	role, err := master.try("ROLE")
	if answer, _ := role.([]any); err != nil || len(answer) == 0 || answer[0] != "master" {
		return nil
	}
	return master
}

func (w *Watched) at(addr string) *Server {
	for _, s := range w.Servers {
		if s.Addr == addr && s.process != nil {
			return s
		}
	}
	return nil
}
