// Package netcut is a cable between two servers of a test, which can be cut.
package netcut

import (
	"net"
	"sync"
	"testing"
)

// Cable passes connections to its address on to a server.
type Cable struct {
	Addr string // where it is entered
	to   string

	mu    sync.Mutex // guards all below
	whole *sync.Cond // of mu: the cable is whole, or the test ends
	cut   bool
	ended bool
	conns map[net.Conn]bool
	pipes sync.WaitGroup
}

// New lays a cable to a server. It ends with the test.
func New(t testing.TB, to string) *Cable {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &Cable{Addr: l.Addr().String(), to: to, conns: map[net.Conn]bool{}}
	c.whole = sync.NewCond(&c.mu)
	c.pipes.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			c.pipes.Go(func() { c.connect(in) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		c.end()
		c.pipes.Wait()
	})
	return c
}

// Cut has nothing pass any more. As where a cable is really cut, nobody is told: connections stay, and say nothing.
func (c *Cable) Cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cut = true
}

// Heal has everything pass again. Connections from before the cut are lost, since their ends have long given up on them.
func (c *Cable) Heal() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cut = false
	for conn := range c.conns {
		conn.Close()
	}
	c.whole.Broadcast()
}

func (c *Cable) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended = true
	for conn := range c.conns {
		conn.Close()
	}
	c.whole.Broadcast()
}

// pass waits while the cable is cut, and reports whether to go on.
func (c *Cable) pass() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.cut && !c.ended {
		c.whole.Wait()
	}
	return !c.ended
}

func (c *Cable) connect(in net.Conn) {
	defer c.drop(in)
	if !c.keep(in) || !c.pass() {
		return
	}
	out, err := net.Dial("tcp", c.to)
	if err != nil {
		return
	}
	defer c.drop(out)
	if !c.keep(out) {
		return
	}
	var back sync.WaitGroup
	back.Go(func() { c.copy(in, out) })
	c.copy(out, in)
	back.Wait()
}

// copy passes on what comes until one of the ends is closed, and closes both.
func (c *Cable) copy(to, from net.Conn) {
	defer to.Close()
	defer from.Close()
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if !c.pass() {
			return
		}
		if n > 0 {
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// keep has a connection closed when the cable is healed, or ends. It reports false if that has ended.
func (c *Cable) keep(conn net.Conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.conns[conn] = true
	return !c.ended
}

func (c *Cable) drop(conn net.Conn) {
	conn.Close()
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.conns, conn)
}
