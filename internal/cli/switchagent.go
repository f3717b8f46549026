package cli

import (
	"strings"

	"vitrine/internal/control"
)

type switchAgentCommand struct {
	Out    string `help:"File that nginx includes." required:"" placeholder:"FILE"`
	Reload string `help:"Command that has nginx read the file; run without a shell." default:"nginx -s reload"`
	// A successful reload proves nothing: nginx continues with its old configuration if the new one is invalid, and the
	// command succeeds.
	Confirm string `help:"Address on which nginx reports which switches it follows, for acknowledgements; written into the file." default:"127.0.0.1:8079" placeholder:"ADDR"`
	roomFlags
}

func (switchAgentCommand) Help() string {
	return `Examples:
  vitrine switch agent --out /etc/nginx/switches.conf
  vitrine switch agent --out /etc/nginx/switches.conf --reload "systemctl reload nginx" --nats nats://10.0.0.5:4222

It runs beside an nginx configured as in deploy/nginx, which then applies the switches route.… and crawlers before a request
reaches a server of pages. It is a process of the role front: switch set waits for it, too, and scopes can name it. It
acknowledges a switch once nginx applies it; until then it reports the reason, and tries again.`
}

// Run is vitrine switch agent.
func (c *switchAgentCommand) Run(e *env) error {
	if len(strings.Fields(c.Reload)) == 0 {
		return usagef("--reload names no command")
	}
	c.Secret = nil // the agent asks no upstream
	room, err := c.room(e, "front")
	if err != nil {
		return err
	}
	return room.RunFront(e.ctx, control.FrontConfig{Out: c.Out, Confirm: c.Confirm, Reload: strings.Fields(c.Reload)}, e.printAddresses)
}
