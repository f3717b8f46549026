// Package netcut is a cable between two servers of a test, which can be cut.
package netcut

import (
	"net"
	"sync"
	"testing"
)

// state is what a cable does with what it is given.
type state int

const (
	whole  state = iota
	silent       // it keeps all back, and connections stay
	broken       // it closes them, and refuses new ones
)

// Cable passes connections to its address on to a server.
type Cable struct {
	Addr string // where it is entered

	mu      sync.Mutex // guards all below
	changed *sync.Cond // of mu: state, or ended
	target  func() (address string, ok bool)
	state   state
	ended   bool
	conns   map[net.Conn]bool
	pipes   sync.WaitGroup
}

// New lays a cable to a server. It ends with the test.
func New(t testing.TB, to string) *Cable {
	t.Helper()
	return ToWhere(t, func() (string, bool) { return to, true })
}

// ToWhere lays a cable to a server whose address is asked for with each connection; not ok while it has none.
func ToWhere(t testing.TB, target func() (address string, ok bool)) *Cable {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &Cable{Addr: l.Addr().String(), target: target, conns: map[net.Conn]bool{}}
	c.changed = sync.NewCond(&c.mu)
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
func (c *Cable) Cut() { c.set(silent, false) }

// Resume has everything pass again after a Cut, and what was kept back as well, as after a server that was busy for a moment.
func (c *Cable) Resume() { c.set(whole, false) }

// Break closes all connections, and refuses others, as where a server has ended.
func (c *Cable) Break() { c.set(broken, true) }

// Heal has everything pass again. Connections from before are lost, since their ends have long given up on them.
func (c *Cable) Heal() { c.set(whole, true) }

// Lead closes all connections, and passes new ones on to another server.
func (c *Cable) Lead(to string) {
	c.Moves(to)
	c.Heal()
}

// Moves passes new connections on to another server, as where a name leads elsewhere. The others stay.
func (c *Cable) Moves(to string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.target = func() (string, bool) { return to, true }
}

func (c *Cable) set(s state, hangUp bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.state = s
	if hangUp {
		c.hangUp()
	}
	c.changed.Broadcast()
}

func (c *Cable) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended = true
	c.hangUp()
	c.changed.Broadcast()
}

// hangUp closes all connections. c.mu must be held.
func (c *Cable) hangUp() {
	for conn := range c.conns {
		conn.Close()
	}
}

// pass waits while the cable is silent, and reports whether to go on.
func (c *Cable) pass() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.state == silent && !c.ended {
		c.changed.Wait()
	}
	return c.state == whole && !c.ended
}

func (c *Cable) connect(in net.Conn) {
	defer c.drop(in)
	if !c.keep(in) || !c.pass() {
		return
	}
	address, ok := c.leads()
	if !ok {
		return
	}
	out, err := net.Dial("tcp", address)
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

// leads is where the cable leads to at this moment.
func (c *Cable) leads() (address string, ok bool) {
	c.mu.Lock()
	target := c.target
	c.mu.Unlock()
	return target()
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

// keep has a connection closed when the cable is healed, breaks or ends. It reports false if it is broken or has ended.
func (c *Cable) keep(conn net.Conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.conns[conn] = true
	return c.state != broken && !c.ended
}

func (c *Cable) drop(conn net.Conn) {
	conn.Close()
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.conns, conn)
}
