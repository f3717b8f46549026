package chaos_test

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"vitrine/internal/canary"
)

// process is a vitrine process that can be hurt, and started again with the same arguments.
type process struct {
	name string
	args []string
	log  string // path of its log
	room string // after its password for the upstreams
	past string // an older copy of its folder; "" for none. For whoever has taken the process

	mu    sync.Mutex // guards all below
	cmd   *exec.Cmd
	said  map[string]string // the addresses that it printed: pages, admin, nats
	ended chan struct{}
	how   *os.ProcessState // of the last run
	hurt  bool             // a fault is on, so another one has to wait
	hurts int              // how often that was
}

// start runs the process until it has printed its addresses, and reports whether it has. A process may end at once
// while a server that it needs is away.
func (p *process) start(t *testing.T, binary string) bool {
	t.Helper()
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command(binary, p.args...)
	cmd.Env = append(os.Environ(), canary.ShopVariable+"="+canary.Shop+p.room)
	cmd.Stderr = log
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended, said := make(chan struct{}), make(chan map[string]string, 1)
	go func() {
		defer close(ended)
		readAddresses(out, p.lines(), said)
		cmd.Wait()
		p.mu.Lock()
		p.how = cmd.ProcessState
		p.mu.Unlock()
	}()
	p.mu.Lock()
	p.cmd = cmd
	p.ended = ended
	p.mu.Unlock()
	select {
	case addresses := <-said:
		p.mu.Lock()
		defer p.mu.Unlock()
		p.said = addresses
		return true
	case <-ended:
		return false
	case <-time.After(time.Minute):
		p.end(syscall.SIGKILL)
		return false
	}
}

// lines returns how many addresses the process prints.
func (p *process) lines() int {
	switch p.args[0] {
	case "up":
		return 3
	case "detail":
		return 2
	}
	return 1
}

// readAddresses reads n lines of a process's output, sends the addresses in them, and discards the rest of the
// output.
func readAddresses(out io.Reader, n int, said chan<- map[string]string) {
	addresses := map[string]string{}
	lines := bufio.NewScanner(out)
	for len(addresses) < n && lines.Scan() {
		what, address, _ := strings.Cut(lines.Text(), " ")
		address, _, _ = strings.Cut(strings.TrimSpace(address), " ")
		addresses[what] = strings.TrimSuffix(address, "/")
	}
	if len(addresses) == n {
		said <- addresses
	}
	io.Copy(io.Discard, out)
}

func (p *process) address(what string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.said[what]
}

// end sends a signal that ends the process, and waits until it has ended.
func (p *process) end(s syscall.Signal) {
	p.mu.Lock()
	cmd, ended := p.cmd, p.ended
	p.mu.Unlock()
	if cmd == nil {
		return
	}
	cmd.Process.Signal(syscall.SIGCONT)
	cmd.Process.Signal(s)
	select {
	case <-ended:
	case <-time.After(20 * time.Second):
		cmd.Process.Kill()
		<-ended
	}
}

// signal sends a signal that does not end the process.
func (p *process) signal(s syscall.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd != nil {
		p.cmd.Process.Signal(s)
	}
}

// runs reports whether the process is running.
func (p *process) runs() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.ended:
		return false
	default:
		return p.cmd != nil
	}
}

// ending says how the process ended, with its last output.
func (p *process) ending() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%s has ended (%s):\n%s", p.name, p.how, text[max(0, len(text)-4096):])
}

// take reserves the process for a fault, and reports whether it could. The caller has to release it.
func (p *process) take() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	taken := !p.hurt
	p.hurt = true
	p.hurts++
	return taken
}

// sound reports whether no fault is on, and how many there were before.
func (p *process) sound() (hurts int, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.hurts, !p.hurt
}

func (p *process) giveBack() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hurt = false
}
