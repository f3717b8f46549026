package load

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"time"
)

// client sends requests over one connection, which it reopens when the server has closed it.
type client struct {
	addr    string
	timeout time.Duration
	again   bool // see Config.Again
	conn    net.Conn
	in      *bufio.Reader
	out     []byte
}

// reply is the part of an answer that is kept.
type reply struct {
	status int
	bytes  int
	source string // X-Vitrine-Source
	stale  bool
}

var errHead = errors.New("the answer's head can't be read")

// get sends a request, on the connection that is kept or on a new one.
func (c *client) get(r Request, fields string) (got reply, again bool, err error) {
	kept := c.conn != nil
	got, err = c.send(r, fields)
	if kept && c.again && errors.Is(err, errUnanswered) {
		got, err = c.send(r, fields)
		return got, true, err
	}
	return got, false, err
}

// errUnanswered is that of a connection that ended before the first byte of an answer.
var errUnanswered = errors.New("no answer")

func (c *client) send(r Request, fields string) (reply, error) {
	if c.conn == nil {
		conn, err := net.DialTimeout("tcp", c.addr, c.timeout)
		if err != nil {
			return reply{}, err
		}
		c.conn, c.in = conn, bufio.NewReaderSize(conn, 32<<10)
	}
	if err := c.conn.SetDeadline(time.Now().Add(c.timeout)); err != nil {
		return reply{}, err
	}
	c.out = append(append(append(append(c.out[:0], "GET "...), r.Path...), " HTTP/1.1\r\nHost: "...), c.addr...)
	c.out = append(append(c.out, "\r\n"...), fields...)
	if r.Agent != "" {
		c.out = append(append(append(c.out, "User-Agent: "...), r.Agent...), "\r\n"...)
	}
	c.out = append(c.out, "\r\n"...)
	got, keep, err := c.exchange()
	if err != nil || !keep {
		c.close()
	}
	return got, err
}

func (c *client) exchange() (r reply, keep bool, err error) {
	if _, err := c.conn.Write(c.out); err != nil {
		return r, false, fmt.Errorf("%w: %w", errUnanswered, err)
	}
	if _, err := c.in.Peek(1); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		return r, false, fmt.Errorf("%w: %w", errUnanswered, err)
	}
	line, err := c.in.ReadSlice('\n')
	if err != nil {
		return r, false, err
	}
	if len(line) < 12 || !bytes.HasPrefix(line, []byte("HTTP/1.")) {
		return r, false, errHead
	}
	r.status, err = strconv.Atoi(string(line[9:12]))
	if err != nil {
		return r, false, errHead
	}
	length, keep := -1, true
	for {
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			return r, false, err
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(": "))
		switch {
		case bytes.EqualFold(name, []byte("Content-Length")):
			length, err = strconv.Atoi(string(value))
			if err != nil {
				return r, false, errHead
			}
		case bytes.EqualFold(name, []byte("Connection")):
			keep = !bytes.EqualFold(value, []byte("close"))
		case bytes.EqualFold(name, []byte("X-Vitrine-Source")):
			r.source = string(value)
		case bytes.EqualFold(name, []byte("X-Vitrine-Stale")):
			r.stale = true
		}
	}
	if r.status == 304 || r.status == 204 {
		length = 0
	}
	if length < 0 {
		return r, false, fmt.Errorf("%w: no Content-Length", errHead)
	}
	r.bytes = length
	_, err = io.CopyN(io.Discard, c.in, int64(length))
	return r, keep, err
}

func (c *client) close() {
	if c.conn != nil {
		c.conn.Close()
		c.conn = nil
	}
}
