package sqltest

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"vitrine/internal/freeaddr"
)

// limit is how long a server may take to be made, to start or to stop.
const limit = 2 * time.Minute

// Password is the password of the users of all servers.
const Password = "canary-4711-secret"

// Server is one database server, with a database in it.
type Server struct {
	URL      string // of the database, as a catalog has it, with the user reader, who may only read
	Addr     string
	Database string

	t       testing.TB
	process *process
}

// process is a server that runs. Its data survives Stop and Start.
type process struct {
	kind    kind
	dir     string
	addr    string
	command *exec.Cmd
	done    chan struct{}
	out     bytes.Buffer
	count   int // of databases
}

// kind is what differs between the servers.
type kind struct {
	name    string
	scheme  string
	install string                                                                 // the package
	program func() string                                                          // path of the server; "" if it is not there
	create  func(program, dir string) []*exec.Cmd                                  // makes the data of a new server in dir
	run     func(program, dir, port string) *exec.Cmd                              // runs it
	stop    syscall.Signal                                                         // ends it at once, but in order
	admin   func(ctx context.Context, addr, db string, statements ...string) error // as the user who may everything
	fresh   func(db string) []string                                               // statements that make a database
	rights  []string                                                               // statements within it
}

// newProcess makes a server and starts it.
func newProcess(t testing.TB, k kind) *process {
	t.Helper()
	program := k.program()
	if program == "" {
		t.Skipf("%s is not installed; to run this test: apt-get install %s", k.name, k.install)
	}
	dir, err := os.MkdirTemp(base(), "sqltest")
	if err != nil {
		t.Fatalf("make a folder for %s: %v", k.name, err)
	}
	p := &process{kind: k, dir: dir}
	if err := p.own(); err != nil {
		t.Fatalf("give the folder of %s to nobody: %v", k.name, err)
	}
	for _, c := range k.create(program, dir) {
		p.unprivileged(c)
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("make the data of %s: %v\n%s", k.name, err, out)
		}
	}
	for range 5 { // another process may take the free port before the server does
		p.addr = freeaddr.Of(t)
		if p.start(t) {
			return p
		}
	}
	t.Fatalf("%s does not start: %s", k.name, p.out.String())
	return nil
}

// own gives the folder to the user that the server runs as.
func (p *process) own() error {
	if os.Getuid() != 0 {
		return nil
	}
	uid, gid, err := nobody()
	if err != nil {
		return err
	}
	return os.Chown(p.dir, uid, gid)
}

// unprivileged has a command run as nobody if the test runs as root, which the servers refuse.
func (p *process) unprivileged(c *exec.Cmd) {
	c.Dir = p.dir
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if os.Getuid() != 0 {
		return
	}
	if uid, gid, err := nobody(); err == nil {
		c.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	}
	c.Env = append(os.Environ(), "HOME="+p.dir, "TMPDIR="+p.dir)
}

// base is where the folders of servers are made; "" is the usual place for temporary ones. Root's may be closed to nobody.
func base() string {
	if os.Getuid() == 0 {
		return "/tmp"
	}
	return ""
}

func nobody() (uid, gid int, err error) {
	u, err := user.Lookup("nobody")
	if err != nil {
		return 0, 0, err
	}
	uid, err = strconv.Atoi(u.Uid)
	if err != nil {
		return 0, 0, err
	}
	gid, err = strconv.Atoi(u.Gid)
	return uid, gid, err
}

// start runs the server and waits until it answers. It returns false if the process ended.
func (p *process) start(t testing.TB) bool {
	_, port, _ := net.SplitHostPort(p.addr)
	p.out.Reset()
	p.command = p.kind.run(p.kind.program(), p.dir, port)
	p.unprivileged(p.command)
	p.command.Stdout = &p.out
	p.command.Stderr = &p.out
	if err := p.command.Start(); err != nil {
		t.Fatalf("start %s: %v", p.kind.name, err)
	}
	p.done = make(chan struct{})
	go func(c *exec.Cmd, done chan struct{}) {
		defer close(done)
		_ = c.Wait()
	}(p.command, p.done)
	deadline := time.Now().Add(limit)
	for time.Now().Before(deadline) {
		ctx, cancel := context.WithTimeout(context.Background(), limit)
		err := p.kind.admin(ctx, p.addr, "")
		cancel()
		if err == nil {
			return true
		}
		select {
		case <-p.done:
			return false
		case <-time.After(20 * time.Millisecond):
		}
	}
	return false
}

// signal ends the server and waits for it.
func (p *process) signal(s syscall.Signal) {
	if p.command == nil {
		return
	}
	_ = p.command.Process.Signal(s)
	kill := time.AfterFunc(limit, func() { _ = p.command.Process.Kill() })
	<-p.done
	kill.Stop()
	p.command = nil
}

// lend makes a database for a test.
func (p *process) lend(t testing.TB) *Server {
	t.Helper()
	p.count++
	db := fmt.Sprintf("shop%d", p.count)
	s := &Server{t: t, process: p, Addr: p.addr, Database: db, URL: p.kind.scheme + "://reader@" + p.addr + "/" + db + "?sslmode=disable"}
	s.admin("", p.kind.fresh(db)...)
	s.Do(p.kind.rights...)
	return s
}

// Do runs statements in the test's database, as the user who may everything.
func (s *Server) Do(statements ...string) {
	s.t.Helper()
	s.admin(s.Database, statements...)
}

func (s *Server) admin(db string, statements ...string) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	if err := s.process.kind.admin(ctx, s.Addr, db, statements...); err != nil {
		s.t.Fatalf("%s: %v", s.process.kind.name, err)
	}
}

// Kill ends the server as a crash does. Start runs it again, at the same address, with its data.
func (s *Server) Kill() { s.process.signal(syscall.SIGKILL) }

// Start runs the server again after Kill.
func (s *Server) Start() {
	s.t.Helper()
	if s.process.command == nil && !s.process.start(s.t) {
		s.t.Fatalf("%s does not start again: %s", s.process.kind.name, s.process.out.String())
	}
}

// found is the first of some programs that is there.
func found(candidates ...string) string {
	for _, c := range candidates {
		if all, _ := filepath.Glob(c); len(all) > 0 {
			return all[len(all)-1]
		}
	}
	return ""
}
