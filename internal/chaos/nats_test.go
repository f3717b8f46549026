package chaos_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"vitrine/internal/bus"
)

// natsVariable has the test's program be a NATS server at an address, with its files in the working folder. So a test can kill one.
const natsVariable = "VITRINE_CHAOS_NATS"

// serveNATS serves until the process is killed.
func serveNATS(addr string) {
	if _, err := bus.Embed(context.Background(), bus.EmbedConfig{Dir: ".", Addr: addr}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println("ready")
	select {}
}

// natsProcess is a NATS server in a process of its own, which can be killed, and started again.
type natsProcess struct {
	t         *testing.T
	dir, addr string
	cmd       *exec.Cmd
}

// start runs the server, and waits until it is ready.
func (n *natsProcess) start() {
	n.t.Helper()
	if err := os.MkdirAll(n.dir, 0o755); err != nil {
		n.t.Fatal(err)
	}
	program, err := os.Executable()
	if err != nil {
		n.t.Fatal(err)
	}
	n.cmd = exec.Command(program)
	n.cmd.Dir = n.dir
	n.cmd.Env = append(os.Environ(), natsVariable+"="+n.addr)
	n.cmd.Stderr = os.Stderr
	n.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := n.cmd.StdoutPipe()
	if err != nil {
		n.t.Fatal(err)
	}
	if err := n.cmd.Start(); err != nil {
		n.t.Fatal(err)
	}
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		n.t.Fatalf("NATS does not start: %v", err)
	}
}

// lose kills the server, and removes its files.
func (n *natsProcess) lose() {
	n.t.Helper()
	n.kill()
	if err := os.RemoveAll(n.dir); err != nil {
		n.t.Fatal(err)
	}
}

func (n *natsProcess) kill() {
	if n.cmd != nil {
		n.cmd.Process.Kill()
		n.cmd.Wait()
		n.cmd = nil
	}
}
