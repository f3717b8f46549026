package fastpath

import (
	"bytes"
	"net"
	"net/http"
	"strings"
	"time"
	"unsafe"
)

// Conn is a connection between a visitor and net/http. Like any connection of a server, it has one reader.
type Conn struct {
	net.Conn
	path    *Path
	tracker Tracker
	remote  string

	state    state
	head     []byte // of the request that is being passed on, as far as it has arrived
	heldBack []byte // bytes that were read and not passed on yet: they follow the head's end
	fields   parsedFields
	readSet  time.Time // when the read deadline was last set here
	writeSet time.Time // when the write deadline was
}

type state int

const (
	passing state = iota // net/http is being given the bytes of a head
	busy                 // net/http has the whole head, and makes the response
	between              // net/http waits for the next head, and has no byte of it
	foreign              // the connection is net/http's alone
)

const (
	trackedHead  = 64 << 10        // bytes of a head; the end of a longer one is not looked for
	keptHead     = 4 << 10         // bytes of a head; the memory of a longer one does not stay with an idle connection
	copiedBody   = 16 << 10        // bytes of a body; a shorter one is copied behind its head, which costs less than writev
	renewTimeout = 5 * time.Second // between settings of a deadline, since one costs as much as a small write
)

// SetState follows net/http's view of the connection; it is to be called by http.Server.ConnState.
func (c *Conn) SetState(state http.ConnState) {
	c.tracker.SetState(state)
	if state != http.StateIdle || c.state != busy {
		return
	}
	c.state, c.readSet, c.writeSet = between, time.Time{}, time.Time{}
	switch {
	case len(c.head) > 0:
		c.state = passing
	case cap(c.head) > keptHead:
		c.head = nil
	}
}

// Read returns to net/http the bytes of requests that it has to answer, and answers others itself. It fails as the connection's Read, or
// its Write, does.
func (c *Conn) Read(p []byte) (int, error) {
	switch c.state {
	case between:
		return c.serve(p)
	case foreign:
		n, err := c.next(p)
		c.tracker.Busy()
		return n, err
	}
	n, err := c.next(p)
	if n == 0 {
		return n, err
	}
	seen := len(c.head)
	c.head = append(c.head, p[:n]...)
	if c.state == busy {
		return n, err
	}
	return c.pass(p, seen, n, err)
}

// next reads the bytes that were held back; once there are none, it reads from the visitor.
func (c *Conn) next(p []byte) (int, error) {
	if len(c.heldBack) == 0 {
		return c.Conn.Read(p)
	}
	n := copy(p, c.heldBack)
	c.heldBack = c.heldBack[n:]
	if len(c.heldBack) == 0 {
		c.heldBack = nil
	}
	return n, nil
}

// pass looks for the end of c.head, whose last n bytes are new and lie in p. It holds back what follows the end. seen is the number of
// bytes of c.head that were searched before.
func (c *Conn) pass(p []byte, seen, n int, err error) (int, error) {
	end := headEnd(c.head, seen)
	switch {
	case end == 0 && len(c.head) <= trackedHead:
		return n, err
	case end == 0, !plainHead(c.head[:end]):
		c.state, c.head = foreign, nil
		c.tracker.Busy()
		return n, err
	}
	c.tracker.Busy()
	following := len(c.head) - end
	c.holdBack(p[n-following : n])
	c.state, c.head = busy, c.head[:0]
	return n - following, err
}

// holdBack puts bytes in front of those that are held back already.
func (c *Conn) holdBack(b []byte) {
	if len(b) > 0 {
		c.heldBack = append(append(make([]byte, 0, len(b)+len(c.heldBack)), b...), c.heldBack...)
	}
}

// serve answers requests until one comes that it can't answer, and returns that one to net/http.
func (c *Conn) serve(p []byte) (int, error) {
	for {
		n, readErr := c.next(p)
		if n == 0 {
			return n, readErr
		}
		unanswered := p[:n]
		for len(unanswered) > 0 {
			end := headEnd(unanswered, 0)
			if end == 0 {
				break
			}
			answered, err := c.respond(unanswered[:end])
			if err != nil {
				return 0, err
			}
			if !answered {
				break
			}
			unanswered = unanswered[end:]
		}
		if len(unanswered) > 0 {
			n = copy(p, unanswered)
			c.state, c.head = passing, append(c.head[:0], p[:n]...)
			return c.pass(p, 0, n, readErr)
		}
		if readErr != nil {
			return 0, readErr
		}
	}
}

// respond answers the request with this head if it can, and reports whether it did. It fails if the response could not be written.
func (c *Conn) respond(head []byte) (answered bool, err error) {
	line, fields, _ := bytes.Cut(head, crlf)
	path := target(line, c.path.config.MaxQuery)
	if path == nil {
		return false, nil
	}
	respond := c.fields.responder(fields, c.path.config.Prepare)
	if respond == nil {
		return false, nil
	}
	now := time.Now()
	response, ok := respond(unsafe.String(unsafe.SliceData(path), len(path)), now) // respond does not keep the path
	if !ok {
		return false, nil
	}
	if c.path.config.Log != nil {
		full, _ := strings.CutSuffix(string(line[len("GET "):]), " HTTP/1.1")
		c.path.config.Log(Record{Remote: c.remote, Target: full, Fields: c.fields.known,
			Status: response.Status, Bytes: len(response.Body), At: now})
	}
	return true, c.write(response, now)
}

// write sends a response within its deadline, and notifies the tracker. It fails as the connection does.
func (c *Conn) write(r Response, now time.Time) error {
	c.tracker.Busy()
	if now.Sub(c.writeSet) > renewTimeout {
		c.writeSet = now
		if err := c.Conn.SetWriteDeadline(now.Add(c.path.config.WriteTimeout)); err != nil {
			return err
		}
	}
	if err := c.send(r, now); err != nil {
		return err
	}
	c.tracker.Waiting(now)
	if now.Sub(c.readSet) > renewTimeout {
		c.readSet = now
		return c.Conn.SetReadDeadline(now.Add(c.path.config.IdleTimeout))
	}
	return nil
}

// send sends head and body in one system call.
func (c *Conn) send(r Response, now time.Time) error {
	buffer := c.path.buffers.Get().(*[]byte)
	defer c.path.buffers.Put(buffer)
	head := append((*buffer)[:0], r.Head...)
	head = append(head, c.path.date(now)...)
	head = append(head, crlf...)
	if len(r.Body) < copiedBody {
		head = append(head, r.Body...)
		*buffer = head
		_, err := c.Conn.Write(head)
		return err
	}
	*buffer = head
	gathered := net.Buffers{head, r.Body}
	_, err := gathered.WriteTo(c.Conn)
	return err
}
