package redistest

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"vitrine/internal/freeaddr"

	"github.com/redis/go-redis/v9"
)

// limit is how long a server may take to start, stop, or join.
const limit = 30 * time.Second

// Server is one redis-server process. Its data survives Stop and Start.
type Server struct {
	URL  string // redis://127.0.0.1:port
	Addr string
	PID  int // of the running process; 0 when stopped

	t       testing.TB
	dir     string
	args    []string
	config  string // of a sentinel, which writes into it; "" for a server that holds data
	process *exec.Cmd
	done    chan struct{} // closed when the process has ended
	out     bytes.Buffer  // output of the process; read only after it has ended
}

// Single starts a server with further arguments, such as "--maxmemory", "8mb". It skips the test if redis-server is
// missing.
func Single(t testing.TB, args ...string) *Server {
	t.Helper()
	installed(t)
	s := &Server{t: t, dir: t.TempDir(), args: args}
	t.Cleanup(s.Stop)
	s.launch()
	return s
}

func installed(t testing.TB) {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		t.Skip("redis-server is not installed; to run this test: apt-get install redis-server")
	}
}

// launch starts the server on a free port.
func (s *Server) launch() {
	s.t.Helper()
	for range 5 { // another process may take the free port before Redis does
		s.Addr = freeaddr.Of(s.t)
		_ = os.Remove(filepath.Join(s.dir, "sentinel.conf")) // it names the port
		s.URL = "redis://" + s.Addr
		if s.start() {
			return
		}
	}
	s.t.Fatalf("redis-server does not start: %s", s.out.String())
}

// Start runs the server again after Stop, at the same address, with the data it had.
func (s *Server) Start() {
	s.t.Helper()
	if s.process == nil && !s.start() {
		s.t.Fatalf("redis-server does not start again at %s: %s", s.Addr, s.out.String())
	}
}

// Stop ends the process and waits for it. It does nothing if the server is stopped.
func (s *Server) Stop() {
	if s.process == nil {
		return
	}
	s.signal(syscall.SIGCONT) // a paused process would not handle the next signal
	s.signal(syscall.SIGTERM)
	process := s.process.Process
	kill := time.AfterFunc(limit, func() { _ = process.Kill() })
	<-s.done
	kill.Stop()
	s.process = nil
	s.PID = 0
}

// Pause stops the process from answering while its connections stay open, as a hung server does.
func (s *Server) Pause() { s.signal(syscall.SIGSTOP) }

// Resume ends a Pause.
func (s *Server) Resume() { s.signal(syscall.SIGCONT) }

// Flush removes all data.
func (s *Server) Flush() {
	s.t.Helper()
	s.Do("FLUSHALL")
}

// Do sends one command and gives its answer; an error fails the test.
func (s *Server) Do(args ...any) any {
	s.t.Helper()
	answer, err := s.try(args...)
	if err != nil && err != redis.Nil {
		s.t.Fatalf("redis %v: %v", args[0], err)
	}
	return answer
}

func (s *Server) try(args ...any) (any, error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	c := redis.NewClient(&redis.Options{Addr: s.Addr, MaxRetries: -1, DialerRetries: 1, ContextTimeoutEnabled: true})
	defer c.Close()
	return c.Do(ctx, args...).Result()
}

// start runs the process and waits until it answers. It returns false if the process ended.
func (s *Server) start() bool {
	host, port, _ := net.SplitHostPort(s.Addr)
	s.out.Reset()
	s.process = exec.Command("redis-server", s.arguments(host, port)...)
	s.process.Stdout = &s.out
	s.process.Stderr = &s.out
	s.process.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // if the test is killed, the server ends, too
	if err := s.process.Start(); err != nil {
		s.t.Fatalf("start redis-server: %v", err)
	}
	s.PID, s.done = s.process.Process.Pid, make(chan struct{})
	go func(process *exec.Cmd, done chan struct{}) {
		defer close(done)
		_ = process.Wait()
	}(s.process, s.done)
	if poll(func() bool { return s.mine() || s.ended() }) && !s.ended() {
		return true
	}
	s.Stop()
	return false
}

// arguments are those of the process. A sentinel needs a file, in which it keeps what it learns.
func (s *Server) arguments(host, port string) []string {
	if s.config == "" {
		return append([]string{"--bind", host, "--port", port, "--dir", s.dir,
			"--save", "", "--appendonly", "yes", "--appendfsync", "no", "--daemonize", "no"}, s.args...)
	}
	file := filepath.Join(s.dir, "sentinel.conf")
	if _, err := os.Stat(file); err != nil {
		head := fmt.Sprintf("bind %s\nport %s\ndir %s\n", host, port, s.dir)
		if err := os.WriteFile(file, []byte(head+s.config), 0o600); err != nil {
			s.t.Fatalf("write the configuration of a sentinel: %v", err)
		}
	}
	return append([]string{file, "--sentinel"}, s.args...)
}

// mine reports whether the process that answers is this one, since another may have taken the port, and has loaded its
// data.
func (s *Server) mine() bool {
	conn, err := net.Dial("tcp", s.Addr)
	if err != nil {
		return false // the client would log that
	}
	conn.Close()
	info, err := s.try("INFO", "server")
	text, _ := info.(string)
	if err != nil || !bytes.Contains([]byte(text), []byte("process_id:"+strconv.Itoa(s.PID)+"\r")) {
		return false
	}
	_, err = s.try("PING") // fails while data is being loaded, unlike INFO
	return err == nil
}

func (s *Server) ended() bool {
	select {
	case <-s.done:
		return true
	default:
		return false
	}
}

func (s *Server) signal(sig syscall.Signal) {
	if s.process != nil {
		_ = s.process.Process.Signal(sig)
	}
}

// poll calls done until it is true, or the limit is over.
func poll(done func() bool) bool { return pollFor(limit, done) }

func pollFor(limit time.Duration, done func() bool) bool {
	deadline := time.After(limit)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if done() {
			return true
		}
		select {
		case <-deadline:
			return false
		case <-tick.C:
		}
	}
}
