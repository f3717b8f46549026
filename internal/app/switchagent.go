package app

import (
	"strings"

	"vitrine/internal/bus"
	"vitrine/internal/control"
)

type switchAgentCommand struct {
	Out    string `help:"File that nginx includes." required:"" placeholder:"FILE"`
	Reload string `help:"Command that has nginx read it; no shell." default:"nginx -s reload"`
	// A reload is no proof: nginx goes on with its old configuration where the new one can't be had, and the command succeeds.
	Confirm string `help:"Address on which nginx says which switches it obeys, so that an acknowledgement is true; written into the file." default:"127.0.0.1:8079" placeholder:"ADDR"`
	roomFlags
}

func (switchAgentCommand) Help() string {
	return `Examples:
  vitrine switch agent --out /etc/nginx/switches.conf
  vitrine switch agent --out /etc/nginx/switches.conf --reload "systemctl reload nginx" --nats nats://10.0.0.5:4222

Runs beside an nginx that is configured as in deploy/nginx, and has it obey the switches route.… and crawlers before a
request reaches a server of pages. It is a process of the role front: switch set waits for it too, and scopes name it. It acknowledges
a switch when nginx answers by it; while that fails it says why, and tries again.`
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
	n.standsAlone = true
	f := control.NewFront(control.FrontConfig{Panel: n.switches, Log: n.log, Out: c.Out, Confirm: c.Confirm, Reload: strings.Fields(c.Reload)})
	n.board.ObeyedBy(f.Obey)
	n.switches.Changed(f.Look)
	if err := n.connect(e.ctx, bus.Config{URL: c.NATS, Control: c.Control, Name: "vitrine front " + c.Room, Log: e.log, Away: true}); err != nil {
		return err
	}
	n.start(f.Run)
	if err := c.addAdmin(n, n.readyToObey); err != nil {
		return err
	}
	return n.run(e.ctx, nil)
}
