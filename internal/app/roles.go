package app

import (
	"fmt"

	"vitrine/internal/bus"
)

type heterogCommand struct{ roomFlags }
type syncerCommand struct{ roomFlags }

type detailCommand struct {
	roomFlags
	pageFlags
	HTTP      string `name:"http" help:"Listen address of the pages." default:"127.0.0.1:8080" placeholder:"ADDR"`
	Disk      string `help:"What the local bbolt file keeps: every announced blob (mirror), or what was read (reads)." enum:"mirror,reads" default:"mirror"`
	Replica   string `name:"blobs-replica" help:"A replica of the blobs Redis to read from; what it has too old is read again at the master." placeholder:"URL"`
	Templates string `help:"Folder with the shop's templates." type:"existingdir" placeholder:"DIR"`
}

func (heterogCommand) Help() string { return roleHelp("heterog") }
func (syncerCommand) Help() string  { return roleHelp("syncer") }
func (detailCommand) Help() string  { return roleHelp("detail") }

func roleHelp(role string) string {
	return fmt.Sprintf(`Examples:
  vitrine %[1]s --config room.yaml
  vitrine %[1]s --nats nats://10.0.0.5:4222 --redis redis://10.0.0.6:6379`, role)
}

// Run is vitrine heterog.
func (c *heterogCommand) Run(e *env) error {
	return c.runRole(e, "heterog", func(n *node) error {
		n.start(n.runHeterog)
		return c.addAdmin(n, n.readyToWork)
	})
}

// Run is vitrine syncer.
func (c *syncerCommand) Run(e *env) error {
	return c.runRole(e, "syncer", func(n *node) error {
		n.start(n.runSyncer)
		return c.addAdmin(n, n.readyToWork)
	})
}

// Run is vitrine detail.
func (c *detailCommand) Run(e *env) error {
	return c.runRole(e, "detail", func(n *node) error {
		shown, err := n.addDetail(detailOptions{HTTP: c.HTTP, Admin: c.Admin, Disk: c.Disk, Templates: c.Templates, Replica: c.Replica, Pages: c.pageFlags})
		if err == nil {
			fmt.Fprintf(e.stdout, "pages  %s/\nadmin  %s/\n", shown.HTTP, shown.Admin)
		}
		return err
	})
}

// runRole runs one role of a room: its agents are what add starts.
func (r roomFlags) runRole(e *env, role string, add func(*node) error) error {
	if err := r.needRedis(role); err != nil {
		return err
	}
	n, err := newNode(e, r.Dir, role, r.Room, r.Secret)
	if err != nil {
		return err
	}
	defer n.close()
	n.standsAlone = role == "detail"
	if err := n.connect(e.ctx, bus.Config{URL: r.NATS, Control: r.Control, Name: "vitrine " + role + " " + r.Room, Log: e.log, Away: true}); err != nil {
		if e.ctx.Err() != nil {
			return nil // told to end while it waited
		}
		return err
	}
	if err := n.useRedis(e.ctx, r.recordsURL(), r.blobsURL(), role != "detail"); err != nil {
		return err
	}
	if err := add(n); err != nil {
		return err
	}
	return n.run(e.ctx, nil)
}

// addAdmin has a process without pages answer its operators.
func (r roomFlags) addAdmin(n *node, ready func() (note string, err error)) error {
	a := newAdmin(n)
	a.ready = ready
	shown, err := n.listen("--admin", r.Admin, a.server())
	if err != nil {
		return err
	}
	fmt.Fprintf(n.env.stdout, "admin  %s/\n", shown)
	return nil
}
