package bustest

import (
	"io"
	"net"
	"sync"
	"testing"
)

// route carries the connections that one server of a cluster makes to another one. While it is cut it refuses new ones, and those
// that stood are closed.
type route struct {
	address string
	target  func() (address string, ok bool) // not ok while the other server is down

	mu      sync.Mutex // guards all below
	cut     bool
	carried map[net.Conn]bool
}

// newRoute listens until the test ends.
func newRoute(t testing.TB, target func() (string, bool)) *route {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &route{address: listener.Addr().String(), target: target, carried: map[net.Conn]bool{}}
	var carrying sync.WaitGroup
	t.Cleanup(func() {
		listener.Close()
		r.setCut(true)
		carrying.Wait()
	})
	carrying.Go(func() {
		for {
			from, err := listener.Accept()
			if err != nil {
				return
			}
			carrying.Go(func() { r.carry(from) })
		}
	})
	return r
}

func (r *route) carry(from net.Conn) {
	defer from.Close()
	address, ok := r.target()
	if !ok {
		return
	}
	to, err := net.Dial("tcp", address)
	if err != nil {
		return
	}
	defer to.Close()
	defer r.release(from, to)
	if !r.hold(from, to) {
		return
	}
	var back sync.WaitGroup
	back.Go(func() {
		_, _ = io.Copy(from, to)
		from.Close()
	})
	_, _ = io.Copy(to, from)
	to.Close()
	back.Wait()
}

// hold notes open connections; false while the route is cut.
func (r *route) hold(conns ...net.Conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range conns {
		r.carried[c] = true
	}
	return !r.cut
}

func (r *route) release(conns ...net.Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range conns {
		delete(r.carried, c)
	}
}

func (r *route) setCut(cut bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cut = cut
	for c := range r.carried {
		if cut {
			c.Close()
		}
	}
}
