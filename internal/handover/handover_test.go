package handover_test

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vitrine/internal/handover"
)

// server is an old process that offers one socket.
type server struct {
	dir     string
	socket  net.Listener
	lets    chan string // receives "release" and "regain" as they are called
	left    chan struct{}
	stopped chan struct{}
}

func offer(t *testing.T) *server {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &server{dir: t.TempDir(), socket: l, lets: make(chan string, 10), left: make(chan struct{}), stopped: make(chan struct{})}
	o := handover.New(handover.Config{
		Dir: s.dir, Log: slog.New(slog.DiscardHandler), Sockets: []handover.Socket{{Flag: "--http", Listener: l}},
		Release: func() error { s.lets <- "release"; return nil },
		Regain:  func() error { s.lets <- "regain"; return nil },
	})
	ctx, stop := context.WithCancel(t.Context())
	go func() {
		defer close(s.stopped)
		if err := o.Run(ctx, func() { close(s.left) }); err != nil {
			t.Error(err)
		}
	}()
	t.Cleanup(func() {
		stop()
		<-s.stopped
		l.Close()
	})
	return s
}

// takeOver takes over as a new process does. It waits until the old process is listening.
func (s *server) takeOver(t *testing.T, address string) (*handover.Predecessor, error) {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(time.Millisecond) {
		p, err := handover.TakeOver(s.dir, map[string]string{"--http": address})
		if p != nil || err != nil {
			return p, err
		}
	}
	t.Fatal("nobody offers a socket")
	return nil, nil
}

func (s *server) expect(t *testing.T, want string) {
	t.Helper()
	select {
	case got := <-s.lets:
		if got != want {
			t.Errorf("%s was called, not %s", got, want)
		}
	case <-time.After(time.Minute):
		t.Fatalf("%s was not called", want)
	}
}

func TestTheSocketGoesToTheNextProcess(t *testing.T) {
	old := offer(t)
	address := old.socket.Addr().String()
	p, err := old.takeOver(t, address)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	old.expect(t, "release")
	l, err := p.Listen("--http", address)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	old.socket.Close() // so that connections can reach only the new process from now on
	if l.Addr().String() != address {
		t.Errorf("the socket listens on %s, not on %s", l.Addr(), address)
	}
	visitor, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer visitor.Close()
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	if err := p.Done(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-old.left:
	case <-time.After(time.Minute):
		t.Fatal("the old process was not told to leave")
	}
}

func TestOtherAddressesAreRefused(t *testing.T) {
	old := offer(t)
	_, port, err := net.SplitHostPort(old.socket.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	for _, address := range []string{"127.0.0.1:1", ":" + port, "127.0.0.2:" + port, "no address"} {
		p, err := old.takeOver(t, address)
		if err == nil || !strings.Contains(err.Error(), "listens on --http") {
			t.Errorf("the address %s: error %v, want one that says where the old process listens", address, err)
		}
		if p != nil {
			p.Close()
		}
	}
	if len(old.lets) > 0 {
		t.Errorf("%s was called for somebody who was refused", <-old.lets)
	}
}

// TestAProcessThatEndsTooEarlyTakesOverNothing proves that the old process goes on when a new one ends during the takeover, and
// that the next one can take over.
func TestAProcessThatEndsTooEarlyTakesOverNothing(t *testing.T) {
	old := offer(t)
	for range 2 {
		p, err := old.takeOver(t, "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		old.expect(t, "release")
		p.Close()
		old.expect(t, "regain")
	}
	select {
	case <-old.left:
		t.Error("the old process left")
	default:
	}
}

func TestNobodyIsThere(t *testing.T) {
	p, err := handover.TakeOver(t.TempDir(), nil)
	if p != nil || err != nil {
		t.Fatalf("predecessor %v, error %v; want neither", p, err)
	}
	l, err := p.Listen("--http", "127.0.0.1:0") // offered by nobody, so it is a new socket
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
}

// TestALeftoverThatStays proves that a server starts although it cannot remove a leftover socket file, as on a
// read-only disk.
func TestALeftoverThatStays(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "handover.sock", "stays"), 0o700); err != nil { // a folder that is not empty
		t.Fatal(err)
	}
	if p, err := handover.TakeOver(dir, map[string]string{"--http": "127.0.0.1:0"}); p != nil || err != nil {
		t.Fatalf("predecessor %v, error %v; want neither", p, err)
	}
	var log bytes.Buffer
	ctx, stop := context.WithCancel(t.Context())
	stop()
	o := handover.New(handover.Config{Dir: dir, Log: slog.New(slog.NewTextHandler(&log, nil))})
	if err := o.Run(ctx, func() { t.Error("it was told to leave") }); err != nil {
		t.Error(err)
	}
	if !strings.Contains(log.String(), "can't be taken over") || !strings.Contains(log.String(), "handover.sock") {
		t.Errorf("the log does not name the socket that can't be taken over: %s", &log)
	}
}
