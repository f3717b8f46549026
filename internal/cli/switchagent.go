package cli

import (
	"strings"

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
	c.Secret = nil // it asks no upstream
	room, err := c.room(e, "front")
	if err != nil {
		return err
	}
	return room.RunFront(e.ctx, control.FrontConfig{Out: c.Out, Confirm: c.Confirm, Reload: strings.Fields(c.Reload)}, e.printAddresses)
}
