package upstream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/redact"
)

// runForToken runs the command that prints an upstream's token, without a shell, in a process group that ends with it.
// check has found that the operator of this process allows it.
func (c *Client) runForToken(ctx context.Context, u *catalog.Upstream) (t token, err error) {
	began, status := time.Now(), 0
	defer func() { c.Observed(Call{u.Name, "", UseToken, 0, status, err, time.Since(began)}) }()
	words := u.Token.Command
	from := "the command " + strings.Join(words, " ")
	cmd := exec.CommandContext(ctx, words[0], words[1:]...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second // for what it left behind to let go of its output
	out, complaint := &bounded{most: maxTokenAnswer}, &bounded{most: maxDrain}
	cmd.Stdout, cmd.Stderr = out, complaint
	err = cmd.Run()
	if errors.Is(err, exec.ErrWaitDelay) {
		err = nil // it ended well, and left something behind that holds its output
	}
	if err != nil {
		switch {
		case out.full:
			err = fmt.Errorf("it printed more than %d bytes", out.most)
		case ctx.Err() != nil:
			err = errors.New("it did not end in time")
		}
		return token{}, noToken(u.Name, from, fmt.Errorf("%w%s", err, c.complaint(u, out, complaint)))
	}
	text, err := tokenOf(out.String())
	if err != nil {
		return token{}, noToken(u.Name, from, fmt.Errorf("what it printed: %w", err))
	}
	status = http.StatusOK
	return token{text, u.Token.TTL}, nil
}

// complaint quotes what a command wrote to stderr, without anything that it wrote to stdout.
func (c *Client) complaint(u *catalog.Upstream, out, complaint *bounded) string {
	text := strings.Join(strings.Fields(complaint.String()), " ")
	if text == "" {
		return ""
	}
	return ": " + item.Clip(redact.Shown(c.conceal(u, masked(text, out.String()))), quoted)
}

// bounded keeps the beginning of what is written to it.
type bounded struct {
	text []byte
	most int
	full bool // something was left out
}

func (b *bounded) Write(p []byte) (int, error) {
	if len(b.text)+len(p) > b.most {
		b.full = true
		return 0, io.ErrShortWrite
	}
	b.text = append(b.text, p...)
	return len(p), nil
}

func (b *bounded) String() string { return string(b.text) }
