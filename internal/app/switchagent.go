package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"time"

	"vitrine/detail"
	"vitrine/internal/bus"
	"vitrine/internal/durable"
	"vitrine/switches"
)

type switchAgentCommand struct {
	Out    string `help:"File that nginx includes." required:"" placeholder:"FILE"`
	Reload string `help:"Command that has nginx read it; no shell." default:"nginx -s reload"`
	roomFlags
}

func (switchAgentCommand) Help() string {
	return `Examples:
  vitrine switch agent --out /etc/nginx/switches.conf
  vitrine switch agent --out /etc/nginx/switches.conf --reload "systemctl reload nginx" --nats nats://10.0.0.5:4222

Runs beside an nginx that is configured as in deploy/nginx, and has it obey the switches route.… and crawlers before a
request reaches a server of pages. It is a process of the role front: switch set waits for it too, and scopes name it.`
}

// Run is vitrine switch agent.
func (c *switchAgentCommand) Run(e *env) error {
	if len(strings.Fields(c.Reload)) == 0 {
		return usagef("--reload names no command")
	}
	n, err := newNode(e, c.Dir, "front", c.Room, nil)
	if err != nil {
		return err
	}
	defer n.close()
	f := &front{node: n, out: c.Out, reload: strings.Fields(c.Reload)}
	n.switches.Changed(f.render) // before an applied switch is acknowledged
	f.render()
	if err := n.connect(e.ctx, bus.Config{URL: c.NATS, Control: c.Control, Name: "vitrine front " + c.Room, Log: e.log, Away: true}); err != nil {
		return err
	}
	if err := c.addAdmin(n); err != nil {
		return err
	}
	return n.run(e.ctx, nil)
}

// front has an nginx obey the switches.
type front struct {
	node   *node
	out    string
	reload []string
}

const reloadWithin = 10 * time.Second

// render writes the file and has nginx read it, where it says something else than before.
func (f *front) render() {
	body := f.file()
	if old, err := os.ReadFile(f.out); err == nil && bytes.Equal(old, body) {
		return
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		f.node.log.Error("the file for nginx can't be read", "error", err)
	}
	if err := durable.WriteFile(f.out, body); err != nil {
		f.node.log.Error("the file for nginx can't be written", "error", err)
		return
	}
	ctx, cancel := context.WithTimeout(f.node.env.ctx, reloadWithin)
	defer cancel()
	if out, err := exec.CommandContext(ctx, f.reload[0], f.reload[1:]...).CombinedOutput(); err != nil {
		f.node.log.Error("nginx was not reloaded", "command", strings.Join(f.reload, " "), "error", err, "output", string(out))
		return
	}
	f.node.log.Info("nginx obeys", "file", f.out)
}

// file is what nginx includes: which requests it answers by itself.
func (f *front) file() []byte {
	var b bytes.Buffer
	b.WriteString("# Written by vitrine switch agent: which requests nginx answers with 503 itself.\nmap $uri $vitrine_route {\n    default 0;\n")
	for _, route := range []struct{ name, pattern string }{
		{switches.RouteLive, `^(/[^?]*)?/live(/|$)`}, {switches.RouteBlobs, `^(/[^?]*)?/blobs/`}, {switches.RouteRelations, `^(/[^?]*)?/relations/`},
	} {
		if !f.node.switches.On(route.name) {
			fmt.Fprintf(&b, "    \"~%s\" 1;\n", route.pattern)
		}
	}
	b.WriteString("}\nmap $http_user_agent $vitrine_crawler {\n    default 0;\n")
	if !f.node.switches.On(switches.Crawlers) {
		fmt.Fprintf(&b, "    \"~*%s\" 1;\n", detail.CrawlerPattern)
	}
	b.WriteString("}\nmap \"$vitrine_route$vitrine_crawler\" $vitrine_shed {\n    default 1;\n    \"00\"    0;\n}\n")
	return b.Bytes()
}
