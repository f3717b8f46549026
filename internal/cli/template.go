package cli

import (
	"fmt"
	"time"

	"vitrine/internal/bus"
	"vitrine/internal/control"
	"vitrine/templates"
)

type templateCommand struct {
	New      templateNew      `cmd:"" help:"Start a theme of your own."`
	Eject    templateEject    `cmd:"" help:"Write files of the built-in theme, with comments, to be changed."`
	Check    templateCheck    `cmd:"" help:"Check a folder of templates on pages of a running system, or else on sample data."`
	Push     templatePush     `cmd:"" help:"Check a folder of templates and put it in force on every server."`
	Rollback templateRollback `cmd:"" help:"Put an earlier revision in force again."`
	List     templateList     `cmd:"" help:"List the revisions that NATS keeps, and where templates fail on each server."`
}

func (templateCommand) Help() string {
	return `Examples:
  vitrine template eject offer.html
  vitrine template check templates/
  vitrine template push templates/
  vitrine template rollback
  vitrine template push templates/ --force

check, push and rollback have a running system render real pages with the templates first, and refuse templates that fail
on one. If no system answers at --admin, or its token is not in --dir, only sample data is tried; push refuses that if servers
that render pages are known. push and rollback wait until each server has the set in force. The exit code is 1 if a server that
is present refuses it or has not answered in time; servers that are cut off are named. Pushed templates replace the servers' own
folders; pushing a folder without files puts the folders in force again.`
}

type templateCheck struct {
	tryFlags
	Folder string `arg:"" help:"The folder." type:"existingdir"`
}

// Run is vitrine template check.
func (c *templateCheck) Run(e *env) error {
	t, err := c.check(e)
	if err == nil && t.OK && !c.JSON {
		fmt.Fprintf(e.stdout, "%s is sound: %d bytes packed\n", c.Folder, t.Bytes)
	}
	return c.finish(e, t, err)
}

func (c *templateCheck) check(e *env) (t tried, err error) {
	packed, err := packFolder(c.Folder)
	if err != nil {
		return t, err
	}
	t, err = c.try(e, packed)
	if err != nil {
		return t, err
	}
	set, err := templates.LoadFolder(c.Folder)
	if err != nil {
		return t, err
	}
	t.uncalled(e, set, c.JSON)
	t.OK = t.OK && len(t.Uncalled) == 0
	for _, gap := range set.Gaps() {
		t.NotCompiled = append(t.NotCompiled, gap.String())
		if !c.JSON {
			fmt.Fprintf(e.stdout, "%s is not compiled: html/template renders the pages that use it, which takes about ten times as long\n", gap)
		}
	}
	return t, nil
}

func packFolder(dir string) ([]byte, error) {
	packed, err := templates.PackFolder(dir)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	return packed, nil
}

type templatePush struct {
	templatePushFlags
	Folder string `arg:"" help:"The folder." type:"existingdir"`
}

// Run is vitrine template push.
func (c *templatePush) Run(e *env) error {
	packed, err := packFolder(c.Folder)
	if err != nil {
		return c.finish(e, tried{}, err)
	}
	return c.put(e, "template push", func(*bus.Conn) (templateChoice, error) {
		return templateChoice{packed: packed, what: c.Folder + " is"}, nil
	})
}

func pushedTemplates(f natsFlag) pushed {
	return pushed{f, control.TemplateBucket, control.TemplateKey, "template"}
}

type templateList struct {
	natsFlag
	JSON bool `name:"json" help:"Print one JSON object per line."`
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
	return listNodeTemplates(e.ctx, e.stdout, conn, c.JSON)
}

type templateRollback struct {
	templatePushFlags
	Revision uint64 `arg:"" optional:"" help:"The revision. Defaults to the one before the revision in force."`
}

// Run is vitrine template rollback.
func (c *templateRollback) Run(e *env) error {
	return c.put(e, "template rollback", func(conn *bus.Conn) (chosen templateChoice, err error) {
		earlier, err := pushedTemplates(c.natsFlag).earlier(e, conn, c.Revision)
		if err != nil {
			return chosen, err
		}
		if _, err := templates.LoadPacked(earlier.Value); err != nil {
			return chosen, fmt.Errorf("revision %d: %w", earlier.Revision, err)
		}
		packed, err := templates.Stamped(earlier.Value, time.Time{}) // it is pushed now
		return templateChoice{packed, fmt.Sprintf("revision %d is again", earlier.Revision), earlier.Revision}, err
	})
}
