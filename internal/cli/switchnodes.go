package cli

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"vitrine/internal/control"
)

type switchNodesCommand struct{ natsFlags }

// Run is vitrine switch nodes.
func (c *switchNodesCommand) Run(e *env) error {
	conn, err := c.dial(e, "switch nodes")
	if err != nil {
		return err
	}
	defer conn.Close()
	members, err := control.Members(e.ctx, conn)
	if err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(e.stdout).Encode(members)
	}
	w := tabwriter.NewWriter(e.stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "NODE\tID\tROLE\tROOM\tPID\tSINCE\tREVISION\tSTATE")
	for _, m := range members {
		state := strings.Join(append([]string{"there"}, m.Notes()...), "; ")
		if !m.Present {
			state = "cut off: last heard of " + m.Seen.Format(time.DateTime)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%s\t%d\t%s\n", m.Node, cmp.Or(m.ID, "-"), m.Role, m.Room, m.PID, m.Started.Format(time.DateTime), m.Revision, state)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if unsure := control.Unsure(e.ctx, conn, members); unsure != "" {
		_, err = fmt.Fprintln(e.stderr, unsure)
	}
	return err
}

type switchForgetCommand struct {
	Node string `arg:"" help:"The process, as switch nodes lists it: NODE, or NODE.ID where several have the name."`
	natsFlags
}

// Help is more of vitrine switch forget --help.
func (switchForgetCommand) Help() string {
	return `A process that ended without notice (it was killed, or its machine failed) is expected for a day: switch set names it as missing.
Forget one that will not come back. A running process is listed again within seconds.`
}

// Run is vitrine switch forget.
func (c *switchForgetCommand) Run(e *env) error {
	conn, err := c.dial(e, "switch forget")
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := control.Forget(e.ctx, conn, c.Node); err != nil {
		return err
	}
	_, err = fmt.Fprintf(e.stdout, "%s is no longer expected\n", c.Node)
	return err
}
