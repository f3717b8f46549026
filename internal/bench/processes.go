package bench

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"vitrine/internal/bus"
	"vitrine/internal/item"
	"vitrine/internal/redact"
)

// startLimit is how long a process may take until it says where it listens.
const startLimit = 60 * time.Second

// child is a process of a system under test.
type child struct {
	name string
	cmd  *exec.Cmd
	says string      // the word that its lines begin with
	told chan string // what follows that word
	errs bytes.Buffer
	done chan struct{} // closed when it has ended
	in   io.WriteCloser

	mu     sync.Mutex
	memory float64 // the most so far, bytes
}

// spawn starts a process and waits until it prints a line of the word says and an address, which it returns. The process ends with ctx.
func spawn(ctx context.Context, name, says, program string, args ...string) (c *child, addr string, err error) {
	c = &child{name: name, says: says, told: make(chan string, 1), done: make(chan struct{})}
	c.cmd = exec.CommandContext(ctx, program, args...)
	c.cmd.Cancel = func() error { return c.cmd.Process.Signal(syscall.SIGTERM) }
	c.cmd.WaitDelay = 10 * time.Second
	c.cmd.Stderr = &c.errs
	c.in, err = c.cmd.StdinPipe()
	if err != nil {
		return nil, "", err
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, "", err
	}
	if err := c.cmd.Start(); err != nil {
		return nil, "", fmt.Errorf("%w: start %s: %w", item.ErrUnavailable, name, err)
	}
	go c.follow(out)
	limit := time.NewTimer(startLimit)
	defer limit.Stop()
	select {
	case addr = <-c.told:
		return c, addr, nil
	case <-c.done:
		return nil, "", fmt.Errorf("%w: %s ended: %s", item.ErrUnavailable, name, item.Clip(c.errs.String(), 600))
	case <-limit.C:
		return nil, "", fmt.Errorf("%w: %s did not start within %s", item.ErrUnavailable, name, startLimit)
	case <-ctx.Done():
		return nil, "", ctx.Err()
	}
}

// follow reads what the process prints until it ends, and looks at its memory.
func (c *child) follow(out io.Reader) {
	defer redact.Crash()
	ended := make(chan struct{})
	go c.watchMemory(ended)
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		word, addr, _ := strings.Cut(strings.TrimSpace(lines.Text()), " ")
		if word != c.says {
			continue
		}
		select {
		case c.told <- strings.TrimSuffix(strings.TrimSpace(addr), "/"):
		default:
		}
	}
	c.cmd.Wait()
	close(ended)
	close(c.done)
}

// watchMemory keeps the most memory that the process had, of that which is no file's.
func (c *child) watchMemory(ended <-chan struct{}) {
	defer redact.Crash()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ended:
			return
		case <-tick.C:
		}
		now, err := anonymous(c.cmd.Process.Pid)
		if err != nil {
			continue // it is ending
		}
		c.mu.Lock()
		c.memory = max(c.memory, now)
		c.mu.Unlock()
	}
}

func (c *child) peak() float64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.memory
}

// used is the CPU time that all threads of the process have used, to the nanosecond.
func (c *child) used() (used time.Duration, err error) {
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", c.cmd.Process.Pid))
	if err != nil || len(files) == 0 {
		return 0, fmt.Errorf("CPU of %s: it has ended, or this is no Linux, which this bench needs", c.name)
	}
	for _, file := range files {
		stat, _ := os.ReadFile(file) // a thread may have ended
		first, _, _ := strings.Cut(string(stat), " ")
		ns, _ := strconv.ParseInt(first, 10, 64)
		used += time.Duration(ns)
	}
	return used, nil
}

// ask asks the process of vitrine bench nats for its traffic.
func (c *child) ask() (t bus.Traffic, err error) {
	if _, err := io.WriteString(c.in, "\n"); err != nil {
		return t, fmt.Errorf("ask %s: %w", c.name, err)
	}
	limit := time.NewTimer(startLimit)
	defer limit.Stop()
	select {
	case line := <-c.told:
		return t, json.Unmarshal([]byte(line), &t)
	case <-c.done:
	case <-limit.C:
	}
	return t, fmt.Errorf("%w: %s does not answer", item.ErrUnavailable, c.name)
}

// anonymous is the memory of a process that is no file's, in bytes.
func anonymous(pid int) (float64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	_, rest, ok := strings.Cut(string(status), "\nRssAnon:")
	if !ok {
		return 0, errors.New("/proc has no RssAnon")
	}
	line, _, _ := strings.Cut(rest, "\n")
	kib, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(line), "kB")), 64)
	return kib * 1024, err
}

// end ends processes and waits for them.
func end(stop context.CancelFunc, all []*child) {
	stop()
	for _, c := range all {
		<-c.done
	}
}
