package cli

import (
	"errors"
	"fmt"
	"io"

	"vitrine/internal/node"
	"vitrine/internal/upstream"
)

type heterogCommand struct {
	roomFlags
	notifyFlags
	roomsFlag
}
type syncerCommand struct{ roomFlags }

type detailCommand struct {
	roomFlags
	replicaFlag
	pageFlags
	roomsFlag
	HTTP      string `name:"http" help:"Listen address of the pages." default:"127.0.0.1:8080" placeholder:"ADDR"`
	Disk      string `help:"What the local bbolt file keeps: every announced blob (mirror), or what was read (reads)." enum:"mirror,reads" default:"mirror"`
	Templates string `help:"Folder with the shop's templates." type:"existingdir" placeholder:"DIR"`
	Index     bool   `help:"List all products at /, as vitrine up does."`
}

// Validate is of both groups of flags: neither is that of the whole by itself, and kong would call none.
func (c detailCommand) Validate() error {
	return errors.Join(c.natsAccess.Validate(), c.pageFlags.Validate())
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
	room, err := c.open(e, "heterog")
	if err != nil {
		return err
	}
	room.Notify, err = c.listener()
	if err != nil {
		return err
	}
	room.Rooms, err = c.around(room.Room)
	if err != nil {
		return err
	}
	return room.RunHeterog(e.ctx, e.printAddresses)
}

// Run is vitrine syncer.
func (c *syncerCommand) Run(e *env) error {
	room, err := c.open(e, "syncer")
	if err != nil {
		return err
	}
	return room.RunSyncer(e.ctx, e.printAddresses)
}

// Run is vitrine detail.
func (c *detailCommand) Run(e *env) error {
	room, err := c.open(e, "detail")
	if err != nil {
		return err
	}
	room.Rooms, err = c.around(room.Room)
	if err != nil {
		return err
	}
	pages := c.pages(c.HTTP, c.Admin, c.Disk)
	pages.Templates = c.Templates
	pages.Replica = c.BlobsRead
	pages.Index = c.Index
	return room.RunDetail(e.ctx, pages, e.printAddresses)
}

// open checks the flags of a role that needs a store.
func (r roomFlags) open(e *env, role string) (node.Room, error) {
	if err := r.needRedis(role); err != nil {
		return node.Room{}, err
	}
	return r.room(e, role)
}

// room is the node's room from the flags.
func (r roomFlags) room(e *env, role string) (node.Room, error) {
	secrets, err := r.secrets()
	return node.Room{
		Config: e.process(r.Dir, role, r.Room, secrets), NATS: r.NATS, Access: r.access(), Records: r.recordsURL(), Blobs: r.blobsURL(), Admin: r.Admin,
	}, err
}

// secrets is what --secret allows.
func (f secretFlag) secrets() (*upstream.Secrets, error) {
	secrets, err := upstream.NewSecrets(f.Secret, nil)
	if err != nil {
		return nil, usageError{err}
	}
	return secrets, nil
}

// process is what every process takes from its command line.
func (e *env) process(dir, role, room string, secrets *upstream.Secrets) node.Config {
	return node.Config{Dir: dir, Role: role, Room: room, Secrets: secrets, Log: e.log, SetLevel: e.setLevel, Output: e.stdout}
}

// printAddresses prints the addresses of a process.
func (e *env) printAddresses(a node.Addresses) {
	if a.Pages != "" {
		fmt.Fprintf(e.stdout, "pages  %s/\n", a.Pages)
	}
	fmt.Fprintf(e.stdout, "admin  %s/\n", a.Admin)
	printNotify(e.stdout, a)
}

// printNotify prints where notifications by HTTP go, if anywhere.
func printNotify(w io.Writer, a node.Addresses) {
	if a.Notify != "" {
		fmt.Fprintf(w, "notify %s/notify\n", a.Notify)
	}
}
