package cli

import (
	"fmt"

	"vitrine/internal/bus"
	"vitrine/internal/control"
	"vitrine/templates"
)

type templateCommand struct {
	Check    templateCheck    `cmd:"" help:"Check a folder of templates: they render pages of a running system, or else sample data."`
	Push     templatePush     `cmd:"" help:"Check a folder of templates and put it in force on every server."`
	Rollback templateRollback `cmd:"" help:"Put an earlier revision in force again."`
	List     templateList     `cmd:"" help:"List the revisions that NATS keeps, and where templates fail on each server."`
}

func (templateCommand) Help() string {
	return `Examples:
  vitrine template check templates/
  vitrine template push templates/

Both have a running system render real pages by the templates before, and refuse those that fail on one; where no
system answers at --admin, or its token is not in --dir, only sample data is tried. What is pushed takes the place of the servers' own folders; a folder without files gives it back.`
}

type templateCheck struct {
	tryFlags
	Folder string `arg:"" help:"The folder." type:"existingdir"`
}

// Run is vitrine template check.
func (c *templateCheck) Run(e *env) error {
	packed, err := templates.PackFolder(c.Folder)
	if err != nil {
		return fmt.Errorf("%s: %w", c.Folder, err)
	}
	if err := c.try(e, packed); err != nil {
		return err
	}
	_, err = fmt.Fprintf(e.stdout, "%s is sound: %d bytes packed\n", c.Folder, len(packed))
	return err
}

type templatePush struct {
	natsFlag
	tryFlags
	Folder string `arg:"" help:"The folder." type:"existingdir"`
}

// Run is vitrine template push.
func (c *templatePush) Run(e *env) error {
	packed, err := templates.PackFolder(c.Folder)
	if err != nil {
		return fmt.Errorf("%s: %w", c.Folder, err)
	}
	if err := c.try(e, packed); err != nil {
		return err
	}
	return pushedTemplates(c.natsFlag).push(e, c.Folder, func(conn *bus.Conn) (uint64, error) {
		revision, err := conn.Bucket(control.TemplateBucket).Put(e.ctx, control.TemplateKey, packed)
		if err != nil {
			return 0, fmt.Errorf("push the templates: %w", err)
		}
		return revision, nil
	})
}

func pushedTemplates(f natsFlag) pushed {
	return pushed{f, control.TemplateBucket, control.TemplateKey, "template"}
}

type templateList struct {
	natsFlag
	JSON bool `name:"json" help:"Print one JSON object a line."`
}

// Run is vitrine template list.
func (c *templateList) Run(e *env) error {
	if err := pushedTemplates(c.natsFlag).list(e, c.JSON); err != nil {
		return err
	}
	conn, err := c.dial(e, "template list")
	if err != nil {
		return err
	}
	defer conn.Close()
	return listLooks(e.ctx, e.stdout, conn, c.JSON)
}

type templateRollback struct {
	natsFlag
	Revision uint64 `arg:"" optional:"" help:"The revision; left out, the one before that in force."`
}

// Run is vitrine template rollback.
func (c *templateRollback) Run(e *env) error {
	return pushedTemplates(c.natsFlag).rollback(e, c.Revision)
}
