package admission_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"vitrine/detail/admission"
)

const ask = "GET / HTTP/1.1\r\nHost: shop\r\n\r\n"

// serve runs net/http with a bound on connections until the test ends.
func serve(t *testing.T, most int, answer http.HandlerFunc) (c *admission.Connections, addr string) {
	t.Helper()
	c = open(t, func(a *admission.Config) { a.Connections = most }).Connections()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	web := &http.Server{Handler: answer, ConnState: func(conn net.Conn, state http.ConnState) { conn.(*admission.Conn).SetState(state) }}
	ended := make(chan error, 1)
	go func() { ended <- web.Serve(c.Listen(l)) }()
	t.Cleanup(func() {
		web.Close()
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	return c, l.Addr().String()
}

// dial opens a connection that stays open until the test ends.
func dial(t *testing.T, addr string) (conn net.Conn, in *bufio.Reader) {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn, bufio.NewReader(conn)
}

// visit sends begin as the start of a connection, and reads the responses to the whole requests in it.
func visit(t *testing.T, addr, begin string) {
	t.Helper()
	conn, in := dial(t, addr)
	if _, err := io.WriteString(conn, begin); err != nil {
		t.Fatal(err)
	}
	for range strings.Count(begin, "\r\n\r\n") {
		res, err := http.ReadResponse(in, nil)
		if err != nil || res.StatusCode != http.StatusOK {
			t.Fatalf("%v, error %v; want no error, status OK", res, err)
		}
		io.Copy(io.Discard, res.Body)
	}
}

func say(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "here") }

// TestConnectionsAreBounded proves that connections without a request, or with an unfinished one, keep nobody out.
func TestConnectionsAreBounded(t *testing.T) {
	const most = 20
	for name, begin := range map[string]string{
		"after an answer":  ask,
		"before a request": "",
		"amid a request":   "GET / HTTP/1.1\r\nHost: sh",
	} {
		t.Run(name, func(t *testing.T) {
			c, addr := serve(t, most, say)
			for range most {
				visit(t, addr, begin)
			}
			for range 2 * most {
				visit(t, addr, ask)
			}
			if n := c.Evicted(); n < most {
				t.Errorf("%d evicted", n)
			}
			if n := c.Count(); n > most {
				t.Errorf("%d are open", n)
			}
		})
	}
}

// TestRoomComesBack proves that a new connection waits while all others have requests under way, and is served
// afterwards.
func TestRoomComesBack(t *testing.T) {
	hold, entered := make(chan struct{}), make(chan struct{}, 3)
	c, addr := serve(t, 2, func(w http.ResponseWriter, r *http.Request) {
		entered <- struct{}{}
		<-hold
		say(w, r)
	})
	answered := make(chan error, 3)
	begin := func() {
		conn, in := dial(t, addr)
		if _, err := io.WriteString(conn, ask); err != nil {
			t.Fatal(err)
		}
		go func() {
			_, err := http.ReadResponse(in, nil)
			answered <- err
		}()
	}
	begin()
	begin()
	<-entered
	<-entered
	begin()
	if !c.Busy() || c.Evicted() != 0 {
		t.Errorf("busy: %t, %d evicted", c.Busy(), c.Evicted())
	}
	close(hold)
	for range 3 {
		if err := <-answered; err != nil {
			t.Error(err)
		}
	}
}

// TestDescriptorsRunOut proves that waiting connections are closed in favour of new ones when the process has no
// descriptor left.
func TestDescriptorsRunOut(t *testing.T) {
	c, addr := serve(t, 1000, say)
	for range 50 {
		visit(t, addr, ask)
	}
	tcp, err := net.ResolveTCPAddr("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	socket, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(socket)
	var was syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &was); err != nil {
		t.Fatal(err)
	}
	next, err := syscall.Dup(socket) // the lowest free descriptor
	if err != nil {
		t.Fatal(err)
	}
	syscall.Close(next)
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: uint64(next), Max: was.Max}); err != nil {
		t.Fatal(err)
	}
	defer syscall.Setrlimit(syscall.RLIMIT_NOFILE, &was)
	if err := syscall.Connect(socket, &syscall.SockaddrInet4{Port: tcp.Port, Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if _, err := syscall.Write(socket, []byte(ask)); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, 12)
	if _, err := syscall.Read(socket, answer); err != nil || string(answer) != "HTTP/1.1 200" {
		t.Errorf("the connection reads %q, error %v; want a response with status 200", answer, err)
	}
	if c.Evicted() == 0 {
		t.Error("nothing was given up")
	}
}
