package redistest

import (
	"errors"
	"os"
	"sync"
	"testing"

	"vitrine/internal/testmain"
)

// Shared holds servers that the tests of a package use one after the other, since a start takes longer than most tests:
// a Cluster alone waits two seconds before it accepts writes. They start when first requested. A test that stops,
// pauses or configures a server, or that runs in parallel, needs one of its own. The zero value is ready; TestMain
// calls Main.
type Shared struct {
	mu      sync.Mutex
	all     []*Server
	single  *Server
	cluster *Servers
}

// Single returns the shared server, emptied.
func (s *Shared) Single(t testing.TB) *Server {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.single == nil {
		s.single = s.start(t)
	}
	r := s.single.lent(t)
	r.Flush()
	return r
}

// Cluster returns the shared Cluster, emptied.
func (s *Shared) Cluster(t testing.TB) *Servers {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cluster == nil {
		s.cluster = join(t, func(args ...string) *Server { return s.start(t, args...) })
	}
	c := &Servers{URL: s.cluster.URL, t: t}
	for i, n := range s.cluster.Nodes {
		c.Nodes[i] = n.lent(t)
	}
	c.Flush()
	return c
}

// Main runs the tests of a package, ends the servers, checks for leaked goroutines, and exits. TestMain calls it.
func (s *Shared) Main(m *testing.M) { testmain.Run(m, s.stop) }

func (s *Shared) stop() (err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.all {
		r.Stop()
		err = errors.Join(err, os.RemoveAll(r.dir))
	}
	return err
}

// start starts a server that outlives the test.
func (s *Shared) start(t testing.TB, args ...string) *Server {
	t.Helper()
	installed(t)
	dir, err := os.MkdirTemp("", "redistest")
	if err != nil {
		t.Fatalf("make a folder for redis-server: %v", err)
	}
	r := &Server{t: t, dir: dir, args: args}
	s.all = append(s.all, r)
	r.launch()
	return r
}

// lent is the server as one test uses it: its failures are reported to that test.
func (s *Server) lent(t testing.TB) *Server {
	return &Server{URL: s.URL, Addr: s.Addr, PID: s.PID, t: t}
}
