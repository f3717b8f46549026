package detail

import (
	"net"
	"sync/atomic"
	"time"
)

// hotConn answers requests for pages in memory inside the connection's Read, at the cost of one read and one
// write: net/http, which reads from it, never sees them. All else is passed on untouched.
//
// It may answer only where net/http stands between two requests and has not a byte of the next one. net/http says
// that it is between requests (ConnState: idle); that it has no byte is so because it is given exactly one head at
// a time, up to its end, and only heads of requests without a body count. Where the end of a request is not plain
// (a body, an upgrade, an odd line), the connection is net/http's alone from then on.
//
//	fresh ──▶ passing ──head ends──▶ busy ──idle──▶ between ──▶ answered here, and between again
//	                                                   └──▶ passing
//
// While net/http is busy it watches for the visitor's leaving by reading one byte. Where that is a byte of the next
// request, that request is passed on too.
type hotConn struct {
	net.Conn
	server *Server
	remote string

	waiting atomic.Int64 // for a request, since when in unix ns; 0 while one is under way

	state   connState
	part    []byte    // of a head that is being passed on, as far as it came
	behind  []byte    // what was read after that head's end
	memo    memo      // of the last header fields
	read    time.Time // when the deadline for reading was set here
	written time.Time // the same for writing
}

type connState int

const (
	passing connState = iota // net/http is given the bytes of a head
	busy                     // it has the whole head, and is about its answer
	between                  // it waits for the next head, of which it has nothing
	foreign                  // it has the connection to itself
)

const (
	trackedHead = 64 << 10        // bytes of a head after which its end is no longer looked for
	renewAfter  = 5 * time.Second // deadlines are this much coarse, since setting one costs as much as a small write
)

// idle is called when net/http has answered a request and waits for the next.
func (c *hotConn) idle() {
	c.waiting.Store(time.Now().UnixNano())
	if c.state != busy {
		return
	}
	c.state, c.read, c.written = between, time.Time{}, time.Time{}
	switch {
	case len(c.part) > 0:
		c.state = passing
	case cap(c.part) > keptHead:
		c.part = nil
	}
}

// Read gives net/http what it shall see.
func (c *hotConn) Read(p []byte) (int, error) {
	switch c.state {
	case between:
		return c.serve(p)
	case foreign:
		n, err := c.next(p)
		c.waiting.Store(0)
		return n, err
	}
	n, err := c.next(p)
	if n == 0 {
		return n, err
	}
	before := len(c.part)
	c.part = append(c.part, p[:n]...)
	if c.state == busy {
		return n, err
	}
	return c.pass(p, before, n, err)
}

// next reads what came behind the last head, and then from the visitor.
func (c *hotConn) next(p []byte) (int, error) {
	if len(c.behind) == 0 {
		return c.Conn.Read(p)
	}
	n := copy(p, c.behind)
	if c.behind = c.behind[n:]; len(c.behind) == 0 {
		c.behind = nil
	}
	return n, nil
}

// pass looks for the end of the head in c.part, of which the last n bytes are new and lie in p, and keeps back what
// follows it.
func (c *hotConn) pass(p []byte, before, n int, err error) (int, error) {
	end := headEnd(c.part, before)
	switch {
	case end == 0 && len(c.part) <= trackedHead:
		return n, err
	case end == 0, !plainHead(c.part[:end]):
		c.state, c.part = foreign, nil
		c.waiting.Store(0)
		return n, err
	}
	c.waiting.Store(0)
	c.keepBack(p[n-(len(c.part)-end) : n])
	n -= len(c.part) - end
	c.state, c.part = busy, c.part[:0]
	return n, err
}

// keepBack puts bytes before those that are kept back already.
func (c *hotConn) keepBack(b []byte) {
	if len(b) > 0 {
		c.behind = append(append(make([]byte, 0, len(b)+len(c.behind)), b...), c.behind...)
	}
}

// serve answers what is in memory until a request comes that is not, and gives net/http that one.
func (c *hotConn) serve(p []byte) (int, error) {
	for {
		n, err := c.next(p)
		if n == 0 {
			return n, err
		}
		rest := p[:n]
		for len(rest) > 0 {
			end := headEnd(rest, 0)
			if end == 0 || !c.answer(rest[:end], &err) {
				break
			}
			if err != nil {
				return 0, err
			}
			rest = rest[end:]
		}
		if len(rest) == 0 {
			continue
		}
		n = copy(p, rest)
		c.state, c.part = passing, append(c.part[:0], p[:n]...)
		return c.pass(p, 0, n, err)
	}
}

// copied is the size of a body that is copied behind its head, since that costs less than to gather the two.
const copied = 16 << 10

// write sends a page: one system call for head and body.
func (c *hotConn) write(wire, date, body []byte, now time.Time) error {
	c.waiting.Store(0)
	if now.Sub(c.written) > renewAfter {
		c.written = now
		if err := c.Conn.SetWriteDeadline(now.Add(writeTimeout)); err != nil {
			return err
		}
	}
	out := c.server.outs.Get().(*[]byte)
	defer c.server.outs.Put(out)
	*out = append(append(append((*out)[:0], wire...), date...), "\r\n"...)
	var err error
	if len(body) < copied {
		*out = append(*out, body...)
		_, err = c.Conn.Write(*out)
	} else {
		buffers := net.Buffers{*out, body}
		_, err = buffers.WriteTo(c.Conn)
	}
	if err != nil {
		return err
	}
	c.waiting.Store(now.UnixNano())
	if now.Sub(c.read) > renewAfter {
		c.read = now
		return c.Conn.SetReadDeadline(now.Add(idleTimeout))
	}
	return nil
}

// headEnd is where the head at the beginning of b ends, 0 where it does not yet. The first seen bytes were looked
// at before. Lines end as net/http takes them, with and without a carriage return.
func headEnd(b []byte, seen int) int {
	for i := max(0, seen-3); i < len(b); i++ {
		if b[i] != '\n' {
			continue
		}
		if i+1 < len(b) && b[i+1] == '\n' {
			return i + 2
		}
		if i+2 < len(b) && b[i+1] == '\r' && b[i+2] == '\n' {
			return i + 3
		}
	}
	return 0
}
